"""The check of a provider's life: start, stop, and start again."""

from __future__ import annotations

import asyncio

from .bench import LOADING, Bench
from .findings import Breach, told
from .reading import Record, read

STOPPING = "stop may be called at any time, raises nothing and lets go of everything"
STARTING = "a provider that was stopped can be started again"
SHOWING = "status gives a number from 0 for each name, and raises nothing"
ENDING = "stop ends the streams that still run"


async def lifecycle(bench: Bench) -> None:
    """Stop is harmless at any time and leaves nothing; after it a provider starts again."""
    before = bench.snapshot(status=False)
    try:
        await _stop(bench, "before start()")
        await _start(bench, "start()")
        await bench.answered()
        _shows_itself(bench)
        await _stop(bench, "after a call")
        await _stop(bench, "for the second time")
        await _start(bench, "start() after stop()")
        if why := await bench.unanswered():
            raise Breach(f"after start(), stop() and start(), {why}", STARTING)
        await _stop_in_the_middle(bench)
    finally:
        await bench.stopped()
    if left := await bench.left(before):
        bench.saw(f"after stop() {left}", STOPPING)


def _shows_itself(bench: Bench) -> None:
    """`status` feeds `GET /health`, which has to work whatever happens."""
    try:
        status = dict(bench.provider.status())
    except Exception as error:
        raise Breach(f"status() raised {told(error)}", SHOWING) from error
    for name, figure in status.items():
        if type(figure) is not int or figure < 0:
            bench.saw(f"status() shows {name}: {figure!r:.40}", SHOWING)


async def _start(bench: Bench, what: str) -> None:
    await bench.within(bench.provider.start(), what, STARTING, LOADING)


async def _stop(bench: Bench, when: str) -> None:
    await bench.within(bench.provider.stop(), f"stop() {when}", STOPPING)


async def _stop_in_the_middle(bench: Bench) -> None:
    record, reached, go = Record(), asyncio.Event(), asyncio.Event()

    async def gate() -> None:
        if record.events:
            reached.set()
            await go.wait()

    reading = bench.task(read(await bench.run(), record, gate=gate))
    await bench.reached(reached, reading)
    try:
        await _stop(bench, "while a stream runs")
    finally:
        go.set()
    await bench.within(reading, "a stream, after stop(),", ENDING, records=[record])
