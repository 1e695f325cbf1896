"""`background`: a response is made whether its client waits for it or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from polystack.core.runtime.background import Pace

from .telling import Telling, reached, telling

ENDED = ("completed", "failed", "incomplete", "cancelled")


class Clock:
    """The time of day, and sleep that takes next to none of it."""

    def __init__(self) -> None:
        self.time = 1_000_000_000.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.002)


@asynccontextmanager
async def working(**changes: Any) -> AsyncIterator[Any]:
    async with telling(**changes) as stack:
        clock = Clock()
        stack.background.pace = Pace(sleep=clock.sleep)
        yield stack


async def ended(client: Any, id: str) -> Any:
    while (found := await client.responses.retrieve(id)).status not in ENDED:
        await asyncio.sleep(0.002)
    return found


async def settled(stack: Any) -> None:
    while len(stack.background):
        await asyncio.sleep(0.002)


async def test_a_response_is_queued_then_in_progress_then_completed() -> None:
    async with working() as stack:
        client = stack.openai()
        made = await client.responses.create(input="wait", background=True)
        assert (made.status, made.background, made.output) == ("queued", True, [])
        await reached(1)
        assert (await client.responses.retrieve(made.id)).status == "in_progress"
        Telling.gate.set()
        found = await ended(client, made.id)
        assert (found.status, found.output_text) == ("completed", "so it is")
        assert found.created_at == made.created_at
        await settled(stack)
        after = await client.responses.create(input="next", previous_response_id=made.id)
        assert after.output_text == "turn 3"


async def test_nothing_goes_on_from_a_response_that_still_runs() -> None:
    async with working() as stack:
        client = stack.openai()
        made = await client.responses.create(input="wait", background=True)
        with pytest.raises(openai.BadRequestError, match="has not ended yet") as caught:
            await client.responses.create(input="b", previous_response_id=made.id)
        assert caught.value.param == "previous_response_id"


async def test_a_failure_is_kept() -> None:
    async with working() as stack:
        client = stack.openai()
        made = await client.responses.create(input="fail", background=True)
        found = await ended(client, made.id)
        assert found.status == "failed"
        assert found.error.code == "server_error"
        assert "told to" in found.error.message


@pytest.mark.parametrize("changes", [{"store": None}, {}])
async def test_what_is_not_kept_cannot_run_in_the_background(changes: dict[str, Any]) -> None:
    async with working(**changes) as stack:
        client = stack.openai()
        with pytest.raises(openai.BadRequestError, match="background: ") as caught:
            await client.responses.create(input="a", background=True, store=False)
        assert caught.value.param == "background"
        assert Telling.seen == []


async def test_one_waits_for_its_turn() -> None:
    async with working(store={"type": "memory", "background": 1}) as stack:
        client = stack.openai()
        first = await client.responses.create(input="wait", background=True)
        await reached(1)
        second = await client.responses.create(input="b", background=True)
        assert (await client.responses.retrieve(second.id)).status == "queued"
        cancelled = await client.responses.create(input="c", background=True)
        await client.responses.cancel(cancelled.id)
        Telling.gate.set()
        assert (await ended(client, first.id)).status == "completed"
        assert (await ended(client, second.id)).output_text == "turn 1"
        await settled(stack)
        assert len(Telling.seen) == 2


# Cancelling --------------------------------------------------------------------------------------


async def test_a_response_is_cancelled_once_and_for_all() -> None:
    async with working() as stack:
        client = stack.openai()
        made = await client.responses.create(input="wait", background=True)
        await reached(1)
        first = await client.responses.cancel(made.id)
        assert first.status == "cancelled"
        await settled(stack)
        assert Telling.gone == 1
        second = await client.responses.cancel(made.id)
        assert second.status == "cancelled"
        assert second.output_text == "so "  # what there was of it is kept
        assert await client.responses.retrieve(made.id) == second


async def test_one_that_has_ended_stays_as_it_is() -> None:
    async with working() as stack:
        client = stack.openai()
        made = await client.responses.create(input="a", background=True)
        await ended(client, made.id)
        assert (await client.responses.cancel(made.id)).status == "completed"


async def test_one_that_is_deleted_stops() -> None:
    async with working() as stack:
        client = stack.openai()
        made = await client.responses.create(input="wait", background=True, stream=True)
        first = await anext(aiter(made))
        await reached(1)
        await client.responses.delete(first.response.id)
        await settled(stack)
        assert Telling.gone == 1
        assert stack.store.status()["records"] == 0
        assert [event.type async for event in made][-1] == "response.failed"


def sqlite(folder: Path) -> dict[str, Any]:
    return {"type": "sqlite", "config": {"path": str(folder / "store.db")}}


async def test_any_server_on_the_same_store_can_cancel(tmp_path: Path) -> None:
    async with working(store=sqlite(tmp_path)) as one, working(store=sqlite(tmp_path)) as two:
        made = await one.openai().responses.create(input="wait", background=True)
        await reached(1)
        cancelled = await two.openai().responses.cancel(made.id)
        assert cancelled.status == "cancelled"
        await settled(one)
        assert (await two.openai().responses.retrieve(made.id)).output_text == "so "


# Streams -----------------------------------------------------------------------------------------


async def stream(client: Any, **asked: Any) -> list[Any]:
    return [event async for event in await client.responses.create(stream=True, **asked)]


async def test_a_stream_is_that_of_any_response() -> None:
    async with working() as stack:
        events = await stream(stack.openai(), input="think", background=True)
        kinds = [event.type for event in events]
        assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
        assert kinds[-1] == "response.completed"
        assert [event.sequence_number for event in events] == list(range(len(events)))
        straight = await stream(stack.openai(), input="think")
        assert [k for k in kinds if k != "response.queued"] == [event.type for event in straight]
        kept = await stack.openai().responses.retrieve(events[-1].response.id)
        assert kept == events[-1].response


async def test_a_stream_goes_on_where_its_client_left_it() -> None:
    async with working() as stack:
        client = stack.openai()
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


async def test_another_server_follows_a_stream(tmp_path: Path) -> None:
    async with working(store=sqlite(tmp_path)) as one, working(store=sqlite(tmp_path)) as two:
        made = await one.openai().responses.create(input="wait", background=True, stream=True)
        first = await anext(aiter(made))
        other = asyncio.create_task(_resumed(two.openai(), first.response.id, 0))
        Telling.gate.set()
        rest = [event async for event in made]
        assert await other == rest


async def test_a_cancelled_stream_ends() -> None:
    async with working() as stack:
        client = stack.openai()
        made = await client.responses.create(input="wait", background=True, stream=True)
        first = await anext(aiter(made))
        await reached(1)
        await client.responses.cancel(first.response.id)
        last = [event async for event in made][-1]
        assert (last.type, last.response.status) == ("response.incomplete", "cancelled")


async def test_what_cannot_be_streamed_is_refused_by_name() -> None:
    async with working() as stack:
        client = stack.openai()
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
