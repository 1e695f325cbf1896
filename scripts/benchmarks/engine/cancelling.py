"""How soon a slot is free after its reader has gone, in process: to go on and find out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import pairwise
from statistics import median
from typing import cast

from polystack.core import ir
from polystack.providers.llamacpp import Config, LlamaCpp

from . import ours
from .setup import Setup, counting

STREAMS = 8


async def measure(setup: Setup, rounds: int) -> dict[str, float]:
    """Milliseconds from the end of the reader to the free slot, and those of a step."""
    provider = LlamaCpp(ours.MODEL, Config.model_validate(ours.config(setup)))
    await provider.start()
    try:
        found = [await _round(provider, run, setup.context // 2) for run in range(rounds)]
    finally:
        await provider.stop()
    free, steps = ([one[place] for one in found] for place in (0, 1))
    later = median(one - step for one, step in found)
    return {"free_ms": median(free), "step_ms": median(steps), "later_ms": later}


async def _round(provider: LlamaCpp, run: int, tokens: int) -> tuple[float, float]:
    streams = [await _begun(provider, text, tokens) for text in counting(run, STREAMS)]
    reader = streams.pop()
    step = await _step(streams[0])
    running = provider.status()["running"]
    began = time.perf_counter()
    # The slot is free when the engine's thread has seen it, not when this has returned.
    await reader.aclose()
    await _fewer(provider, running)
    free = (time.perf_counter() - began) * 1e3
    for stream in streams:
        await stream.aclose()
    await _fewer(provider, 1)
    return free, step


async def _fewer(provider: LlamaCpp, running: int) -> None:
    while provider.status()["running"] >= running:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)


async def _begun(provider: LlamaCpp, text: str, tokens: int) -> AsyncGenerator[ir.Event]:
    turn = ir.Turn("user", (ir.Text(text),), at="messages.0")
    request = ir.Request(ours.MODEL, (turn,), sampling=ir.Sampling(max_tokens=tokens))
    prepared = await provider.prepare(request)
    events: AsyncIterator[ir.Event] = prepared.run(0)
    async for event in events:
        if isinstance(event, ir.Delta):
            break
    return cast("AsyncGenerator[ir.Event]", events)


async def _step(events: AsyncIterator[ir.Event], count: int = 10) -> float:
    """Milliseconds between two deltas of a stream that is read all the time."""
    times: list[float] = []
    async for event in events:
        if isinstance(event, ir.Delta):
            times.append(time.perf_counter() * 1e3)
        if len(times) > count:
            break
    return median(b - a for a, b in pairwise(times))
