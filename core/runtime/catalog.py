"""The registry of a running stack, kept up with what its providers offer.

A provider whose list takes I/O is asked when a name is looked for that nobody knows for certain,
and when a client wants the list; after `FRESH` seconds it is asked again, beside the calls. One
that cannot be reached offers nothing for a while, and stops nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..canon.errors import StackError
from ..contract.provider import Model, Provider
from .registry import Registry, Target

if TYPE_CHECKING:
    from .distribution import Distribution

logger = logging.getLogger("polystack")

FRESH = 300.0  # seconds for which a list is taken as it is
FAILED = 30.0  # seconds after which a provider that failed is asked again


class Catalog:
    def __init__(self, distribution: Distribution, providers: Mapping[str, Provider]) -> None:
        self._distribution = distribution
        self._providers = providers
        self._offers: dict[str, Sequence[Model]] = {}
        self._due = {name: 0.0 for name, provider in providers.items() if provider.lazy}
        self._asking: asyncio.Task[None] | None = None
        self.registry: Registry | None = None

    async def start(self) -> None:
        """Ask the providers that know by themselves; raises `ConfigError`."""
        for name, provider in self._providers.items():
            self._offers[name] = [] if provider.lazy else await provider.models()
        self.registry = Registry(self._distribution, self._providers, self._offers)

    async def stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        self.registry = None

    def current(self) -> Registry:
        if self.registry is None:
            raise StackError("the stack is not running; use 'async with stack'")
        return self.registry

    async def resolve(self, name: str | None) -> Target:
        if self._due and not self.current().settled(name):
            await self._up_to_date()
        return self.current().resolve(name)

    async def fresh(self) -> Registry:
        """The registry with every provider's list in it."""
        if self._due:
            await self._up_to_date()
        return self.current()

    async def _up_to_date(self) -> None:
        """Wait for a first list; a later one is fetched while the old one serves."""
        now = time.monotonic()
        if self._asking is None and any(due <= now for due in self._due.values()):
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None and any(not due for due in self._due.values()):
            await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        now = time.monotonic()
        names = [name for name, due in self._due.items() if due <= now]
        try:
            await asyncio.gather(*map(self._list, names))
            self.registry = Registry(self._distribution, self._providers, self._offers)
        finally:
            self._asking = None

    async def _list(self, name: str) -> None:
        wait = FAILED
        try:
            self._offers[name] = await self._providers[name].models()
            wait = FRESH
        except StackError as error:
            logger.warning("provider %s cannot list its models: %s", name, error.message)
        except Exception:
            logger.exception("provider %s cannot list its models", name)
        self._due[name] = time.monotonic() + wait
