"""Compaction: the model sums a conversation up, and goes on from the sum alone."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from peer import Answer, Peer, refused, whole

from polystack.core import ir
from polystack.core.runtime.call import Call

from .telling import DISTRIBUTION, ON_ONE_STORE, Telling, telling, told

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


# An upstream that speaks Responses itself makes its own, if it can -------------------------------

SUM = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
SUMMED: Any = {
    "id": "resp_up",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "m",
    "output": [SUM | {"content": [{"type": "output_text", "text": "Ada", "annotations": []}]}],
    "usage": {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10,
    },
}
# As FastAPI says it, as Go's servers do, and as a method that is not there.
NO_ENDPOINT = (
    whole({"detail": "Not Found"}, 404),
    whole(b"404 page not found", 404, kind="text/plain"),
    whole({"detail": "Method Not Allowed"}, 405),
)


def native(peer: Peer) -> Any:
    config = {"base_url": peer.url, "api_key": "k", "discover": False, "retries": 0}
    provider = {"type": "openai", "config": config | {"native": ["responses"]}}
    model = {"provider": "up", "model": "m"}
    return telling(
        providers=DISTRIBUTION["providers"] | {"up": provider},
        models=DISTRIBUTION["models"] | {"native": model},
    )


@pytest.mark.parametrize("missing", NO_ENDPOINT)
async def test_the_model_of_an_upstream_without_the_endpoint_is_asked_for_the_summary(
    missing: Answer,
) -> None:
    with Peer() as peer:
        async with native(peer) as stack:
            client = stack.openai(max_retries=0)
            peer.play(missing, whole(SUMMED), whole(SUMMED))
            raw = await client.responses.with_raw_response.compact(model="native", input=SAID)
            assert raw.headers["x-stack-route"] == "rewritten; compact"
            made = raw.parse()
            assert made.object == "response.compaction"
            assert made.usage.total_tokens == 10
            first, second = peer.requests
            assert (first.path, second.path) == ("/v1/responses/compact", "/v1/responses")
            assert second.document["store"] is False
            assert second.document["input"][-1]["content"].startswith("Stop here and write")
            said, summary = [item.to_dict(warnings=False) for item in made.output]
            assert said["content"][0]["text"] == "my name is Ada"
            hi = {"role": "user", "content": "hi"}
            await client.responses.create(model="native", input=[said, summary, hi])
            assert "What was said before, in brief:\\n\\nAda" in peer.last.body.decode()


async def test_one_with_the_endpoint_answers_itself() -> None:
    theirs = {"id": "cmp_up", "object": "response.compaction", "created_at": 1, "output": []}
    with Peer() as peer:
        async with native(peer) as stack:
            peer.play(whole(theirs | {"usage": SUMMED["usage"]}), refused(400, "too little"))
            client = stack.openai(max_retries=0)
            made = await client.responses.compact(model="native", input=SAID)
            assert made.id == "cmp_up"
            with pytest.raises(openai.BadRequestError, match="too little"):
                await client.responses.compact(model="native", input=SAID)
            assert len(peer.requests) == 2


async def test_what_only_the_upstream_keeps_is_not_put_in_brief_here() -> None:
    with Peer() as peer:
        async with native(peer) as stack:
            peer.play(NO_ENDPOINT[0])
            with pytest.raises(openai.BadRequestError) as caught:
                await stack.openai().responses.compact(
                    model="native", previous_response_id="resp_up"
                )
            assert caught.value.code == "previous_response_not_found"
