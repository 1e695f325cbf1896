"""The answer object is whole: all that the Open Responses specification and the SDK require."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import responses_cases as cases
from openai.types.responses import Response
from responses_cases import API

from polystack.core.canon import ir
from polystack.core.canon.errors import NotSupported

# What `ResponseResource` of Open Responses requires, in its version of 2026-04-24.
REQUIRED = frozenset(
    """
    background completed_at created_at error frequency_penalty id incomplete_details instructions
    max_output_tokens max_tool_calls metadata model object output parallel_tool_calls
    presence_penalty previous_response_id prompt_cache_key reasoning safety_identifier service_tier
    status store temperature text tool_choice tools top_logprobs top_p truncation usage
    """.split()
)
ECHOED = {
    "max_tool_calls": 3,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "prompt_cache_key": "key",
    "prompt_cache_retention": "24h",
    "safety_identifier": "somebody",
    "temperature": 0.5,
    "tool_choice": "none",
    "top_logprobs": 2,
    "top_p": 0.5,
    "truncation": "auto",
    "user": "me",
}


def answer(**asked: Any) -> dict[str, Any]:
    request = API.decode({"model": "m", "input": "hi", **asked})
    said = ir.Response("x", "m", (ir.Text("hi"),), ir.Stop("end"), ir.Usage(1, 1))
    return API.document(request, [said], cases.context())


def test_nothing_that_is_required_is_missing() -> None:
    of_the_sdk = {name for name, field in Response.model_fields.items() if field.is_required()}
    assert answer().keys() >= REQUIRED | of_the_sdk
    assert answer()["conversation"] is None


def test_it_was_complete_when_it_ended_and_never_before_it_began() -> None:
    request = API.decode({"model": "m", "input": "hi"})
    said = ir.Response("x", "m", (ir.Text("hi"),), ir.Stop("end"), ir.Usage(1, 1))
    times = {}
    for late in (-5, 0, 5):
        context = cases.context()
        timed = replace(context, clock=partial(int, context.created + late))
        shown = API.document(request, [said], timed)
        times[late] = shown["completed_at"] - shown["created_at"]
    assert times == {-5: 0, 0: 0, 5: 5}


@pytest.mark.parametrize("field", ECHOED)
def test_what_was_asked_for_is_echoed(field: str) -> None:
    assert answer(**{field: ECHOED[field]})[field] == ECHOED[field]


def test_a_function_is_echoed_with_the_fields_that_were_left_out() -> None:
    tools = [{"type": "function", "name": "f"}, {"type": "web_search"}]
    assert answer(tools=tools)["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None},
        {"type": "web_search"},
    ]


def test_a_schema_is_echoed_with_the_fields_that_were_left_out() -> None:
    format = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    whole = format | {"description": None, "strict": False}
    assert answer(text={"format": format})["text"] == {"format": whole, "verbosity": "medium"}


def test_a_prompt_template_is_refused_by_name() -> None:
    with pytest.raises(NotSupported, match="prompt: prompt templates are not kept here"):
        answer(prompt={"id": "pmpt_1"})
