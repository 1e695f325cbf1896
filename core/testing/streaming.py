"""The checks of what a stream is made of: the order of its events, and how it fails."""

from __future__ import annotations

import asyncio

from ..canon import ir
from ..canon.errors import StackError
from .battery import PLAIN, for_model, hard
from .bench import Bench
from .findings import told
from .reading import Record, fault, read, turn

ORDER = (
    "Started comes first, every part starts once and ends, deltas go to open parts, "
    "and one Finished or Failed is the last event"
)
REFUSING = "what fails before Started is raised as a StackError"
FAILING = "after Started nothing is raised: a Failed event holds the StackError"
CHOOSING = "one Prepared runs once for each choice, and the choices know nothing of each other"


async def grammar(bench: Bench) -> None:
    """Streams obey the order of events, from Started to one terminal with nothing behind it."""
    async with bench.started():
        await bench.choose()
        for name, request in bench.requests.items():
            record = await bench.answer(request)
            if record.error is None and (wrong := fault(record.events)):
                bench.saw(f"{name}: {wrong}", ORDER)
        if why := _refused(await bench.answer()):
            bench.saw(f"{PLAIN}: {why}", "a plain request is answered")


def _refused(record: Record) -> str | None:
    if not record.started and isinstance(record.error, StackError):
        return f"refused with {told(record.error)}"
    last = record.events[-1] if record.events else None
    return f"failed with {told(last.error)}" if isinstance(last, ir.Failed) else None


async def errors(bench: Bench) -> None:
    """Errors before Started are StackErrors, and after it Failed events, whatever is asked."""
    async with bench.started():
        await bench.choose()
        cases = bench.requests | for_model(hard(bench.model), bench.model.id)
        for name, request in cases.items():
            _look_at(bench, name, await bench.answer(request))


def _look_at(bench: Bench, name: str, record: Record) -> None:
    error = record.error
    if error is not None and record.started:
        bench.saw(f"{name}: the iterator raised {told(error)} after Started", FAILING)
    elif error is not None and not isinstance(error, StackError):
        bench.saw(f"{name}: {told(error)} was raised", REFUSING)
    for event in record.events:
        if isinstance(event, ir.Failed) and not isinstance(event.error, StackError):
            bench.saw(f"{name}: Failed holds {event.error!r:.80}", FAILING)


async def choices(bench: Bench) -> None:
    """Two choices of one prepared request run at the same time, each a whole answer."""
    async with bench.running():
        prepared = await bench.prepared()
        records = Record(), Record()
        runs = (
            read(prepared.run(choice), record, gate=turn) for choice, record in enumerate(records)
        )
        what = "two choices at the same time"
        await bench.within(asyncio.gather(*runs), what, CHOOSING, records=records)
        for choice, record in enumerate(records):
            if record.error is not None:
                bench.saw(f"choice {choice} raised {told(record.error)}", CHOOSING)
            elif wrong := fault(record.events):
                bench.saw(f"choice {choice}: {wrong}", CHOOSING)
