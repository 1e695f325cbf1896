"""What a connection remembers, and what lies behind it in the store."""

from __future__ import annotations

from polystack.core.contract.state import Record
from polystack.core.runtime.memory import Memory, Remembering
from polystack.core.runtime.records import Kept, Nothing
from polystack.core.stores.memory import Memory as Shelves
from polystack.core.stores.memory import MemoryConfig


def record(id: str, size: int = 1) -> Record:
    return Record("response", id, {"text": "x" * size})


async def test_it_forgets_the_oldest_beyond_its_limit() -> None:
    memory = Memory(1000)
    for id in ("a", "b", "c"):
        await memory.put(record(id, 400))
    assert await memory.get("response", "a") is None
    assert await memory.get("response", "b") == {"text": "x" * 400}
    assert await memory.get("response", "c") is not None


async def test_what_is_larger_than_its_limit_is_not_remembered_at_all() -> None:
    memory = Memory(1000)
    await memory.put(record("a", 2000))
    assert await memory.get("response", "a") is None
    await memory.put(record("b"))
    assert await memory.get("response", "b") is not None


async def test_a_record_that_is_written_again_counts_once_and_as_the_newest() -> None:
    memory = Memory(1000)
    for id in ("a", "b", "a", "c"):
        await memory.put(record(id, 400))
    assert await memory.get("response", "a") is not None
    assert await memory.get("response", "b") is None


async def test_it_is_looked_into_before_the_store_and_written_only_on_purpose() -> None:
    stored = Kept(Shelves(MemoryConfig()), "somebody", 60)
    records = Remembering(Memory(1000), stored)
    await records.put(record("kept", 1))
    await records.unstored().put(record("passing", 2))
    assert await stored.get("response", "kept") == {"text": "x"}
    assert await stored.get("response", "passing") is None
    assert await records.get("response", "kept") == {"text": "x"}
    assert await records.get("response", "passing") == {"text": "xx"}
    assert await records.delete("response", "passing")
    assert await records.delete("response", "kept")
    assert not await records.delete("response", "kept")


async def test_without_a_store_nothing_is_kept_and_the_connection_remembers() -> None:
    records = Remembering(Memory(1000), Nothing())
    assert not records.keeps
    await records.unstored().put(record("passing"))
    assert await records.get("response", "passing") is not None
