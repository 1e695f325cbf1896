"""The checks of what is left when a stream is not read to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from ..canon import ir
from .bench import Bench
from .findings import Breach, told
from .reading import Record, close, read

UNRUN = 32  # prepared requests that nobody runs, at least
LASTING = "prepare does nothing that lasts; the work begins with the first event"
CLOSING = "closing the iterator cancels the work within one step, and nothing of it is left"
CANCELLING = "a cancelled reader gets CancelledError at once, and nothing of the work is left"

Until = Callable[[ir.Event], bool]
POINTS: dict[str, Until | None] = {
    "before its first event": None,
    "after Started": lambda event: isinstance(event, ir.Started),
    "after its first delta": lambda event: isinstance(event, ir.Delta),
}


async def preparing(bench: Bench) -> None:
    """Prepared requests that nobody runs take no place and leave nothing."""
    async with bench.running():
        before = bench.snapshot()
        slots = (before.status or {}).get("slots", 0)
        for _ in range(max(UNRUN, slots + 1)):
            await bench.prepared()
        await bench.gone(before, "prepared requests that were never run", LASTING)


async def closing(bench: Bench) -> None:
    """A stream that is closed early lets go of its work, and the next call is answered."""
    async with bench.running():
        for point, until in POINTS.items():
            before = bench.snapshot()
            source = await bench.run()
            await _closed(bench, source, until, f"closing a stream {point}")
            await bench.gone(before, f"closing a stream {point}", CLOSING)


async def _closed(
    bench: Bench, source: AsyncIterator[ir.Event], until: Until | None, what: str
) -> None:
    record = Record()
    if until is None:
        await bench.within(close(source, record), what, CLOSING)
    else:
        await bench.within(read(source, record, until), what, CLOSING, records=[record])
    if record.closing is not None:
        raise Breach(f"{what} raised {told(record.closing)}", CLOSING)


async def cancelling(bench: Bench) -> None:
    """A reader that is cancelled while it waits for an event ends, and so does the work."""
    async with bench.running():
        for point, until in POINTS.items():
            before = bench.snapshot()
            source = await bench.run()
            what = f"cancelling a reader {point}"
            await _cancelled(bench, source, until, what)
            await bench.gone(before, what, CANCELLING)


async def _cancelled(
    bench: Bench, source: AsyncIterator[ir.Event], until: Until | None, what: str
) -> None:
    reached, record = asyncio.Event(), Record()

    def seen(event: ir.Event) -> bool:
        if until is not None and until(event):
            reached.set()
        return False

    reading = bench.task(read(source, record, seen))
    if until is None:
        await asyncio.sleep(0)  # now it waits for the first event
    else:
        await bench.reached(reached, reading)
    if reading.done():
        return  # a provider that never waits has nothing to cancel
    asked = len(record.events)
    reading.cancel()
    if not await bench.done(reading):
        raise Breach(f"{what} did not end it", CANCELLING)
    if not reading.cancelled():
        raise Breach(f"{what}: {_instead(record, asked)}", CANCELLING)


def _instead(record: Record, asked: int) -> str:
    error = record.error or record.closing
    if error is not None:
        return f"it got {told(error)} instead of CancelledError"
    return f"it was swallowed, and {len(record.events) - asked} events came after it"
