"""Formats and calls are enforced in every protocol, streaming and not, and refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

jsonschema = pytest.importorskip("jsonschema")

pytestmark = pytest.mark.engine

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "place": {"type": "string", "pattern": "^[A-Z][a-z]{2,8}$"},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "unit": {"enum": ["C", "F"]},
    },
    "required": ["place", "days", "unit"],
    "additionalProperties": False,
}
NOTE: dict[str, Any] = {
    "type": "object",
    "properties": {"tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 4}},
    "required": ["tags"],
    "additionalProperties": False,
}
SCHEMAS = {"forecast": CITY, "note": NOTE}
ASKED = "Zq xv?"
HOT = {"temperature": 1.5, "top_p": 1.0}

Call = tuple[str, str]


def _chat(url: str, stream: bool, seed: int) -> list[Call]:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in SCHEMAS.items()
    ]
    with OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        asked: dict[str, Any] = {
            "model": "tiny",
            "messages": [{"role": "user", "content": ASKED}],
            "tools": tools,
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "max_tokens": 300,
            "seed": seed,
            **HOT,
        }
        if not stream:
            whole = client.chat.completions.create(**asked)
            calls = whole.choices[0].message.tool_calls or []
            return [(call.function.name, call.function.arguments) for call in calls]
        with client.chat.completions.stream(**asked) as events:
            final = events.get_final_completion()
        calls = final.choices[0].message.tool_calls or []
        return [(call.function.name, call.function.arguments) for call in calls]


def _responses(url: str, stream: bool, seed: int) -> list[Call]:
    tools = [
        {"type": "function", "name": name, "parameters": schema, "strict": True}
        for name, schema in SCHEMAS.items()
    ]
    with OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        asked: dict[str, Any] = {
            "model": "tiny",
            "input": f"{ASKED} {seed}",
            "tools": tools,
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "max_output_tokens": 300,
            **HOT,
        }
        if stream:
            with client.responses.stream(**asked) as events:
                final = events.get_final_response()
        else:
            final = client.responses.create(**asked)
    return [(i.name, i.arguments) for i in final.output if i.type == "function_call"]


def _messages(url: str, stream: bool, seed: int) -> list[Call]:
    tools = [{"name": name, "input_schema": schema} for name, schema in SCHEMAS.items()]
    with Anthropic(base_url=url, api_key="unused", max_retries=0) as client:
        asked: dict[str, Any] = {
            "model": "tiny",
            "messages": [{"role": "user", "content": f"{ASKED} {seed}"}],
            "tools": tools,
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "max_tokens": 300,
            "extra_body": {"temperature": 1.5},
        }
        if stream:
            with client.messages.stream(**asked) as events:
                final = events.get_final_message()
        else:
            final = client.messages.create(**asked)
    return [(b.name, json.dumps(b.input)) for b in final.content if b.type == "tool_use"]


PROTOCOLS = {"chat": _chat, "responses": _responses, "messages": _messages}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_forced_call_parses_and_is_valid(tiny: str, protocol: str, stream: bool) -> None:
    for seed in range(4):
        calls = PROTOCOLS[protocol](tiny, stream, seed)
        assert len(calls) == 1
        name, arguments = calls[0]
        jsonschema.Draft202012Validator(SCHEMAS[name]).validate(json.loads(arguments))


@pytest.fixture
def openai_client(tiny: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{tiny}/v1", api_key="unused", max_retries=0) as client:
        yield client


def test_a_schema_is_kept_to_in_every_protocol(tiny: str, openai_client: OpenAI) -> None:
    check = jsonschema.Draft202012Validator(CITY).validate
    chat = openai_client.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": ASKED}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "city", "schema": CITY, "strict": True},
        },
        temperature=1.5,
    )
    check(json.loads(chat.choices[0].message.content or ""))
    response = openai_client.responses.create(
        model="tiny",
        input=ASKED,
        text={"format": {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}},
        temperature=1.5,
    )
    check(json.loads(response.output_text))
    with Anthropic(base_url=tiny, api_key="unused", max_retries=0) as client:
        message = client.messages.create(
            model="tiny",
            max_tokens=300,
            messages=[{"role": "user", "content": ASKED}],
            output_config={"format": {"type": "json_schema", "schema": CITY}},
        )
    (block,) = message.content
    assert block.type == "text"
    check(json.loads(block.text))


def test_what_cannot_be_enforced_is_a_400_that_names_it(tiny: str, openai_client: OpenAI) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"x": {"not": {"const": 1}}}}
    with pytest.raises(openai.BadRequestError, match=r"cannot be enforced.*\[.*not.*\]") as chat:
        openai_client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": ASKED}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": schema, "strict": True},
            },
        )
    assert chat.value.param == "response_format"
    grammar: Any = {"type": "grammar", "syntax": "lark", "definition": "start: nothing"}
    with pytest.raises(openai.BadRequestError, match="unknown name") as responses:
        openai_client.responses.create(
            model="tiny",
            input=ASKED,
            tools=[{"type": "custom", "name": "t", "format": grammar}],
        )
    assert responses.value.param is not None
    assert responses.value.param.startswith("tools.0")
    with (
        Anthropic(base_url=tiny, api_key="unused", max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError, match=r"output_config.*not"),
    ):
        client.messages.create(
            model="tiny",
            max_tokens=30,
            messages=[{"role": "user", "content": ASKED}],
            output_config={"format": {"type": "json_schema", "schema": schema}},
        )


def test_a_custom_tools_grammar_is_kept_to(openai_client: OpenAI) -> None:
    definition = 'start: ("set " /[a-z]{1,8}/ "=" /[0-9]{1,4}/ LF)+\n%import common.LF'
    response = openai_client.responses.create(
        model="tiny",
        input=ASKED,
        tools=[
            {
                "type": "custom",
                "name": "settings",
                "format": {"type": "grammar", "syntax": "lark", "definition": definition},
            }
        ],
        tool_choice={"type": "custom", "name": "settings"},
        parallel_tool_calls=False,
        max_output_tokens=400,
        temperature=1.5,
    )
    calls = [item for item in response.output if item.type == "custom_tool_call"]
    for call in calls:
        lines = call.input.splitlines()
        assert lines
        assert all(line.startswith("set ") and "=" in line for line in lines)
    assert calls or response.status == "incomplete"
