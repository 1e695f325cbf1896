"""A store's sweeps go on by themselves, whatever becomes of one of them."""

from __future__ import annotations

import asyncio

import pytest

from polystack.core.contract.store import Key, Write
from polystack.core.stores.sql.sweep import Growth
from polystack.core.stores.sweeping import Sweeping


async def test_a_sweep_that_fails_is_logged_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    swept = asyncio.Event()

    async def sweep() -> int:
        if not caplog.records:
            raise OSError("disk full")
        swept.set()
        return 0

    sweeping = Sweeping(sweep, 0.01)
    sweeping.start()
    await asyncio.wait_for(swept.wait(), 60)
    await sweeping.stop()
    assert caplog.messages == ["the store could not be swept"]
    assert "disk full" in caplog.text


async def test_it_can_be_woken_stopped_twice_and_started_again() -> None:
    swept = asyncio.Event()

    async def sweep() -> int:
        swept.set()
        return 0

    sweeping = Sweeping(sweep, 3600)
    await sweeping.stop()
    for _ in range(2):
        swept.clear()
        sweeping.start()
        sweeping.wake()
        await asyncio.wait_for(swept.wait(), 60)
        await sweeping.stop()
        await sweeping.stop()


def test_a_tenth_of_a_tenants_bounds_is_much() -> None:
    def written(tenant: str, size: int) -> list[Write]:
        return [Write(Key(tenant, "response", "a"), b"x" * size)]

    growth = Growth(max_records=30, max_bytes=1000)
    assert [growth.add(written("ann", 1)) for _ in range(3)] == [False, False, True]
    assert not growth.add(written("bob", 99))
    assert growth.add(written("bob", 1))
    growth.clear()
    assert not growth.add(written("bob", 99))
