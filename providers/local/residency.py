"""When a model is in memory: brought in for whoever needs it, and let go when nobody does.

    absent -> coming -> here -> leaving -> absent

Everybody who needs a model while it comes waits for the same coming. One that fails is told to all
of them, and the next one tries again. Whoever stops waiting changes nothing for the others. While
somebody uses a model it stays. All of it happens on the event loop that `open` was called on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Generic, Literal, TypeAlias, TypeVar

from ...core.canon.errors import Conflict, Overloaded

T = TypeVar("T")

State: TypeAlias = Literal["absent", "coming", "here", "leaving"]


class Residency(Generic[T]):
    """`bring` makes what is in memory, and `leave` undoes it."""

    def __init__(
        self, name: str, bring: Callable[[], Awaitable[T]], leave: Callable[[T], Awaitable[None]]
    ) -> None:
        self.name = name
        self.here: T | None = None
        self.uses = 0
        self.state: State = "absent"
        self._bring = bring
        self._leave = leave
        self._open = False
        self._moving: asyncio.Task[None] | None = None

    def open(self) -> None:
        """From now on there is something to use."""
        self._open = True

    async def close(self) -> None:
        """Let go of it, used or not; what is coming has to arrive first."""
        self._open = False
        await self._settled()
        if self.here is not None:
            await asyncio.shield(self._move(self._go))

    def check(self) -> None:
        """Raises `Overloaded` where nothing can be used."""
        if not self._open:
            raise Overloaded(f"{self.name} is not running", retry_after=5)

    @asynccontextmanager
    async def use(self) -> AsyncIterator[T]:
        """What is in memory, which stays there for the length of the block."""
        self.uses += 1
        try:
            yield await self.arrived()
        finally:
            self.uses -= 1

    async def arrived(self) -> T:
        """Wait until it is in memory; raises why it cannot be."""
        while self.here is None:
            self.check()
            await asyncio.shield(self._under_way() or self._move(self._come))
        return self.here

    async def unload(self) -> None:
        """Let go of it; raises `Conflict` where somebody uses it."""
        self._refuse_if_used()
        await self._settled()
        self._refuse_if_used()
        if self.here is not None:
            await asyncio.shield(self._move(self._go))

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
        self.state = "coming"
        try:
            self.here = await self._bring()
        finally:
            self.state = "absent" if self.here is None else "here"

    async def _go(self) -> None:
        here, self.here = self.here, None
        if here is None:
            return
        self.state = "leaving"
        try:
            await self._leave(here)
        finally:
            self.state = "absent"


def _seen(move: asyncio.Task[None]) -> None:
    """An error is raised to those who wait; where nobody does, it need not be complained of."""
    if not move.cancelled():
        move.exception()
