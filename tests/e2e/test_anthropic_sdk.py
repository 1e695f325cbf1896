"""The official anthropic SDK over HTTP against the tiny model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic, beta_tool
from anthropic.types import MessageParam, ToolParam
from pydantic import BaseModel

pytestmark = pytest.mark.engine

HELLO: list[MessageParam] = [{"role": "user", "content": "Say hello"}]
WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "Get the weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


class Person(BaseModel):
    name: str
    city: str


@pytest.fixture
def client(tiny: str) -> Iterator[Anthropic]:
    with Anthropic(base_url=tiny, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
async def aclient(tiny: str) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=tiny, api_key="unused", max_retries=0) as client:
        yield client


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_create_and_stream_say_the_same(client: Anthropic) -> None:
    whole = client.messages.create(model="tiny", max_tokens=50, messages=HELLO)
    assert whole.stop_reason == "end_turn"
    assert whole.usage.output_tokens > 0
    with client.messages.stream(model="tiny", max_tokens=50, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == text_of(final) == text_of(whole)
    assert final.usage.input_tokens + (final.usage.cache_read_input_tokens or 0) == (
        whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0)
    )


def test_raw_events_have_one_start_and_one_end(client: Anthropic) -> None:
    events = client.messages.create(model="tiny", max_tokens=50, messages=HELLO, stream=True)
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("message_stop") == 1


def test_a_tool_call_and_its_result(client: Anthropic) -> None:
    question: MessageParam = {"role": "user", "content": "What is the weather in Paris?"}
    asked = client.messages.create(
        model="tiny", max_tokens=80, messages=[question], tools=[WEATHER]
    )
    assert asked.stop_reason == "tool_use"
    call = next(block for block in asked.content if block.type == "tool_use")
    assert (call.name, call.input) == ("get_weather", {"city": "Paris"})
    answered = client.messages.create(
        model="tiny",
        max_tokens=80,
        tools=[WEATHER],
        messages=[
            question,
            {"role": "assistant", "content": asked.content},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": call.id, "content": "sunny, 21 degrees"}
                ],
            },
        ],
    )
    assert answered.stop_reason == "end_turn"
    assert text_of(answered)


def test_thinking_comes_in_its_own_block(client: Anthropic) -> None:
    message = client.messages.create(
        model="tiny",
        max_tokens=2000,
        messages=[{"role": "user", "content": "Say hello"}],
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    kinds = [block.type for block in message.content]
    assert kinds[0] == "thinking"
    assert kinds[-1] == "text"


def test_a_stop_sequence_is_named(client: Anthropic) -> None:
    message = client.messages.create(
        model="tiny",
        max_tokens=50,
        stop_sequences=["3"],
        messages=[{"role": "user", "content": "Count from 1 to 5"}],
    )
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "3")
    assert "3" not in text_of(message)


def test_parse_gives_an_object(client: Anthropic) -> None:
    message = client.messages.parse(
        model="tiny",
        max_tokens=100,
        messages=[{"role": "user", "content": "Give me JSON with name Ann and city Paris."}],
        output_format=Person,
    )
    assert message.parsed_output == Person(name="Ann", city="Paris")


def test_count_tokens_is_what_a_call_then_uses(client: Anthropic) -> None:
    count = client.messages.count_tokens(model="tiny", messages=HELLO, tools=[WEATHER])
    usage = client.messages.create(
        model="tiny", max_tokens=5, messages=HELLO, tools=[WEATHER]
    ).usage
    assert count.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_the_tool_runner_falls_back_to_whole_conversations(client: Anthropic) -> None:
    asked: list[str] = []

    @beta_tool
    def get_weather(city: str) -> str:
        """Get the weather of a city."""
        asked.append(city)
        return "sunny, 21 degrees"

    runner = client.beta.messages.tool_runner(
        model="tiny",
        max_tokens=80,
        tools=[get_weather],
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
    )
    final = runner.until_done()
    assert asked == ["Paris"]
    assert final.stop_reason == "end_turn"


def test_models_come_in_anthropics_shape(client: Anthropic) -> None:
    (model,) = client.models.list()
    assert (model.type, model.id) == ("model", "tiny")
    assert model.max_input_tokens is not None
    assert client.models.retrieve("claude-anything").id == "claude-anything"


async def test_async_create_and_stream(aclient: AsyncAnthropic) -> None:
    whole = await aclient.messages.create(model="tiny", max_tokens=50, messages=HELLO)
    async with aclient.messages.stream(model="tiny", max_tokens=50, messages=HELLO) as stream:
        text = "".join([piece async for piece in stream.text_stream])
    assert text == text_of(whole)
    count = await aclient.messages.count_tokens(model="tiny", messages=HELLO)
    assert count.input_tokens > 0


def test_errors_are_the_sdks_own_exceptions(client: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="'none' is not served here") as missing:
        client.messages.create(model="none", max_tokens=5, messages=HELLO)
    assert missing.value.request_id is not None
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: "):
        client.messages.create(
            model="tiny", max_tokens=5, messages=[{"role": "user", "content": "word " * 60_000}]
        )
    with pytest.raises(anthropic.BadRequestError, match="thread"):
        client.messages.create(
            model="tiny", max_tokens=5, messages=HELLO, extra_body={"thread": {"type": "create"}}
        )
