"""The store in memory: what is kept, what is forgotten, and in which order it is listed."""

from __future__ import annotations

import asyncio

import pytest

from polystack.core.canon.errors import TooLarge
from polystack.core.contract.store import Key, Page, Write
from polystack.core.stores.memory import Memory, MemoryConfig


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


def key(id: str, tenant: str = "ann", kind: str = "response") -> Key:
    return Key(tenant, kind, id)


def memory(clock: Clock | None = None, **config: int) -> Memory:
    return Memory(MemoryConfig.model_validate(config), now=clock or Clock())


async def test_a_record_comes_back_as_it_was_put() -> None:
    store = memory()
    await store.put(key("a"), b"\x00one")
    assert await store.get(key("a")) == b"\x00one"
    assert await store.get(key("b")) is None


@pytest.mark.parametrize("other", [key("a", tenant="bob"), key("a", kind="file")])
async def test_tenants_and_kinds_have_names_of_their_own(other: Key) -> None:
    store = memory()
    await store.put(key("a"), b"mine")
    await store.put(other, b"theirs")
    assert await store.delete(other)
    assert await store.get(key("a")) == b"mine"
    assert await store.get(other) is None


async def test_a_record_replaces_the_one_that_was_there() -> None:
    store = memory()
    await store.put(key("a"), b"first")
    await store.put(key("a"), b"2nd")
    assert await store.get(key("a")) == b"2nd"
    assert store.status() == {"records": 1, "bytes": 3}


async def test_an_empty_record_is_a_record() -> None:
    store = memory()
    await store.put(key("a"), b"")
    assert await store.get(key("a")) == b""
    assert await store.delete(key("a"))
    assert not await store.delete(key("a"))


async def test_an_expired_record_is_nowhere_to_be_found() -> None:
    clock = Clock()
    store = memory(clock)
    for id in ("a", "b"):
        await store.put(key(id), b"x", expires=clock.time + 5)
    await store.put(key("c"), b"x")
    clock.time += 5
    assert await store.get(key("a")) is None
    assert not await store.delete(key("b"))
    assert await store.list("ann", "response") == Page([("c", b"x")])
    assert store.status() == {"records": 1, "bytes": 1}


async def test_the_oldest_record_is_forgotten_when_there_are_too_many() -> None:
    store = memory(max_records=2)
    for id in ("a", "b", "a", "c"):  # the second `a` is newer than `b`
        await store.put(key(id), b"x")
    assert await store.get(key("b")) is None
    assert await store.list("ann", "response") == Page([("a", b"x"), ("c", b"x")])


async def test_the_oldest_records_make_room_for_a_large_one() -> None:
    store = memory(max_bytes=10)
    for id in ("a", "b", "c"):
        await store.put(key(id), b"four")
    await store.put(key("d"), b"exactly 10")
    assert store.status() == {"records": 1, "bytes": 10}
    assert await store.get(key("d")) == b"exactly 10"


async def test_a_record_that_could_never_fit_is_refused_and_changes_nothing() -> None:
    store = memory(max_bytes=4)
    await store.put(key("a"), b"kept")
    with pytest.raises(TooLarge, match=r"5 bytes is too large to be kept; .* max_bytes is 4"):
        await store.put(key("a"), b"large")
    assert await store.get(key("a")) == b"kept"


async def test_pages_follow_one_another_even_where_the_last_record_has_gone() -> None:
    store = memory()
    for id in ("d", "b", "a", "c", "e"):
        await store.put(key(id), id.encode())
    await store.put(key("b", tenant="bob"), b"no")
    page = await store.list("ann", "response", limit=2)
    assert page == Page([("a", b"a"), ("b", b"b")], more=True)
    await store.delete(key("b"))
    page = await store.list("ann", "response", after="b", limit=3)
    assert page == Page([("c", b"c"), ("d", b"d"), ("e", b"e")])


async def test_a_tenant_that_keeps_much_takes_nothing_from_another() -> None:
    store = memory(max_records=2, max_bytes=10)
    await store.put(key("a", tenant="bob"), b"theirs")
    for id in ("a", "b", "c"):
        await store.put(key(id), b"mine!")
    assert await store.get(key("a", tenant="bob")) == b"theirs"
    assert store.status() == {"records": 3, "bytes": 16}


async def test_a_record_that_is_too_large_keeps_those_beside_it_out() -> None:
    store = memory(max_bytes=4)
    with pytest.raises(TooLarge):
        await store.put_all([Write(key("a"), b"kept"), Write(key("b"), b"large")])
    assert await store.get(key("a")) is None


async def test_a_sweep_forgets_what_has_expired() -> None:
    clock = Clock()
    store = memory(clock)
    await store.put_all([Write(key(id), b"x", clock.time + 5) for id in ("a", "b")])
    await store.put(key("c"), b"x")
    assert await store.sweep() == 0
    clock.time += 5
    assert await store.sweep() == 2
    assert store.status() == {"records": 1, "bytes": 1}


async def test_sweeps_come_by_themselves() -> None:
    store = Memory(MemoryConfig(sweep_interval=0.01))
    await store.start()
    await store.put(key("a"), b"x", expires=1.0)
    async with asyncio.timeout(60):
        while store.status()["records"]:
            await asyncio.sleep(0.01)
    await store.stop()


async def test_nothing_is_left_after_it_has_stopped() -> None:
    store = memory()
    await store.put(key("a"), b"x")
    await store.stop()
    assert store.status() == {"records": 0, "bytes": 0}
