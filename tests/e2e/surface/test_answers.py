"""One answer: create, stream, parse, and the tokens that it takes."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

pytestmark = pytest.mark.engine

HELLO = "Hello! How can I help you today?"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Person(BaseModel):
    name: str
    city: str


def test_an_answer_is_whole(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Say hello", metadata={"a": "b"})
    assert (made.status, made.output_text, made.error) == ("completed", HELLO, None)
    assert made.id.startswith("resp_")
    assert made.model == ("tiny" if model == "native" else model)
    assert made.metadata == {"a": "b"}
    assert made.completed_at is not None
    assert made.completed_at >= made.created_at
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens


def test_a_stream_is_the_same_answer_event_by_event(client: OpenAI, model: str) -> None:
    events = list(client.responses.create(model=model, input="Say hello", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events if event.type != "response.output_text.delta"] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == HELLO
    last: Any = events[-1]
    assert last.response.output_text == HELLO
    assert client.responses.retrieve(last.response.id) == last.response


def test_the_stream_helper_gives_the_answer(client: OpenAI, model: str) -> None:
    with client.responses.stream(model=model, input="Say hello") as stream:
        snapshots = [e.snapshot for e in stream if e.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert snapshots[-1] == final.output_text == HELLO


def test_an_object_is_parsed(client: OpenAI, model: str) -> None:
    prompt = "Give me JSON with name Ann and city Paris."
    asked: Any = {"model": model, "input": prompt, "text_format": Person}
    assert client.responses.parse(**asked).output_parsed == Person(name="Ann", city="Paris")
    with client.responses.stream(**asked) as stream:
        final = stream.get_final_response()
    assert final.output_parsed == Person(name="Ann", city="Paris")


@pytest.mark.parametrize("streamed", [False, True])
def test_a_function_is_called_and_its_output_read(
    client: OpenAI, model: str, streamed: bool
) -> None:
    asked: Any = {"model": model, "tools": [WEATHER]}
    prompt: Any = {"role": "user", "content": "What is the weather in Paris?"}
    if streamed:
        with client.responses.stream(**asked, input=[prompt]) as stream:
            made: Any = stream.get_final_response()
    else:
        made = client.responses.create(**asked, input=[prompt])
    (call,) = [item for item in made.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    items = [item.to_dict(warnings=False) for item in made.output]
    for item in items:
        item.pop("parsed_arguments", None)  # the helper's own
    straight = client.responses.create(**asked, input=[prompt, *items, output])
    chained = client.responses.create(**asked, input=[output], previous_response_id=made.id)
    assert "sunny" in straight.output_text
    assert chained.output_text == straight.output_text


def test_reasoning_is_an_item_of_its_own(client: OpenAI, model: str) -> None:
    made = client.responses.create(
        model=model, input="Say hello", reasoning={"effort": "high", "summary": "auto"}
    )
    assert [item.type for item in made.output] == ["reasoning", "message"]
    assert made.output_text == HELLO


def test_what_is_cut_short_is_incomplete(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Count from 1 to 9", max_output_tokens=16)
    assert made.status == "incomplete"
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == "max_output_tokens"
    assert made.completed_at is None
    assert made.output_text.startswith("1, 2, 3")


def test_the_tokens_of_an_input_are_counted(client: OpenAI, model: str) -> None:
    asked: Any = {"model": model, "input": "Say hello", "instructions": "Be kind."}
    raw = client.responses.input_tokens.with_raw_response.count(**asked)
    counted, used = raw.parse().input_tokens, client.responses.create(**asked).usage
    assert used is not None
    if model == "chat":  # whose servers count for nobody
        assert raw.headers["x-stack-token-count"] == "estimated"
        assert counted > 0
    else:
        assert counted == used.input_tokens


def test_what_the_model_cannot_take_is_the_sdks_own_error(client: OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="word " * 20_000)
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.responses.create(model=model, input="Say hello", temperature=9)
