"""What comes into memory and goes when it is let, and a clock that rings when it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from polystack.providers.local.budget import Budget
from polystack.providers.local.residency import Residency, Rules

NONE = Rules()


class Slow:
    """What comes when it is let, as often as it is asked for."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.began = asyncio.Event()
        self.came = 0
        self.left: list[int] = []
        self.broken: set[int] = set()
        self.fault: Exception | None = None

    async def bring(self) -> int:
        self.began.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.came += 1
        return self.came

    def works(self, here: int) -> bool:
        return here not in self.broken

    async def leave(self, here: int) -> None:
        await self.gate.wait()
        self.left.append(here)


class Clock:
    """Calls back when it is told that the time has come."""

    def __init__(self) -> None:
        self.waiting: dict[Clock.Timer, Callable[[], None]] = {}

    class Timer:
        def __init__(self, clock: Clock, seconds: float) -> None:
            self.clock, self.seconds = clock, seconds

        def cancel(self) -> None:
            self.clock.waiting.pop(self, None)

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Clock.Timer(self, seconds)
        self.waiting[timer] = call
        return timer

    @property
    def seconds(self) -> list[float]:
        return [timer.seconds for timer in self.waiting]

    def ring(self) -> None:
        for timer, call in list(self.waiting.items()):
            timer.cancel()
            call()


@asynccontextmanager
async def opened(
    slow: Slow, rules: Rules = NONE, budget: Budget | None = None, size: int = 0
) -> AsyncIterator[Residency[int]]:
    residency = Residency(
        "tiny", slow.bring, slow.leave, rules, slow.works, budget=budget or Budget()
    )
    residency.open(size)
    try:
        yield residency
    finally:
        slow.gate.set()
        await residency.close()


async def used(residency: Residency[int]) -> int:
    async with residency.use() as here:
        return here
