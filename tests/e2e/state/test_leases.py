"""Who makes a response in the background, and what becomes of it when its maker is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from polystack.core.contract.store import Key

from .telling import Telling, reached
from .test_background import SHARED, Working, ended, working

pytestmark = SHARED


async def lease_of(at: Working, id: str) -> Any:
    found = await at.stack.store.get(Key("everybody", "response", id))
    assert found is not None
    return orjson.loads(found).get("lease")


async def test_the_response_of_a_server_that_is_gone_fails_once() -> None:
    async with working() as one, working() as two:
        one.clock.frozen = True  # it does not renew, as if it were not there
        made = await one.client.responses.create(input="wait", background=True)
        await reached(1)
        two.clock.time += 29
        assert (await two.client.responses.retrieve(made.id)).status == "in_progress"
        two.clock.time += 1
        found = await asyncio.gather(*[two.client.responses.retrieve(made.id) for _ in range(4)])
        assert [each.status for each in found] == ["failed"] * 4
        assert found[0].error.code == "server_error"
        assert "is gone" in found[0].error.message
        Telling.gate.set()  # it was there after all, and comes too late
        await one.settled()
        assert await one.client.responses.retrieve(made.id) == found[0]


async def test_one_that_is_being_made_elsewhere_stays() -> None:
    async with working() as one, working() as two:
        made = await one.client.responses.create(input="wait", background=True)
        await reached(1)
        for _ in range(3):
            one.clock.time += 20
            two.clock.time += 20
            async with asyncio.timeout(20):
                while (await lease_of(one, made.id))["until"] < one.clock.time + 30:
                    await asyncio.sleep(0.002)
            assert (await two.client.responses.retrieve(made.id)).status == "in_progress"
        Telling.gate.set()
        assert (await ended(two.client, made.id)).status == "completed"
        assert await lease_of(two, made.id) is None


async def test_one_that_was_cancelled_when_its_server_went_is_cancelled() -> None:
    async with working() as one, working() as two:
        one.clock.frozen = True
        made = await one.client.responses.create(input="wait", background=True)
        await reached(1)
        await two.client.responses.cancel(made.id)
        two.clock.time += 31
        assert (await two.client.responses.retrieve(made.id)).status == "cancelled"
        assert await lease_of(two, made.id) is None


async def test_a_server_that_stops_says_so() -> None:
    async with working() as two:
        async with working() as one:
            made = await one.client.responses.create(input="wait", background=True, stream=True)
            id = (await anext(aiter(made))).response.id
            await reached(1)
        assert Telling.gone == 1
        found = await two.client.responses.retrieve(id)
        assert (found.status, found.output_text) == ("failed", "so ")
        assert "stopped before" in found.error.message
        events = [event async for event in await two.client.responses.retrieve(id, stream=True)]
        assert events[-1].type == "response.failed"
        assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_the_stream_of_a_server_that_is_gone_ends_elsewhere() -> None:
    async with working() as one, working() as two:
        made = await one.client.responses.create(input="wait", background=True, stream=True)
        events = aiter(made)
        seen = [await anext(events)]
        while seen[-1].type != "response.output_text.delta":
            seen.append(await anext(events))
        one.clock.frozen = True
        id, last = seen[0].response.id, seen[-1].sequence_number
        two.clock.time += 60
        resumed = await two.client.responses.retrieve(id, stream=True, starting_after=last)
        rest = [event async for event in resumed]
        assert [event.type for event in rest] == ["response.failed"]
        assert rest[0].sequence_number == last + 1
        one.clock.frozen = False
        await made.close()


async def test_a_store_that_is_away_for_a_while_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with working() as at:
        made = await at.client.responses.create(input="wait", background=True, stream=True)
        id = (await anext(aiter(made))).response.id
        await made.close()
        await reached(1)
        refused = asyncio.Event()

        async def away(*_: Any, **__: Any) -> Any:
            refused.set()
            raise ConnectionError("the store is away")

        with monkeypatch.context() as broken:
            broken.setattr(at.stack.store, "get", away)
            await refused.wait()
        Telling.gate.set()
        assert (await ended(at.client, id)).output_text == "so it is"
