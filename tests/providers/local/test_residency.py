"""When a model is in memory: whoever needs it waits for one load, and whoever uses it keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeAlias

import pytest
from engines import ENDLESS, HELLO, ask, running, text

from polystack.core import ir
from polystack.core.canon.errors import ConfigError, Conflict, Overloaded
from polystack.providers.local.provider import Local
from polystack.providers.local.residency import Residency

GREETING = "Hello! How can I help you today?"

Start: TypeAlias = Callable[..., AbstractAsyncContextManager[Local]]


class Slow:
    """What comes when it is let, as often as it is asked for."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.began = asyncio.Event()
        self.came = 0
        self.left: list[int] = []
        self.fault: Exception | None = None

    async def bring(self) -> int:
        self.began.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.came += 1
        return self.came

    async def leave(self, here: int) -> None:
        await self.gate.wait()
        self.left.append(here)


@asynccontextmanager
async def opened(slow: Slow) -> AsyncIterator[Residency[int]]:
    residency = Residency("tiny", slow.bring, slow.leave)
    residency.open()
    try:
        yield residency
    finally:
        slow.gate.set()
        await residency.close()


async def used(residency: Residency[int]) -> int:
    async with residency.use() as here:
        return here


# Coming ------------------------------------------------------------------------------------------


async def test_all_that_need_it_wait_for_one_coming() -> None:
    slow = Slow()
    async with opened(slow) as residency:
        waiting = [asyncio.create_task(used(residency)) for _ in range(5)]
        await slow.began.wait()
        assert residency.state == "coming"
        slow.gate.set()
        assert await asyncio.gather(*waiting) == [1] * 5
        assert (residency.state, residency.uses) == ("here", 0)


async def test_a_coming_that_fails_is_told_to_all_and_tried_again_by_the_next() -> None:
    slow = Slow()
    async with opened(slow) as residency:
        slow.fault = ConfigError("no such file")
        waiting = [asyncio.create_task(used(residency)) for _ in range(3)]
        await slow.began.wait()
        slow.gate.set()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(error) for error in told] == ["no such file"] * 3
        assert (residency.state, residency.uses) == ("absent", 0)
        slow.fault = None
        assert await used(residency) == 1


async def test_one_who_stops_waiting_breaks_nobody_elses_coming() -> None:
    slow = Slow()
    async with opened(slow) as residency:
        first, second = (asyncio.create_task(used(residency)) for _ in range(2))
        await slow.began.wait()
        first.cancel()
        await asyncio.wait([first])
        slow.gate.set()
        assert await second == 1


async def test_what_nobody_waits_for_any_more_is_there_for_the_next() -> None:
    slow = Slow()
    async with opened(slow) as residency:
        only = asyncio.create_task(used(residency))
        await slow.began.wait()
        only.cancel()
        await asyncio.wait([only])
        slow.gate.set()
        assert await used(residency) == 1


# Going -------------------------------------------------------------------------------------------


async def test_what_is_used_is_not_let_go() -> None:
    slow = Slow()
    slow.gate.set()
    async with opened(slow) as residency:
        async with residency.use():
            with pytest.raises(Conflict, match="1 of its requests"):
                await residency.unload()
        await residency.unload()
        assert slow.left == [1]


async def test_letting_go_of_what_is_not_there_is_no_error() -> None:
    slow = Slow()
    async with opened(slow) as residency:
        await residency.unload()
        assert slow.left == []


async def test_who_comes_while_it_leaves_waits_and_brings_it_back() -> None:
    slow = Slow()
    slow.gate.set()
    async with opened(slow) as residency:
        await used(residency)
        slow.gate.clear()
        leaving = asyncio.create_task(residency.unload())
        await asyncio.sleep(0)
        back = asyncio.create_task(used(residency))
        await asyncio.sleep(0)
        assert residency.state == "leaving"
        slow.gate.set()
        await leaving
        assert await back == 2
        assert slow.left == [1]


async def test_closing_waits_for_what_is_coming_and_takes_it_out_again() -> None:
    slow = Slow()
    async with opened(slow) as residency:
        waiting = asyncio.create_task(used(residency))
        await slow.began.wait()
        closing = asyncio.create_task(residency.close())
        await asyncio.sleep(0)
        assert not closing.done()
        slow.gate.set()
        await closing
        await asyncio.wait([waiting])
        assert slow.left == [1]
        with pytest.raises(Overloaded, match="not running"):
            await used(residency)


# Engines -----------------------------------------------------------------------------------------


@pytest.fixture(params=["llamacpp", "mlx"])
def engine(request: pytest.FixtureRequest) -> Start:
    """Starts one that loads nothing before it is used, for as long as a block lasts."""
    return partial(running, request.param, load="use")


@pytest.mark.engine
async def test_a_model_says_what_it_is_before_it_is_loaded(engine: Start) -> None:
    async with engine() as provider:
        before = await provider.models()
        assert provider._residency.here is None
        assert await text(provider, ask(HELLO)) == GREETING
        assert provider._residency.here is not None
        assert await provider.models() == before


@pytest.mark.engine
async def test_the_first_requests_share_one_load(engine: Start) -> None:
    async with engine() as provider:
        answers = await asyncio.gather(*(text(provider, ask(HELLO)) for _ in range(4)))
        assert answers == [GREETING] * 4
        worker = provider._residency.here
        assert await text(provider, ask(HELLO)) == GREETING
        assert provider._residency.here is worker


@pytest.mark.engine
async def test_a_request_that_is_running_keeps_its_model(engine: Start) -> None:
    async with engine() as provider:
        prepared = await provider.prepare(ask(ENDLESS, sampling=ir.Sampling(max_tokens=30)))
        events = prepared.run(0)
        assert isinstance(await anext(events), ir.Started)
        with pytest.raises(Conflict):
            await provider._residency.unload()
        assert isinstance([event async for event in events][-1], ir.Finished)
        await provider._residency.unload()


@pytest.mark.engine
async def test_what_was_prepared_runs_though_its_model_left_meanwhile(engine: Start) -> None:
    schema = ir.OutputFormat("schema", {"type": "object", "required": ["a"]}, at="format")
    async with engine() as provider:
        prepared = await provider.prepare(
            ask(HELLO, output=schema, sampling=ir.Sampling(max_tokens=8))
        )
        await provider._residency.unload()
        assert provider._residency.state == "absent"
        events = [event async for event in prepared.run(0)]
        assert isinstance(events[0], ir.Started)
        assert isinstance(events[-1], ir.Finished)


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["llamacpp", "mlx"])
async def test_what_is_wrong_with_a_model_is_told_at_the_start_all_the_same(kind: str) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        async with running(kind, model="/nowhere/at/all", load="use"):
            pass
