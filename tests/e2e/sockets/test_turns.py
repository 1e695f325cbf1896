"""Many turns over one WebSocket, as the openai SDK and Codex take them."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import openai
import pytest

from ..state.telling import Telling, told
from .listening import Waiting, answered, ended, heard, listening, refused, say

WANTS_A_USER = """\
{%- if messages[-1].role != "user" %}{{ raise_exception("no user") }}{% endif %}
{%- for message in messages %}{{ message.role }}: {{ message.content }}
{% endfor %}assistant:"""
TINY: dict[str, Any] = {
    "providers": {
        "tiny": {"type": "llamacpp", "config": {"model": "builtin:tiny", "context": 1024}}
    },
    "models": {"telling": {"provider": "tiny"}},
}


async def test_the_sdk_hears_the_events_of_a_stream() -> None:
    async with listening() as stack, stack.client() as client:
        async with client.responses.connect() as connection:
            await connection.response.create(model="telling", input="hello")
            kinds = []
            async for event in connection:
                kinds.append(event.type)
                if event.type == "response.completed":
                    text = event.response.output_text
                    break
        assert text == "turn 1"
        async with client.responses.stream(model="telling", input="hello") as stream:
            assert kinds == [each.type async for each in stream]


# The SDK calls its WebSocket library in a way that its newest version does not like.
@pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
async def test_the_sdks_blocking_client_hears_them_too() -> None:
    def ask(address: str) -> str:
        with (
            openai.OpenAI(base_url=f"http://{address}/v1", api_key="k") as client,
            client.responses.connect() as connection,
        ):
            connection.response.create(model="telling", input="hello")
            for event in connection:
                if event.type == "response.completed":
                    return event.response.output_text
        return ""

    async with listening() as stack:
        assert await asyncio.to_thread(ask, stack.address) == "turn 1"


@pytest.mark.parametrize("store", [{"type": "memory"}, None], ids=["stored", "no store"])
async def test_a_turn_goes_on_from_one_that_only_the_connection_remembers(store: Any) -> None:
    async with listening(store=store) as stack, stack.open() as connection:
        first = await answered(connection, "think and call", store=False)
        result = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
        second = await answered(connection, [result], store=False, previous_response_id=first["id"])
        third = await answered(connection, "bye", previous_response_id=second["id"])
        assert (second["store"], third["store"]) == (False, store is not None)
        assert third["previous_response_id"] == second["id"]
        assert told() == [
            ("user", "think and call"),
            ("assistant", "I thought about it"),
            ("assistant", "turn 1"),
            ("assistant", 'weather({"city": "Oslo"})'),
            ("user", "-> rain"),
            ("assistant", "turn 5"),
            ("user", "bye"),
        ]


async def test_what_a_connection_remembers_is_known_to_no_other() -> None:
    async with listening() as stack, stack.open() as one, stack.open() as other:
        first = await answered(one, "hello", store=False)
        await say(other, "more", previous_response_id=first["id"])
        error = await heard(other)
        assert (error["type"], error["status"]) == ("error", 400)
        assert error["error"]["code"] == "previous_response_not_found"
        assert error["error"]["type"] == "invalid_request_error"
        assert error["error"]["param"] == "previous_response_id"
        assert (await answered(one, "more", previous_response_id=first["id"]))["output"]


async def test_what_is_stored_is_known_to_every_connection_and_over_http() -> None:
    async with listening() as stack, stack.client() as client:
        async with stack.open() as one:
            first = await answered(one, "hello")
        async with stack.open() as other:
            second = await answered(other, "more", previous_response_id=first["id"])
        kept = await client.responses.retrieve(second["id"])
        assert kept.output_text == "turn 3"


async def test_a_prewarm_is_answered_empty_and_asks_no_model() -> None:
    async with listening() as stack, stack.open() as connection:
        await say(connection, "a long prompt", store=False, generate=False)
        messages = await ended(connection)
        assert {"response.created", "response.completed"} <= {each["type"] for each in messages}
        warm = messages[-1]["response"]
        assert (warm["status"], warm["output"]) == ("completed", [])
        assert Telling.seen == []
        await answered(connection, "go", store=False, previous_response_id=warm["id"])
        assert told() == [("user", "a long prompt"), ("user", "go")]


async def test_a_prewarm_may_have_nothing_but_instructions() -> None:
    async with listening() as stack, stack.open() as connection:
        warm = await answered(connection, [], instructions="SHOUT", store=False, generate=False)
        await answered(connection, "go", store=False, previous_response_id=warm["id"])
        assert told() == [("user", "go")]


async def test_a_prewarm_may_have_nothing_at_all() -> None:
    async with listening() as stack, stack.open() as connection:
        warm = await answered(connection, [], store=False, generate=False)
        assert (warm["status"], warm["output"]) == ("completed", [])
        await answered(connection, "go", store=False, previous_response_id=warm["id"])
        assert told() == [("user", "go")]


@pytest.mark.engine
async def test_a_prewarm_that_the_template_refuses_is_read_in_its_turn() -> None:
    wanting = deepcopy(TINY)
    wanting["providers"]["tiny"]["config"]["chat_template"] = WANTS_A_USER
    rules = {"type": "message", "role": "developer", "content": "Be brief."}
    brief = {"store": False, "max_output_tokens": 4}
    async with listening(**wanting) as stack, stack.open() as connection:
        warm = await answered(connection, [rules], generate=False, **brief)
        assert (warm["status"], warm["usage"]["input_tokens"]) == ("completed", 0)
        said = await answered(connection, "go", previous_response_id=warm["id"], **brief)
        assert said["usage"]["input_tokens"] > 0
        await say(connection, [rules], **brief)
        *_, refused = await ended(connection)
        assert "chat template refuses" in refused["error"]["message"]


async def test_what_is_to_be_generated_needs_input() -> None:
    async with listening() as stack, stack.open() as connection:
        await say(connection, [], store=False)
        *_, refused = await ended(connection)
        assert (refused["status"], refused["error"]["param"]) == (400, "input")


@pytest.mark.engine
async def test_a_prewarm_has_an_engine_read_the_prompt() -> None:
    async with listening(**TINY) as stack, stack.open() as connection:
        warm = await answered(connection, "a long prompt " * 20, store=False, generate=False)
        assert (warm["status"], warm["output"]) == ("completed", [])
        read = warm["usage"]["input_tokens"]
        assert (read > 60, warm["usage"]["output_tokens"]) == (True, 0)
        assert warm["max_output_tokens"] is None
        goes_on = {"previous_response_id": warm["id"], "max_output_tokens": 4, "store": False}
        await say(connection, "go", **goes_on)
        *_, last = await ended(connection)
        assert last["response"]["usage"]["input_tokens_details"]["cached_tokens"] > read - 10


async def test_a_stored_answer_has_the_same_name_over_both_transports() -> None:
    async with listening() as stack, stack.client() as client, stack.open() as connection:
        first = await answered(connection, "hello")
        second = await client.responses.create(input="more", previous_response_id=first["id"])
        third = await answered(connection, "still", previous_response_id=second.id)
        assert third["output"][0]["content"][0]["text"] == "turn 5"


async def test_lanes_run_beside_one_another_and_say_whose_an_event_is() -> None:
    async with listening() as stack, stack.open() as connection:
        await say(connection, "wait", stream_id="slow")
        await say(connection, "hello", stream_id="quick")
        while (event := await heard(connection))["type"] != "response.completed":
            assert event["stream_id"] in ("slow", "quick")
        assert event["stream_id"] == "quick"


async def test_calls_of_one_lane_are_answered_one_after_another() -> None:
    async with listening() as stack, stack.open() as connection:
        for text in ("wait", "second", "third"):
            await say(connection, text, stream_id="a")
        await Waiting.until(1)
        Waiting.go.set()
        texts = [
            (await ended(connection))[-1]["response"]["output"][0]["content"][0]["text"]
            for _ in range(3)
        ]
        assert texts == ["waited", "turn 1", "turn 1"]


async def test_steering_is_refused_in_its_own_words() -> None:
    async with listening() as stack, stack.open() as connection:
        steer = {"type": "response.steer", "previous_response_id": "resp_1", "input": "left"}
        said = await refused(connection, steer)
        assert said["type"] == "response.steer.failed"
        assert said["error"]["code"] == "steering_not_supported"
        assert said["steer"] == {"previous_response_id": "resp_1", "input": "left"}
