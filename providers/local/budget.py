"""The memory that all local models of a process may take together: who is in, and who goes.

The smallest budget that is given holds. For one that does not fit, those that nobody uses make
room, the least recently used first, and pinned ones never. Sizes are what files and configuration
say beforehand; nothing is measured.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Protocol

from ...core.canon.errors import ConfigError, Overloaded
from ...core.canon.sizes import human

log = logging.getLogger(__name__)

BUSY = 5.0  # seconds after which it is worth asking again


class Tenant(Protocol):
    """Who takes memory. `used` orders the tenants by their last use."""

    name: str
    pinned: bool

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def idle(self) -> bool: ...
    @property
    def used(self) -> int: ...
    async def vacate(self) -> None:
        """Go, unless somebody has come; on the tenant's own loop."""


class Budget:
    """Tenants may live on several event loops; whoever asks waits on its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits: dict[Tenant, int] = {}
        self._taken: dict[Tenant, int] = {}

    def join(self, tenant: Tenant, size: int, limit: int | None) -> None:
        """`limit` is what its configuration says that all together may take, if it says so.

        Raises `ConfigError` for a tenant that would not fit if it were alone.
        """
        with self._lock:
            limits = [*self._limits.values(), *([] if limit is None else [limit])]
            if limits and size > min(limits):
                raise _never(tenant, size, min(limits), 0)
            if limit is not None:
                self._limits[tenant] = limit

    def quit(self, tenant: Tenant) -> None:
        """Its limit holds no longer; what it takes, it takes until `release`."""
        with self._lock:
            self._limits.pop(tenant, None)

    def release(self, tenant: Tenant) -> None:
        with self._lock:
            self._taken.pop(tenant, None)

    async def reserve(self, tenant: Tenant, size: int) -> None:
        """Raises `ConfigError` for what never fits, `Overloaded` for what does not fit now."""
        while (victim := self._reserved(tenant, size)) is not None:
            log.info("%s leaves memory, to make room for %s", victim.name, tenant.name)
            await _on(victim.loop, victim.vacate)

    def _reserved(self, tenant: Tenant, size: int) -> Tenant | None:
        """None if there was room, or else who could make some."""
        with self._lock:
            limit = min(self._limits.values(), default=None)
            others = {other: took for other, took in self._taken.items() if other is not tenant}
            if limit is None or sum(others.values()) + size <= limit:
                self._taken[tenant] = size
                return None
            pinned = sum(took for other, took in others.items() if other.pinned)
            if pinned + size > limit:
                raise _never(tenant, size, limit, pinned)
            movable = [other for other in others if other.idle and not other.pinned]
            if not movable:
                raise _not_now(tenant, size, limit, [o for o in others if not o.pinned])
            return min(movable, key=lambda other: other.used)


BUDGET = Budget()


async def _on(loop: asyncio.AbstractEventLoop, work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await work()

    if loop is asyncio.get_running_loop():
        await run()
    else:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), loop))


def _never(tenant: Tenant, size: int, limit: int, pinned: int) -> ConfigError:
    beside = f" beside {human(pinned)} of pinned models" if pinned else ""
    return ConfigError(
        f"{tenant.name} takes {human(size)}, which never fits{beside} into the memory_budget of "
        f"{human(limit)}; raise it, or lower `context` or `slots` of a model"
    )


def _not_now(tenant: Tenant, size: int, limit: int, busy: list[Tenant]) -> Overloaded:
    names = ", ".join(other.name for other in busy)
    return Overloaded(
        f"{tenant.name} takes {human(size)}, and the memory_budget of {human(limit)} is taken by "
        f"models that are busy ({names}); try again later",
        retry_after=BUSY,
    )
