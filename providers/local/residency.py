"""When a model is in memory: brought in for whoever needs it, and let go when nobody does.

    unloaded -> loading -> loaded -> unloading -> unloaded

Everybody who needs a model while it comes waits for the same coming. One that fails is told to all
of them, and the next one tries again. Whoever stops waiting changes nothing for the others. While
somebody uses a model it stays; after that it may go to make room for others, and goes by itself
after some time where that is wanted. It all happens on the event loop that `open` was called on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Generic, Protocol, TypeAlias, TypeVar

from ...core.canon.errors import ConfigError, Conflict, InvalidRequest, Overloaded
from ...core.contract.provider import State
from .budget import BUDGET, Budget

log = logging.getLogger(__name__)

T = TypeVar("T")


class Timer(Protocol):
    def cancel(self) -> None: ...


Later: TypeAlias = Callable[[float, Callable[[], None]], Timer]

_uses = count(1)  # of all there are, so that they can be told by age


@dataclass(frozen=True, slots=True)
class Rules:
    """`unload_after` is in idle seconds, and None is never; `budget` is of bytes."""

    unload_after: float | None = None
    pinned: bool = False
    budget: int | None = None


class Residency(Generic[T]):
    """`bring` makes what is in memory, `leave` undoes it; what no longer `works` comes anew.

    `size` is in bytes; `later` calls back after some seconds, by default on the loop's clock.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        name: str,
        bring: Callable[[], Awaitable[T]],
        leave: Callable[[T], Awaitable[None]],
        rules: Rules = Rules(),
        works: Callable[[T], bool] = lambda here: True,
        budget: Budget = BUDGET,
    ) -> None:
        self.name = name
        self.here: T | None = None
        self.uses = 0
        self.used = 0
        self.size = 0
        self.pinned = rules.pinned
        self.state: State = "unloaded"
        self.later: Later | None = None
        self._bring = bring
        self._leave = leave
        self._rules = rules
        self._works = works
        self._budget = budget
        self.is_open = False
        self._moving: asyncio.Task[None] | None = None
        self._timer: Timer | None = None

    @property
    def idle(self) -> bool:
        """Whether it could go; what is going already counts, since it only has to be waited for."""
        return not self.uses and self.state != "loading"

    def open(self, size: int = 0) -> None:
        """From now on there is something to use; raises `ConfigError` for what never fits."""
        self.loop = asyncio.get_running_loop()
        self.size = size
        self._budget.join(self, size, self._rules.budget)
        self.is_open = True

    async def close(self) -> None:
        """Let go of it, used or not; what is coming has to arrive first."""
        self.is_open = False
        self._budget.quit(self)
        self._wait_no_more()
        await self._settled()
        if self.here is not None:
            await asyncio.shield(self._depart(self.here))

    def check(self) -> None:
        """Raises `Overloaded` where nothing can be used."""
        if not self.is_open:
            raise Overloaded(f"{self.name} is not running", retry_after=5)

    @asynccontextmanager
    async def use(self) -> AsyncIterator[T]:
        """What is in memory, which stays there for the length of the block."""
        self.uses += 1
        self.used = next(_uses)
        self._wait_no_more()
        try:
            yield await self._asked_for()
        finally:
            self.uses -= 1
            self.used = next(_uses)
            self._wait_for_more()

    async def _asked_for(self) -> T:
        """A client that asks again would have the same broken file loaded again: a 400 tells it."""
        try:
            return await self.arrived()
        except ConfigError as error:
            raise InvalidRequest(str(error)) from None

    async def arrived(self) -> T:
        """Wait until it is in memory; raises why it cannot be."""
        while (here := self.here) is None or not self._works(here):
            self.check()
            if here is not None:
                log.warning("%s is broken, and loaded again", self.name)
                self._depart(here)
            await asyncio.shield(self._under_way() or self._move(self._come))
        return here

    async def unload(self) -> None:
        """Let go of it; raises `Conflict` where somebody uses it."""
        self._refuse_if_used()
        await self._settled()
        self._refuse_if_used()
        await self.vacate()

    async def vacate(self) -> None:
        """Go, unless somebody has come."""
        if self.here is not None and not self.uses:
            self._wait_no_more()
            self._depart(self.here)
        if self.state != "loading":
            await self._settled()

    # Idleness ------------------------------------------------------------------------------------

    def _wait_for_more(self) -> None:
        """Nobody uses it now; if that stays so for long, it goes."""
        if self._rules.unload_after is None or self.uses or self.here is None:
            return
        self._wait_no_more()
        self._timer = (self.later or self.loop.call_later)(self._rules.unload_after, self._expire)

    def _wait_no_more(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _expire(self) -> None:
        self._timer = None
        if self.here is not None and not self.uses:
            log.info("%s leaves memory: nobody asked for it for a while", self.name)
            self._depart(self.here)

    def _refuse_if_used(self) -> None:
        if self.uses:
            raise Conflict(
                f"{self.name} is busy: {self.uses} of its requests have not ended; try again later"
            )

    # One move at a time, in a task of its own: whoever waits for it may leave ---------------------

    def _under_way(self) -> asyncio.Task[None] | None:
        return None if self._moving is None or self._moving.done() else self._moving

    async def _settled(self) -> None:
        while (moving := self._under_way()) is not None:
            await asyncio.wait([moving])

    def _move(self, move: Callable[[], Coroutine[None, None, None]]) -> asyncio.Task[None]:
        self._moving = asyncio.create_task(move())
        self._moving.add_done_callback(_seen)
        return self._moving

    async def _come(self) -> None:
        self.state = "loading"
        try:
            await self._budget.reserve(self, self.size)
            self.here = await self._bring()
        finally:
            self.state = "unloaded" if self.here is None else "loaded"
            if self.here is None:
                self._budget.release(self)
        self._wait_for_more()

    def _depart(self, here: T) -> asyncio.Task[None]:
        self.here, self.state = None, "unloading"
        return self._move(lambda: self._go(here))

    async def _go(self, here: T) -> None:
        try:
            await self._leave(here)
        finally:
            self.state = "unloaded"
            self._budget.release(self)


def _seen(move: asyncio.Task[None]) -> None:
    """An error is raised to those who wait; where nobody does, it need not be complained of."""
    if not move.cancelled():
        move.exception()
