"""`background`: a response is made whether its client waits for it or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from polystack.core import Stack
from polystack.core.contract.state import JOURNAL
from polystack.core.runtime import background
from polystack.core.runtime.background import Pace
from polystack.core.runtime.call import Call

from .telling import DISTRIBUTION, Telling, listened, reached, telling, told

SHARED = pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
# How the client reaches the stack; a store does not know.
FACES = pytest.mark.parametrize(
    ("store", "over"),
    [("memory", "library"), ("memory", "http"), ("sqlite", "library"), ("postgres", "library")],
    indirect=["store"],
)
ENDED = ("completed", "failed", "incomplete", "cancelled")


class Clock:
    """The time of day, and sleep that takes next to none of it, or all where it is frozen."""

    def __init__(self) -> None:
        self.time = 1_000_000_000.0
        self.frozen = False

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.002)
        while self.frozen:
            await asyncio.sleep(0.002)


@dataclass(frozen=True)
class Working:
    """A stack, a client of it, and its clock."""

    stack: Any
    client: Any
    clock: Clock

    async def settled(self) -> None:
        """Wait until nothing runs in the background any more."""
        async with asyncio.timeout(20):
            while len(self.stack.background):
                await asyncio.sleep(0.002)


@asynccontextmanager
async def working(over: str = "library", **changes: Any) -> AsyncIterator[Working]:
    clock = Clock()
    async with telling(**changes) as stack:
        stack.background.pace = Pace(sleep=clock.sleep, now=clock.now)
        if over == "library":
            yield Working(stack, stack.openai(), clock)
        else:
            async with listened(stack) as address:
                base = f"http://{address}/v1"
                async with openai.AsyncOpenAI(base_url=base, api_key="k", max_retries=0) as client:
                    yield Working(stack, client, clock)


async def ended(client: Any, id: str) -> Any:
    async with asyncio.timeout(20):
        while (found := await client.responses.retrieve(id)).status not in ENDED:
            await asyncio.sleep(0.002)
    return found


@FACES
async def test_a_response_is_queued_then_in_progress_then_completed(over: str) -> None:
    async with working(over) as at:
        client = at.client
        made = await client.responses.create(input="wait", background=True)
        assert (made.status, made.background, made.output) == ("queued", True, [])
        await reached(1)
        assert (await client.responses.retrieve(made.id)).status == "in_progress"
        Telling.gate.set()
        found = await ended(client, made.id)
        assert (found.status, found.output_text) == ("completed", "so it is")
        assert found.created_at == made.created_at
        await at.settled()
        after = await client.responses.create(input="next", previous_response_id=made.id)
        assert after.output_text == "turn 3"


@FACES
async def test_nothing_goes_on_from_a_response_that_still_runs(over: str) -> None:
    async with working(over) as at:
        client = at.client
        made = await client.responses.create(input="wait", background=True)
        with pytest.raises(openai.BadRequestError, match="has not ended yet") as caught:
            await client.responses.create(input="b", previous_response_id=made.id)
        assert caught.value.param == "previous_response_id"


@FACES
async def test_a_failure_is_kept(over: str) -> None:
    async with working(over) as at:
        client = at.client
        made = await client.responses.create(input="fail", background=True)
        found = await ended(client, made.id)
        assert found.status == "failed"
        assert found.error.code == "server_error"
        assert "told to" in found.error.message


@pytest.mark.parametrize("changes", [{"store": None}, {}])
async def test_what_is_not_kept_cannot_run_in_the_background(changes: dict[str, Any]) -> None:
    async with working(**changes) as at:
        client = at.client
        with pytest.raises(openai.BadRequestError, match="background: ") as caught:
            await client.responses.create(input="a", background=True, store=False)
        assert caught.value.param == "background"
        assert Telling.seen == []


async def test_one_waits_for_its_turn(store: dict[str, Any]) -> None:
    async with working(store=store | {"background": 1}) as at:
        client = at.client
        first = await client.responses.create(input="wait", background=True)
        await reached(1)
        second = await client.responses.create(input="b", background=True)
        assert (await client.responses.retrieve(second.id)).status == "queued"
        cancelled = await client.responses.create(input="c", background=True)
        await client.responses.cancel(cancelled.id)
        Telling.gate.set()
        assert (await ended(client, first.id)).status == "completed"
        assert (await ended(client, second.id)).output_text == "turn 1"
        await at.settled()
        assert len(Telling.seen) == 2


async def test_an_answer_that_is_too_large_to_be_kept_says_so() -> None:
    async with working(store={"type": "memory", "config": {"max_bytes": 20_000}}) as at:
        made = await at.client.responses.create(input="say much", background=True)
        found = await ended(at.client, made.id)
        assert (found.status, found.output) == ("failed", [])
        assert "bytes" in found.error.message


async def test_one_too_many_is_refused_before_anything_is_kept(
    monkeypatch: pytest.MonkeyPatch, store: dict[str, Any]
) -> None:
    monkeypatch.setattr(background, "WAITING", 1)
    async with working(store=store | {"background": 1}) as at:
        client = at.client.with_options(max_retries=0)
        for _ in range(2):
            await client.responses.create(input="wait", background=True)
        with pytest.raises(openai.InternalServerError, match="too many answers wait") as caught:
            await client.responses.create(input="wait", background=True)
        assert caught.value.status_code == 503
        Telling.gate.set()
        await at.settled()
        assert len(Telling.seen) == 2


def test_a_program_without_a_loop_polls_and_streams() -> None:
    with Stack.load(DISTRIBUTION, providers=[Telling]) as stack:
        client: Any = stack.openai()
        made = client.responses.create(input="a", background=True)
        while made.status not in ENDED:
            made = client.responses.retrieve(made.id)
        assert made.output_text == "turn 1"
        events = list(client.responses.create(input="a", background=True, stream=True))
        again = client.responses.retrieve(events[0].response.id, stream=True, starting_after=2)
        assert list(again) == events[3:]


# Cancelling --------------------------------------------------------------------------------------


@FACES
async def test_a_response_is_cancelled_once_and_for_all(over: str) -> None:
    async with working(over) as at:
        client = at.client
        made = await client.responses.create(input="wait", background=True)
        await reached(1)
        first = await client.responses.cancel(made.id)
        assert first.status == "cancelled"
        await at.settled()
        assert Telling.gone == 1
        second = await client.responses.cancel(made.id)
        assert second.status == "cancelled"
        assert second.output_text == "so "  # what there was of it is kept
        assert await client.responses.retrieve(made.id) == second


async def test_what_was_said_of_a_cancelled_response_is_told_to_the_next_one() -> None:
    async with working() as at:
        made = await at.client.responses.create(input="wait", background=True)
        await reached(1)
        await at.client.responses.cancel(made.id)
        await at.settled()
        await at.client.responses.create(input="next", previous_response_id=made.id)
        assert told() == [("user", "wait"), ("assistant", "so "), ("user", "next")]


async def test_a_conversation_gets_what_has_ended_and_nothing_of_what_was_cancelled() -> None:
    async with working() as at:
        client = at.client
        talk = await client.conversations.create()
        asked = {"background": True, "conversation": talk.id}
        made = [await client.responses.create(input=f"wait {n}", **asked) for n in range(3)]
        await reached(3)
        await client.responses.cancel(made[1].id)
        Telling.gate.set()
        await at.settled()
        items = await client.conversations.items.list(talk.id, order="asc")
        texts = [item.content[0].text async for item in items]
        assert sorted(texts[::2]) == ["wait 0", "wait 2"]
        assert texts[1::2] == ["so it is"] * 2


@FACES
async def test_one_that_has_ended_stays_as_it_is(over: str) -> None:
    async with working(over) as at:
        client = at.client
        made = await client.responses.create(input="a", background=True)
        await ended(client, made.id)
        assert (await client.responses.cancel(made.id)).status == "completed"


@FACES
async def test_one_that_is_deleted_stops(over: str) -> None:
    async with working(over) as at:
        client = at.client
        made = await client.responses.create(input="wait", background=True, stream=True)
        first = await anext(aiter(made))
        await reached(1)
        await client.responses.delete(first.response.id)
        await at.settled()
        assert Telling.gone == 1
        left = await at.stack.store.list("everybody", JOURNAL, prefix=first.response.id)
        assert left.records == []
        assert [event.type async for event in made][-1] == "response.failed"


@SHARED
async def test_any_server_on_the_same_store_can_cancel() -> None:
    async with working() as one, working() as two:
        made = await one.client.responses.create(input="wait", background=True)
        await reached(1)
        cancelled = await two.client.responses.cancel(made.id)
        assert cancelled.status == "cancelled"
        await one.settled()
        assert (await two.client.responses.retrieve(made.id)).output_text == "so "


# Streams -----------------------------------------------------------------------------------------


async def stream(client: Any, **asked: Any) -> list[Any]:
    return [event async for event in await client.responses.create(stream=True, **asked)]


@FACES
async def test_a_stream_is_that_of_any_response(over: str) -> None:
    async with working(over) as at:
        events = await stream(at.client, input="think", background=True)
        kinds = [event.type for event in events]
        assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
        assert kinds[-1] == "response.completed"
        assert [event.sequence_number for event in events] == list(range(len(events)))
        straight = await stream(at.client, input="think")
        assert [k for k in kinds if k != "response.queued"] == [event.type for event in straight]
        kept = await at.client.responses.retrieve(events[-1].response.id)
        assert kept == events[-1].response


@FACES
async def test_a_stream_goes_on_where_its_client_left_it(over: str) -> None:
    async with working(over) as at:
        client = at.client
        made = await client.responses.create(input="wait", background=True, stream=True)
        seen = []
        async for event in made:
            seen.append(event)
            if event.type == "response.output_text.delta":
                break
        await made.close()
        id = seen[0].response.id
        resumed = asyncio.create_task(_resumed(client, id, seen[-1].sequence_number))
        Telling.gate.set()
        seen += await resumed
        assert seen == await _resumed(client, id, None)
        assert seen[-1].response.output_text == "so it is"


async def _resumed(client: Any, id: str, after: int | None) -> list[Any]:
    more = {} if after is None else {"starting_after": after}
    return [event async for event in await client.responses.retrieve(id, stream=True, **more)]


@FACES
async def test_the_sdks_helper_goes_on_with_a_stream(over: str) -> None:
    async with working(over) as at:
        made = await at.client.responses.create(input="wait", background=True, stream=True)
        id = (await anext(aiter(made))).response.id
        await made.close()
        Telling.gate.set()
        async with at.client.responses.stream(response_id=id, starting_after=3) as stream:
            final = await stream.get_final_response()
        assert final.output_text == "so it is"


@SHARED
async def test_another_server_follows_a_stream() -> None:
    async with working() as one, working() as two:
        made = await one.client.responses.create(input="wait", background=True, stream=True)
        first = await anext(aiter(made))
        other = asyncio.create_task(_resumed(two.client, first.response.id, 0))
        Telling.gate.set()
        rest = [event async for event in made]
        assert await other == rest


@FACES
async def test_a_cancelled_stream_ends(over: str) -> None:
    async with working(over) as at:
        client = at.client
        made = await client.responses.create(input="wait", background=True, stream=True)
        first = await anext(aiter(made))
        await reached(1)
        await client.responses.cancel(first.response.id)
        last = [event async for event in made][-1]
        assert (last.type, last.response.status) == ("response.incomplete", "cancelled")


@FACES
async def test_what_cannot_be_streamed_is_refused_by_name(over: str) -> None:
    async with working(over) as at:
        client = at.client
        plain = await client.responses.create(input="a", background=True)
        straight = await client.responses.create(input="a")
        for made in (plain, straight):
            with pytest.raises(openai.BadRequestError, match="was not created with") as caught:
                await client.responses.retrieve(made.id, stream=True)
            assert caught.value.param == "stream"
        with pytest.raises(openai.BadRequestError, match="starting_after: needs stream"):
            await client.responses.retrieve(plain.id, starting_after=3)
        with pytest.raises(openai.BadRequestError, match="must be the number"):
            await client.responses.retrieve(plain.id, stream=True, starting_after=-3)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve("resp_x", stream=True)


async def test_what_is_resumed_is_the_rest_of_the_same_bytes() -> None:
    async with working() as at:
        made = Call({"model": "telling", "input": "think and call", "background": True} | STREAM)
        whole = await read(await at.stack.handle("responses", "create", made))
        events = [event + b"\n\n" for event in whole.split(b"\n\n") if event]
        assert len(events) > 10
        for number in range(-1, len(events)):
            query = "stream=true" + (f"&starting_after={number}" if number >= 0 else "")
            asked = Call(items=(f"resp_{made.token}",), query=query)
            resumed = await read(await at.stack.handle("responses", "retrieve", asked))
            assert resumed == b"".join(events[number + 1 :])


STREAM = {"stream": True}


async def read(reply: Any) -> bytes:
    return b"".join([chunk async for chunk in reply.stream])
