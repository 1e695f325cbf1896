"""What the official SDKs do beyond asking: parse objects, run tools, count tokens, list models."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest
from anthropic import Anthropic, DefaultHttpxClient, beta_async_tool, beta_tool
from asking import Clients
from openai import OpenAI
from pydantic import BaseModel

ANN = "Tell me about Ann"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Person(BaseModel):
    name: str
    age: int


class Weather(BaseModel):
    city: str


def said(text: str) -> Any:
    return [{"role": "user", "content": text}]


def calls_of(completion: Any) -> list[Any]:
    return completion.choices[0].message.tool_calls or []


# Structured answers ------------------------------------------------------------------------------


async def test_messages_parse_into_an_object(clients: Clients) -> None:
    asked: Any = {"model": "m", "max_tokens": 99, "messages": said(ANN)}
    whole = clients.claude.messages.parse(**asked, output_format=Person)
    with clients.claude.messages.stream(**asked, output_format=Person) as stream:
        streamed = stream.get_final_message()
    async with clients.aclaude() as aclaude:
        later = await aclaude.messages.parse(**asked, output_format=Person)
    for message in (whole, streamed, later):
        assert message.parsed_output == Person(name="Ann", age=30)


async def test_responses_parse_into_an_object(clients: Clients) -> None:
    asked: Any = {"model": "m", "input": ANN, "text_format": Person}
    whole = clients.gpt.responses.parse(**asked)
    with clients.gpt.responses.stream(**asked) as stream:
        streamed = stream.get_final_response()
    async with clients.agpt() as agpt:
        later = await agpt.responses.parse(**asked)
    for response in (whole, streamed, later):
        assert response.output_parsed == Person(name="Ann", age=30)


async def test_completions_parse_into_an_object(clients: Clients) -> None:
    asked: Any = {"model": "m", "messages": said(ANN), "response_format": Person}
    whole = clients.gpt.chat.completions.parse(**asked)
    with clients.gpt.chat.completions.stream(**asked) as stream:
        streamed = stream.get_final_completion()
    async with clients.agpt() as agpt:
        later = await agpt.chat.completions.parse(**asked)
    for completion in (whole, streamed, later):
        assert completion.choices[0].message.parsed == Person(name="Ann", age=30)


def test_a_refusal_is_told_apart_from_an_object(gpt: OpenAI) -> None:
    asked: Any = {"model": "m", "messages": said("refusal"), "response_format": Person}
    message = gpt.chat.completions.parse(**asked).choices[0].message
    assert (message.parsed, message.refusal) == (None, "I will not.")
    response = gpt.responses.parse(model="m", input="refusal", text_format=Person)
    assert response.output_parsed is None
    part: Any = response.output[0].content[0]  # type: ignore[union-attr, index]
    assert part.refusal == "I will not."


# Tools -------------------------------------------------------------------------------------------


def test_openais_parsers_give_typed_arguments(gpt: OpenAI) -> None:
    tool = openai.pydantic_function_tool(Weather)
    completion = gpt.chat.completions.parse(model="m", messages=said("offered"), tools=[tool])
    (call,) = calls_of(completion)
    assert call.function.parsed_arguments == Weather(city="text")
    with gpt.chat.completions.stream(model="m", messages=said("offered"), tools=[tool]) as stream:
        kinds = [event.type for event in stream]
        (call,) = calls_of(stream.get_final_completion())
    assert call.function.parsed_arguments == Weather(city="text")
    assert "tool_calls.function.arguments.done" in kinds


def test_a_conversation_with_a_tool_goes_on_in_responses(gpt: OpenAI) -> None:
    tools: Any = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    asked: Any = {"model": "m", "tools": tools}
    history: Any = said("offered")
    response = gpt.responses.create(**asked, input=history)
    *_, call = response.output
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "text"})
    answer = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    history += [item.to_dict() for item in response.output] + [answer]
    assert gpt.responses.create(**asked, input=history).output_text == "The tool said: sunny"


def test_a_conversation_with_a_tool_goes_on_in_chat(gpt: OpenAI) -> None:
    function = {"name": "weather", "parameters": SCHEMA}
    asked: Any = {"model": "m", "tools": [{"type": "function", "function": function}]}
    history: Any = said("offered")
    completion = gpt.chat.completions.create(**asked, messages=history)
    message = completion.choices[0].message
    assert message.content == "I look."
    (call,) = calls_of(completion)
    answer = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    history += [message.to_dict(), answer]
    last = gpt.chat.completions.create(**asked, messages=history).choices[0]
    assert (last.message.content, last.finish_reason) == ("The tool said: sunny", "stop")


@pytest.mark.parametrize(
    ("options", "statuses"),
    [({}, [400, 200, 200]), ({"thread": False}, [200, 200])],
    ids=["threads are refused once", "no threads"],
)
def test_the_tool_runner_sends_whole_conversations(
    clients: Clients, options: Any, statuses: list[int]
) -> None:
    asked: list[str] = []
    answered: list[int] = []

    @beta_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "sunny"

    def note(response: httpx2.Response) -> None:
        answered.append(response.status_code)

    with DefaultHttpxClient(event_hooks={"response": [note]}) as http:
        claude = clients.claude.with_options(http_client=http)
        runner = claude.beta.messages.tool_runner(
            model="m", max_tokens=99, tools=[weather], messages=said("offered"), **options
        )
        messages = list(runner)
    assert (asked, answered) == (["text"], statuses)
    assert [message.stop_reason for message in messages] == ["tool_use", "end_turn"]
    assert messages[-1].content[0].text == "The tool said: sunny"


def test_the_tool_runner_streams(claude: Anthropic) -> None:
    @beta_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    runner = claude.beta.messages.tool_runner(
        model="m", max_tokens=99, tools=[weather], messages=said("offered"), stream=True
    )
    texts = ["".join(stream.text_stream) for stream in runner]
    assert texts == ["I look.", "The tool said: sunny in text"]


async def test_the_asynchronous_tool_runner(clients: Clients) -> None:
    @beta_async_tool
    async def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    async with clients.aclaude() as aclaude:
        runner = aclaude.beta.messages.tool_runner(
            model="m", max_tokens=99, tools=[weather], messages=said("offered")
        )
        last = await runner.until_done()
    assert last.content[0].text == "The tool said: sunny in text"  # type: ignore[union-attr]


# Thinking, images, choices -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["reasoning", "sealed", "summary", "interleaved"])
def test_an_answer_with_thinking_can_be_sent_back(
    claude: Anthropic, gpt: OpenAI, kind: str
) -> None:
    follow_up = {"role": "user", "content": "plain"}
    message = claude.messages.create(model="m", max_tokens=99, messages=said(kind))
    results: Any = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "sunny"}
        for block in message.content
        if block.type == "tool_use"
    ]
    asked: Any = [*said(kind), {"role": "assistant", "content": message.content}]
    if results:
        asked.append({"role": "user", "content": results})
        expected = "The tool said: sunny"
    else:
        asked.append(follow_up)
        expected = "Hello é😀"
    again = claude.messages.create(model="m", max_tokens=99, messages=asked)
    assert again.content[0].text == expected  # type: ignore[union-attr]
    response = gpt.responses.create(
        model="m", input=kind, include=["reasoning.encrypted_content"], store=False
    )
    items: Any = [item.to_dict() for item in response.output]
    outputs = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "sunny"}
        for item in items
        if item["type"] == "function_call"
    ]
    history: Any = [*said(kind), *items, *(outputs or [follow_up])]
    assert gpt.responses.create(model="m", input=history).output_text == expected


def test_images_reach_a_provider_from_every_protocol(claude: Anthropic, gpt: OpenAI) -> None:
    picture = "iVBORw0KGgo="
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    content: Any = [{"type": "image", "source": source}]
    message = claude.messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": content}]
    )
    assert message.content[0].text == "I see an image."  # type: ignore[union-attr]
    url = f"data:image/png;base64,{picture}"
    parts: Any = [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]
    assert gpt.responses.create(model="m", input=parts).output_text == "I see an image."
    parts = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    completion = gpt.chat.completions.create(model="m", messages=parts)
    assert completion.choices[0].message.content == "I see an image."


def test_every_choice_is_an_answer_of_its_own(gpt: OpenAI) -> None:
    asked: Any = {"model": "m", "messages": said("numbered"), "n": 3}
    whole = gpt.chat.completions.create(**asked)
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in whole.choices}) == 3
    with gpt.chat.completions.stream(**asked) as stream:
        streamed = stream.get_final_completion()
    assert len({choice.message.content for choice in streamed.choices}) == 3
    assert {choice.finish_reason for choice in streamed.choices} == {"stop"}


def test_a_clients_limits_are_honoured(claude: Anthropic, gpt: OpenAI) -> None:
    message = claude.messages.create(model="m", max_tokens=1, messages=said("plain"))
    assert (message.stop_reason, message.content[0].text) == ("max_tokens", "Hel")  # type: ignore[union-attr]
    message = claude.messages.create(
        model="m", max_tokens=9, messages=said("plain"), stop_sequences=["lo"]
    )
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "lo")
    response = gpt.responses.create(model="m", input="plain", max_output_tokens=16)
    assert response.status == "completed"
    completion = gpt.chat.completions.create(
        model="m", messages=said("plain"), max_completion_tokens=2
    )
    assert completion.choices[0].finish_reason == "length"
    completion = gpt.chat.completions.create(model="m", messages=said("plain"), stop=["é"])
    choice = completion.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("stop", "Hello ")


# Counts and models -------------------------------------------------------------------------------


async def test_tokens_are_counted_without_an_answer(clients: Clients) -> None:
    asked: Any = {"model": "m", "messages": said("word " * 40)}
    counted = clients.claude.messages.count_tokens(**asked).input_tokens
    text = "word " * 40
    assert counted == clients.gpt.responses.input_tokens.count(model="m", input=text).input_tokens
    async with clients.aclaude() as aclaude, clients.agpt() as agpt:
        assert (await aclaude.messages.count_tokens(**asked)).input_tokens == counted
        later = await agpt.responses.input_tokens.count(model="m", input=text)
        assert (later.object, later.input_tokens) == ("response.input_tokens", counted)


async def test_models_are_listed_in_both_shapes(clients: Clients) -> None:
    (ours,) = clients.claude.models.list()
    assert (ours.id, ours.max_input_tokens, ours.max_tokens) == ("scripted", 1000, 200)
    assert clients.claude.models.retrieve("scripted") == ours
    (theirs,) = clients.gpt.models.list()
    assert (theirs.id, theirs.object) == ("scripted", "model")
    assert clients.gpt.models.retrieve("scripted") == theirs
    async with clients.aclaude() as aclaude, clients.agpt() as agpt:
        assert [model.id async for model in aclaude.models.list()] == ["scripted"]
        assert [model.id async for model in agpt.models.list()] == ["scripted"]
        assert (await agpt.models.retrieve("anything-else")).id == "anything-else"


def test_a_raw_answer_has_the_id_of_its_request(claude: Anthropic, gpt: OpenAI) -> None:
    raw = claude.messages.with_raw_response.create(model="m", max_tokens=9, messages=said("plain"))
    assert raw.parse()._request_id == raw.headers["request-id"]
    with gpt.responses.with_streaming_response.create(model="m", input="plain") as answer:
        assert answer.parse()._request_id == answer.headers["x-request-id"]


def test_parameters_that_a_script_ignores_are_no_loss(claude: Anthropic) -> None:
    raw = claude.messages.with_raw_response.create(
        model="m", max_tokens=9, messages=said("plain"), extra_body={"top_k": 3}
    )
    assert raw.headers["x-stack-fidelity"] == "exact"
