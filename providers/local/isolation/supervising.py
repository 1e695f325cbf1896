"""Keeps a child alive: one that crashes is followed by another, some times, then no more.

The first one follows at once, the next ones after pauses that double. Whoever calls meanwhile
waits for the next child; who waits too long is told when to come back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ....core.canon.errors import Overloaded, StackError
from .calling import Calling, Cause
from .life import LAST, Life
from .told import Told

log = logging.getLogger(__name__)

SPAN = 600.0  # seconds in which restarts are counted
FIRST_PAUSE = 0.5  # seconds before the second restart of a span
LONGEST_PAUSE = 30.0
PATIENCE = 20.0  # seconds that a call waits for a child that is coming


class Supervisor:
    """`crashed` is called for each crash, before those are told that were under way."""

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        max_restarts: int,
        told: Told,
        crashed: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._told = told
        self._crashed = crashed
        self._settings = settings
        self._max = max_restarts
        self._crashes: deque[float] = deque()
        self._life: Life | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()  # there is a child, or there will be none
        self._refusal: Callable[[], StackError] = self._stopped

    async def start(self) -> None:
        """Raises what the provider's own `start` raises."""
        self._crashes.clear()
        self._life = await self._begun()
        self._keeping = asyncio.create_task(self._keep(self._life))

    async def stop(self) -> None:
        keeping, self._keeping = self._keeping, None
        life, self._life = self._life, None
        self._refusal = self._stopped
        self._settled.set()
        try:
            if keeping is not None:
                keeping.cancel()
                await asyncio.wait([keeping])
        finally:
            if life is not None:
                life.calling.fail(Cause(self._stopped, self._stopped))
                await life.end()
            self._told.forget()

    async def calling(self) -> Calling:
        """The line to the child; raises why there is none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._settled.wait()
        if not self._settled.is_set():
            raise Overloaded(
                f"{self.name}: the engine's process is being started again; try again later",
                retry_after=5,
            )
        if self._life is None:
            raise self._refusal()
        return self._life.calling

    def _stopped(self) -> StackError:
        return Overloaded(f"{self.name} is not running", retry_after=5)

    async def _begun(self) -> Life:
        life = Life(self.name, self._told)
        await life.begin(self._settings)
        self._settled.set()
        return life

    # Crashes -------------------------------------------------------------------------------------

    async def _keep(self, life: Life) -> None:
        while True:
            await life.lost.wait()
            self._settled.clear()
            self._life = None
            self._told.forget()
            self._crashed()
            why = await self._ended(life)
            pause = self._counted()
            life.calling.fail(self._cause(why, pause))
            while pause is not None and self._life is None:
                await asyncio.sleep(pause)
                try:
                    self._life = life = await self._begun()
                    self._told.restarts += 1
                except Exception as error:
                    why = f"{self.name}: the engine's process could not be started again: {error}"
                    pause = self._counted()
            if self._life is None:
                self._refusal = self._cause(why, None).before
                log.error(self._refusal().message)
                self._settled.set()
                return

    async def _ended(self, life: Life) -> str:
        how = await life.end(LAST)
        said = "".join(f"\n  {line}" for line in life.process.lines)
        log.error("%s: the engine's process %d ended %s%s", self.name, life.process.pid, how, said)
        return f"{self.name}: the engine's process ended {how}"

    def _cause(self, why: str, pause: float | None) -> Cause:
        """What those are told who wait for an answer; without a pause there is no next child."""
        if pause is None:
            times = len(self._crashes)
            text = (
                f"{why}; that was failure {times} within {SPAN / 60:.0f} minutes, so it stays down "
                "until the server is started again"
            )
            # A model that has fallbacks leads on to them.
            return Cause(lambda: Overloaded(text, retried=True), lambda: StackError(text))
        text = f"{why}; it is being started again"
        return Cause(lambda: Overloaded(text, retry_after=1 + pause), lambda: StackError(text))

    def _counted(self) -> float | None:
        """How long to wait before the next child; None if there is to be none."""
        now = asyncio.get_running_loop().time()
        self._crashes.append(now)
        while self._crashes[0] < now - SPAN:
            self._crashes.popleft()
        number = len(self._crashes)
        if number > self._max:
            return None
        return 0.0 if number == 1 else min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (number - 2))
