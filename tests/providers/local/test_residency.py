"""When a model is in memory: whoever needs it waits for one load, and whoever uses it keeps it."""

from __future__ import annotations

import asyncio

import pytest
from residing import Clock, Slow, opened, used

from polystack.core.canon.errors import ConfigError, Conflict, Overloaded
from polystack.providers.local.residency import Rules

# Coming ------------------------------------------------------------------------------------------


async def test_all_that_need_it_wait_for_one_coming() -> None:
    slow = Slow()
    async with opened(slow) as residency:
        waiting = [asyncio.create_task(used(residency)) for _ in range(5)]
        await slow.began.wait()
        assert residency.state == "loading"
        slow.gate.set()
        assert await asyncio.gather(*waiting) == [1] * 5
        assert (residency.state, residency.uses) == ("loaded", 0)


async def test_a_coming_that_fails_is_told_to_all_and_tried_again_by_the_next() -> None:
    slow = Slow()
    async with opened(slow) as residency:
        slow.fault = ConfigError("no such file")
        waiting = [asyncio.create_task(used(residency)) for _ in range(3)]
        await slow.began.wait()
        slow.gate.set()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(error) for error in told] == ["no such file"] * 3
        assert (residency.state, residency.uses) == ("unloaded", 0)
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
        assert residency.state == "unloading"
        slow.gate.set()
        await leaving
        assert await back == 2
        assert slow.left == [1]


async def test_what_broke_goes_though_it_is_used_and_comes_anew() -> None:
    slow = Slow()
    slow.gate.set()
    async with opened(slow) as residency, residency.use() as here:
        slow.broken.add(here)
        assert await asyncio.gather(*(used(residency) for _ in range(3))) == [2] * 3
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


# Idleness ----------------------------------------------------------------------------------------


async def test_what_nobody_asked_for_long_enough_goes() -> None:
    slow, clock = Slow(), Clock()
    slow.gate.set()
    async with opened(slow, Rules(unload_after=60)) as residency:
        residency.later = clock.later
        async with residency.use():
            assert clock.seconds == []
        assert clock.seconds == [60]
        clock.ring()
        assert residency.here is None
        assert await used(residency) == 2
        assert slow.left == [1]


async def test_a_request_makes_the_wait_begin_anew() -> None:
    slow, clock = Slow(), Clock()
    slow.gate.set()
    async with opened(slow, Rules(unload_after=60)) as residency:
        residency.later = clock.later
        async with residency.use():
            await used(residency)
            assert clock.seconds == []  # the other one still uses it
        await used(residency)
        assert clock.seconds == [60]
        async with residency.use():
            clock.ring()
            assert residency.here == 1


async def test_what_came_for_nobody_goes_after_its_time_as_well() -> None:
    slow, clock = Slow(), Clock()
    async with opened(slow, Rules(unload_after=60)) as residency:
        residency.later = clock.later
        only = asyncio.create_task(used(residency))
        await slow.began.wait()
        only.cancel()
        await asyncio.wait([only])
        slow.gate.set()
        assert await residency.arrived() == 1
        assert clock.seconds == [60]


async def test_nothing_waits_to_let_go_of_what_is_closed() -> None:
    slow, clock = Slow(), Clock()
    slow.gate.set()
    async with opened(slow, Rules(unload_after=60)) as residency:
        residency.later = clock.later
        await used(residency)
    assert clock.seconds == []
    assert slow.left == [1]
