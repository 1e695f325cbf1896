"""The official openai SDK over HTTP against the tiny model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

pytestmark = pytest.mark.engine

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello"}]


class Person(BaseModel):
    name: str
    city: str


@pytest.fixture
def client(tiny: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{tiny}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
async def aclient(tiny: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{tiny}/v1", api_key="unused", max_retries=0) as client:
        yield client


# Responses ---------------------------------------------------------------------------------------


def test_responses_create_and_stream_say_the_same(client: OpenAI) -> None:
    whole = client.responses.create(model="tiny", input="Say hello")
    assert whole.status == "completed"
    assert whole.output_text
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens
    events = list(client.responses.create(model="tiny", input="Say hello", stream=True))
    deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert deltas == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == whole.output_text


def test_responses_stream_helper_gives_the_final_response(client: OpenAI) -> None:
    with client.responses.stream(model="tiny", input="Say hello") as stream:
        final = stream.get_final_response()
    assert final.output_text == client.responses.create(model="tiny", input="Say hello").output_text


def test_responses_parse_gives_an_object(client: OpenAI) -> None:
    prompt = "Give me JSON with name Ann and city Paris."
    parsed = client.responses.parse(model="tiny", input=prompt, text_format=Person)
    assert parsed.output_parsed == Person(name="Ann", city="Paris")


def test_responses_counts_input_tokens(client: OpenAI) -> None:
    count = client.responses.input_tokens.count(model="tiny", input="Say hello")
    whole = client.responses.create(model="tiny", input="Say hello")
    assert whole.usage is not None
    assert count.input_tokens == whole.usage.input_tokens


async def test_async_responses_stream(aclient: AsyncOpenAI) -> None:
    stream = await aclient.responses.create(model="tiny", input="Say hello", stream=True)
    kinds = [event.type async for event in stream]
    assert kinds[-1] == "response.completed"
    async with aclient.responses.stream(model="tiny", input="Say hello") as helper:
        assert (await helper.get_final_response()).output_text


# Chat --------------------------------------------------------------------------------------------


def test_chat_create_and_stream_say_the_same(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="tiny", messages=HELLO)
    chunks = list(client.chat.completions.create(model="tiny", messages=HELLO, stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason == "stop"


def test_chat_stream_helper_gives_the_final_completion(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="tiny", messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    whole = client.chat.completions.create(model="tiny", messages=HELLO)
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert final.usage is not None
    assert whole.usage is not None
    assert final.usage.total_tokens == whole.usage.total_tokens


def test_chat_parse_gives_an_object(client: OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "Give me JSON with name Ann and city Paris."}
    ]
    parsed = client.chat.completions.parse(model="tiny", messages=messages, response_format=Person)
    assert parsed.choices[0].message.parsed == Person(name="Ann", city="Paris")


def test_chat_gives_as_many_choices_as_are_asked_for(client: OpenAI) -> None:
    whole = client.chat.completions.create(
        model="tiny", messages=HELLO, n=3, seed=1, temperature=1.5
    )
    assert [choice.index for choice in whole.choices] == [0, 1, 2]


def test_chat_shows_logprobs(client: OpenAI) -> None:
    whole = client.chat.completions.create(
        model="tiny", messages=HELLO, logprobs=True, top_logprobs=2
    )
    logprobs = whole.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(t.token for t in logprobs.content).strip() == whole.choices[0].message.content
    for token in logprobs.content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 2
        assert token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob


async def test_async_chat_stream(aclient: AsyncOpenAI) -> None:
    stream = await aclient.chat.completions.create(model="tiny", messages=HELLO, stream=True)
    text = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(text)


async def test_a_stream_that_is_closed_early_leaves_a_working_server(aclient: AsyncOpenAI) -> None:
    for _ in range(20):
        stream = await aclient.chat.completions.create(model="tiny", messages=HELLO, stream=True)
        async for _chunk in stream:
            break
        await stream.close()
    whole = await aclient.chat.completions.create(model="tiny", messages=HELLO)
    assert whole.choices[0].message.content


# Tools and thinking ------------------------------------------------------------------------------

ASKED = "What is the weather in Paris?"
WEATHER = {
    "name": "get_weather",
    "description": "Get the weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def test_a_function_call_and_its_output_in_responses(client: OpenAI) -> None:
    tools: Any = [{"type": "function", "strict": False, **WEATHER}]
    whole = client.responses.create(model="tiny", input=ASKED, tools=tools)
    with client.responses.stream(model="tiny", input=ASKED, tools=tools) as stream:
        streamed = stream.get_final_response()
    for response in (whole, streamed):
        (call,) = [item for item in response.output if item.type == "function_call"]
        assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
    answer = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    items: Any = [item.to_dict() for item in whole.output if item.type != "function_call"]
    history: Any = [{"role": "user", "content": ASKED}, *items, call.to_dict(), answer]
    last = client.responses.create(model="tiny", input=history, tools=tools)
    assert last.output_text
    assert [item.type for item in last.output] == ["message"]


def test_a_tool_call_and_its_answer_in_chat(client: OpenAI) -> None:
    asked: Any = {"model": "tiny", "tools": [{"type": "function", "function": WEATHER}]}
    messages: Any = [{"role": "user", "content": ASKED}]
    whole = client.chat.completions.create(**asked, messages=messages)
    with client.chat.completions.stream(**asked, messages=messages) as stream:
        streamed = stream.get_final_completion()
    for choice in (whole.choices[0], streamed.choices[0]):
        assert choice.finish_reason == "tool_calls"
        (call,) = [call.to_dict() for call in choice.message.tool_calls or ()]
        function: Any = call["function"]
        assert (function["name"], json.loads(function["arguments"])) == (
            "get_weather",
            {"city": "Paris"},
        )
    message: Any = whole.choices[0].message.to_dict()
    answer: Any = {
        "role": "tool",
        "tool_call_id": message["tool_calls"][0]["id"],
        "content": "sunny",
    }
    last = client.chat.completions.create(**asked, messages=[*messages, message, answer])
    assert last.choices[0].finish_reason == "stop"
    assert last.choices[0].message.content


async def test_async_thinking_is_an_item_of_its_own(aclient: AsyncOpenAI) -> None:
    response = await aclient.responses.create(
        model="tiny", input="Say hello", reasoning={"effort": "high"}
    )
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens > 0
    assert response.usage.output_tokens_details.reasoning_tokens < response.usage.output_tokens


async def test_async_parse_count_and_models(aclient: AsyncOpenAI) -> None:
    prompt = "Give me JSON with name Ann and city Paris."
    parsed = await aclient.responses.parse(model="tiny", input=prompt, text_format=Person)
    assert parsed.output_parsed == Person(name="Ann", city="Paris")
    count = await aclient.responses.input_tokens.count(model="tiny", input=prompt)
    assert count.input_tokens > 0
    assert [model.id async for model in aclient.models.list()] == ["tiny"]


# Models and errors -------------------------------------------------------------------------------


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny"]
    model = client.models.retrieve("tiny")
    assert model.object == "model"
    assert isinstance(getattr(model, "context_window", None), int)
    assert client.models.retrieve("gpt-5").id == "gpt-5"


def test_errors_are_the_sdks_own_exceptions(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="'none' is not served here") as missing:
        client.responses.create(model="none", input="x")
    assert missing.value.code == "model_not_found"
    assert missing.value.request_id is not None
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(model="tiny", messages=HELLO, temperature=9)
    with pytest.raises(openai.BadRequestError, match="prompt is too long") as overflow:
        client.responses.create(model="tiny", input="word " * 60_000)
    assert overflow.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as state:
        client.responses.create(model="tiny", input="x", previous_response_id="resp_1")
    assert state.value.code == "previous_response_not_found"
