"""Stores in a database: what is in them outlives their process, and stays within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from polystack.core.canon.errors import StackError, TooLarge
from polystack.core.contract.store import Key, Page, Write
from polystack.core.stores.sql.store import Sql

from .conftest import Make


def key(id: str, tenant: str = "ann") -> Key:
    return Key(tenant, "response", id)


@asynccontextmanager
async def running(make: Make, **config: object) -> AsyncIterator[Sql]:
    store = make(**config)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def test_records_outlive_the_store(make: Make) -> None:
    async with running(make) as store:
        await store.put(key("a"), b"kept")
    async with running(make) as store:
        assert await store.get(key("a")) == b"kept"
        assert store.status() == {"records": 1, "bytes": 4}


async def test_two_stores_on_one_database_see_what_the_other_has_written(make: Make) -> None:
    async with running(make) as one, running(make) as other:
        await one.put(key("a"), b"1")
        assert await other.get(key("a")) == b"1"
        assert await other.swap(key("a"), b"2", b"1")
        assert await one.get(key("a")) == b"2"


async def test_a_store_that_has_stopped_says_so(make: Make) -> None:
    async with running(make) as store:
        pass
    with pytest.raises(StackError, match="the store does not run"):
        await store.get(key("a"))


async def test_a_reader_that_leaves_takes_nobody_with_it(make: Make) -> None:
    async with running(make) as store:
        leaving = [asyncio.create_task(store.put(key(str(n)), b"x")) for n in range(20)]
        await asyncio.sleep(0)
        for task in leaving[::2]:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await store.put(key("last"), b"x")
        assert await store.get(key("1")) == b"x"


# Bounds ------------------------------------------------------------------------------------------


async def test_a_sweep_forgets_the_oldest_records_of_a_tenant_that_has_too_many(
    make: Make,
) -> None:
    async with running(make, max_records=3) as store:
        await store.put(key("a", tenant="bob"), b"theirs")
        for id in ("a", "b", "c", "a", "d", "e"):  # the second `a` is newer than `c`
            await store.put(key(id), b"x")
        await store.sweep()
        found = await store.list("ann", "response")
        assert found == Page([("a", b"x"), ("d", b"x"), ("e", b"x")])
        assert await store.get(key("a", tenant="bob")) == b"theirs"
        assert await store.sweep() == 0
        assert store.status() == {"records": 4, "bytes": 9}


async def test_a_sweep_makes_room_where_records_are_too_large_together(make: Make) -> None:
    async with running(make, max_bytes=10) as store:
        await store.put_all([Write(key(id), b"four") for id in ("c", "b", "a")])
        await store.sweep()
        assert await store.list("ann", "response") == Page([("a", b"four"), ("b", b"four")])


async def test_a_sweep_forgets_any_number_of_expired_records(make: Make) -> None:
    async with running(make) as store:
        await store.put_all([Write(key(str(n)), b"x", expires=1.0) for n in range(1200)])
        await store.put(key("kept"), b"x", expires=1e11)
        assert await store.sweep() == 1200
        assert store.status() == {"records": 1, "bytes": 1}


@pytest.mark.parametrize("bounds", [{"max_records": 10}, {"max_bytes": 200}])
async def test_a_tenant_that_writes_much_is_swept_without_waiting(
    bounds: dict[str, int], make: Make
) -> None:
    async with running(make, **bounds, sweep_interval=3600) as store:
        for n in range(30):
            await store.put(key(f"{n:02}"), b"x" * 20)
        async with asyncio.timeout(60):
            while len((await store.list("ann", "response")).records) > 10:
                await asyncio.sleep(0.01)
        assert await store.get(key("29")) is not None


async def test_sweeps_come_by_themselves(make: Make) -> None:
    async with running(make, sweep_interval=0.01) as store:
        await store.put(key("a"), b"x")
        async with asyncio.timeout(60):
            while store.status()["records"] != 1:
                await asyncio.sleep(0.01)


async def test_a_record_that_could_never_fit_is_refused_and_changes_nothing(make: Make) -> None:
    async with running(make, max_bytes=4) as store:
        await store.put(key("a"), b"kept")
        with pytest.raises(TooLarge, match=r"5 bytes is too large to be kept; .* max_bytes is 4"):
            await store.put_all([Write(key("b"), b""), Write(key("a"), b"large")])
        assert await store.list("ann", "response") == Page([("a", b"kept")])
        with pytest.raises(TooLarge):
            await store.swap(key("a"), b"large", b"kept")
