"""The journal of a stream: what is read behind any event is the rest of what was written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polystack.core.canon.errors import InvalidRequest
from polystack.core.contract.state import JOURNAL
from polystack.core.runtime import journal
from polystack.core.runtime.journal import Journal, Reader
from polystack.core.runtime.records import Kept
from polystack.core.stores.memory import Memory, MemoryConfig


def records() -> Kept:
    return Kept(Memory(MemoryConfig()), "tenant", 60.0)


def frames(*sizes: int) -> list[bytes]:
    return [f"event: e{place}\ndata: {'é' * size}\n\n".encode() for place, size in enumerate(sizes)]


chunks = st.lists(st.lists(st.integers(0, 20_000), min_size=1, max_size=4), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(chunks, st.data())
async def test_the_rest_is_read_wherever_a_reader_begins(
    written: list[list[int]], data: st.DataObject
) -> None:
    kept, id = records(), "x"
    every = frames(*(size for chunk in written for size in chunk))
    after = data.draw(st.integers(-1, len(every) + 1))
    writer, reader = Journal(kept, id), Reader(kept, id, after)
    found, place = b"", 0
    for chunk in written:
        writer.feed(b"".join(every[place : place + len(chunk)]))
        place += len(chunk)
        if data.draw(st.booleans()):
            await writer.flush()
        if data.draw(st.booleans()):
            found += await reader.read()
    await writer.flush()
    found += await reader.read()
    assert found == b"".join(every[after + 1 :])
    assert await reader.read() == b""
    assert reader.next == len(every)
    late = Reader(kept, id, after)
    assert await late.read() == b"".join(every[after + 1 :])


async def test_the_terminal_is_left_to_the_record_and_comments_have_no_number() -> None:
    kept = records()
    writer = Journal(kept, "x")
    first, last = frames(1, 2)
    writer.feed(b": ping\n\n" + first + b": losses\n\n" + last, ends=True)
    await writer.flush()
    assert await Reader(kept, "x", -1).read() == first


async def test_few_records_are_written() -> None:
    store = Memory(MemoryConfig())
    writer = Journal(Kept(store, "tenant", 60.0), "x")
    for frame in frames(*[200] * 1000):
        writer.feed(frame)
        await writer.flush()
    assert store.status()["records"] <= 1000 * 230 / journal.SEGMENT + 1


async def test_events_that_were_forgotten_are_not_passed_over() -> None:
    kept = records()
    writer = Journal(kept, "x")
    for frame in frames(*[journal.SEGMENT] * 3):
        writer.feed(frame)
        await writer.flush()
    await kept.delete(JOURNAL, journal.key("x", 0))
    with pytest.raises(InvalidRequest, match="events from 0 to 0 are kept no more"):
        await Reader(kept, "x", -1).read()
    assert await Reader(kept, "x", 0).read() != b""
    await kept.delete(JOURNAL, journal.key("x", 1))
    with pytest.raises(InvalidRequest, match="from 1 to 1"):
        await Reader(kept, "x", 0).read()
