"""The check of streams that run at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ..canon import ir
from .battery import user
from .bench import Bench, is_refusal
from .findings import Breach, told
from .reading import Gate, Record, fault, read, turn

MARKS = ("walnut-4417", "harbour-9052", "copper-2386", "lantern-7731")
LEAVING = 1  # the number of the stream that is closed in the middle

APART = "any number of streams run at the same time, and know nothing of each other"
WAITING = "no stream waits until another is read, but where status() names too few `slots`"


async def concurrency(bench: Bench) -> None:
    """Streams that run at the same time stay whole, also when one of them is closed midway."""
    async with bench.running():
        status = bench.snapshot().status or {}
        await _step_by_step(bench)
        if status.get("slots", 2) > 1:
            await _held(bench)


async def _step_by_step(bench: Bench) -> None:
    records = [Record() for _ in MARKS]
    reads = (_one(bench, number, record) for number, record in enumerate(records))
    what = f"{len(MARKS)} streams at the same time"
    await bench.within(asyncio.gather(*reads), what, APART, records=records)
    if all(is_refusal(record) for record in records):
        bench.saw(f"{what} were all refused", APART)
    for number, record in enumerate(records):
        for wrong in _wrong(bench, number, record):
            bench.saw(f"stream {number + 1} of {len(MARKS)}: {wrong}", APART)


async def _one(bench: Bench, number: int, record: Record) -> Record:
    try:
        source = (await bench.provider.prepare(_marked(bench, number))).run(0)
    except Exception as error:
        record.error = error
        return record
    leaves = number == LEAVING
    return await read(source, record, lambda event: leaves and isinstance(event, ir.Delta), turn)


def _marked(bench: Bench, number: int) -> ir.Request:
    """A request with a word that no answer to another one can hold."""
    if not bench.own:
        return bench.plain
    return replace(bench.plain, turns=(user(f"Repeat this word: {MARKS[number]}"),))


def _wrong(bench: Bench, number: int, record: Record) -> list[str]:
    if is_refusal(record):
        return []  # a full queue, say
    if record.error is not None:
        return [f"it raised {told(record.error)}"]
    left_early = number == LEAVING and record.finished is None
    if not left_early and (wrong := fault(record.events)):
        return [wrong]
    others = [mark for other, mark in enumerate(MARKS) if other != number]
    return [f"its answer holds another request's word, {m}" for m in others if m in record.text]


async def _held(bench: Bench) -> None:
    """One stream stands still after its first event while another is read to its end."""
    go, standing, record = asyncio.Event(), asyncio.Event(), Record()
    source = (await bench.prepared()).run(0)
    reading = bench.task(read(source, record, gate=_once(record, standing, go)))
    try:
        await bench.reached(standing, reading)
        other = await bench.answer()
    except Breach as breach:
        raise Breach(f"while another stream was not read, {breach.seen}", WAITING) from None
    finally:
        go.set()
    if not other.legal and not is_refusal(other):
        bench.saw("a stream was not whole while another was not read", APART)
    await bench.within(reading, "a stream that stood still", WAITING, records=[record])
    if not record.legal:
        bench.saw("a stream that stood still was not whole afterwards", APART)


def _once(record: Record, standing: asyncio.Event, go: asyncio.Event) -> Gate:
    """A gate that lets one event through, says so, and opens with `go`."""

    async def gate() -> None:
        if record.events:
            standing.set()
            await go.wait()

    return gate
