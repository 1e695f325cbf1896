"""Compaction: the model sums a conversation up, and goes on from the sum alone."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from polystack.core import ir
from polystack.core.runtime.call import Call

from .telling import ON_ONE_STORE, Telling, telling, told

pytestmark = ON_ONE_STORE

TRIGGER = {"type": "compaction_trigger"}
SAID: list[Any] = [
    {"role": "user", "content": "my name is Ada"},
    {"role": "assistant", "content": "hello Ada"},
]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_trigger_is_answered_with_one_item_that_stands_for_the_rest(
    streamed: bool,
) -> None:
    async with telling() as stack:
        client = stack.openai()
        items = [*SAID, {"role": "user", "content": "think"}, TRIGGER]
        if streamed:
            async with client.responses.stream(model="telling", input=items) as stream:
                kinds = [event.type async for event in stream]
                made = await stream.get_final_response()
            assert kinds == [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.output_item.done",
                "response.completed",
            ]
        else:
            made = await client.responses.create(input=items)
        (item,) = made.output
        assert item.type == "compaction"
        assert item.id.startswith("cmp_")
        assert told()[-1][1].startswith("Stop here and write a summary")
        await client.responses.create(input=[item.to_dict(), {"role": "user", "content": "hi"}])
        assert told() == [
            ("user", "What was said before, in brief:\n\nturn 4"),
            ("user", "hi"),
        ]


async def test_a_compacted_conversation_holds_what_the_user_said_and_the_rest_in_brief() -> None:
    async with telling() as stack:
        client = stack.openai()
        made = await client.responses.compact(model="telling", input=SAID, instructions="be kind")
        assert made.object == "response.compaction"
        assert made.usage.total_tokens == 10
        assert [item.type for item in made.output] == ["message", "compaction"]
        assert ir.text_of(Telling.seen[-1].instructions) == "be kind"
        # The SDK takes every message of an output for the assistant's.
        output = [item.to_dict(warnings=False) for item in made.output]
        await client.responses.create(input=[*output, {"role": "user", "content": "hi"}])
        assert [text for _, text in told()] == [
            "my name is Ada",
            "What was said before, in brief:\n\nturn 3",
            "hi",
        ]


async def test_a_chain_is_compacted_and_goes_on_behind_the_summary() -> None:
    async with telling() as stack:
        client = stack.openai()
        first = await client.responses.create(input="a")
        made = await client.responses.compact(model="telling", previous_response_id=first.id)
        assert [item.type for item in made.output] == ["message", "compaction"]
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(made.id)
        second = await client.responses.create(input=[TRIGGER], previous_response_id=first.id)
        await client.responses.create(input="b", previous_response_id=second.id)
        assert told() == [("user", "What was said before, in brief:\n\nturn 3"), ("user", "b")]


async def test_tools_stay_on_offer_for_the_prompt_and_none_may_be_called() -> None:
    async with telling() as stack:
        tool: Any = {"type": "function", "name": "weather", "parameters": {}, "strict": False}
        await stack.openai().responses.create(input=[*SAID, TRIGGER], tools=[tool])
        seen = Telling.seen[-1]
        assert [tool.name for tool in seen.tools] == ["weather"]
        assert seen.tool_choice.mode == "none"


async def test_a_summary_that_was_tampered_with_is_dropped_and_booked() -> None:
    async with telling() as stack:
        client = stack.openai()
        made = await client.responses.create(input=[*SAID, TRIGGER])
        seal = made.output[0].encrypted_content
        changed = seal[:-8] + ("AAAAAAAA" if seal[-8:] != "AAAAAAAA" else "BBBBBBBB")
        item = {"type": "compaction", "encrypted_content": changed}
        raw = await client.responses.with_raw_response.create(
            input=[item, {"role": "user", "content": "hi"}]
        )
        assert told() == [("user", "hi")]
        assert "input.0" in raw.headers["x-stack-fidelity"]


async def test_a_summary_of_another_server_is_dropped_and_booked() -> None:
    upstream = {"type": "openai", "config": {"base_url": "http://127.0.0.1:9/v1", "api_key": "k"}}
    async with telling(
        providers={"telling": upstream},
        models={"telling": {"provider": "telling"}},
    ) as stack:
        item = {"type": "compaction", "encrypted_content": "gAAA-of-another-server"}
        body = {"input": [item, {"role": "user", "content": "hi"}]}
        explained = await stack.explain("responses", "create", Call(body))
        assert [(loss.verdict, loss.path) for loss in explained.losses] == [("dropped", "input.0")]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([TRIGGER], "input: there is nothing to compact"),
        ([TRIGGER, *SAID], r"input.0: a compaction_trigger must be the last item"),
    ],
)
async def test_a_trigger_out_of_place_is_refused(items: list[Any], message: str) -> None:
    async with telling() as stack:
        with pytest.raises(openai.BadRequestError, match=message):
            await stack.openai().responses.create(input=items)


@pytest.mark.parametrize("nothing", [{}, {"input": []}])
async def test_nothing_cannot_be_compacted(nothing: dict[str, Any]) -> None:
    async with telling() as stack:
        with pytest.raises(openai.BadRequestError) as caught:
            await stack.openai().responses.compact(model="telling", **nothing)
        assert caught.value.param == "input"
