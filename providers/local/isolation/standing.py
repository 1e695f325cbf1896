"""What stands here for a provider whose engine is in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from ....core.canon import ir
from ....core.canon.errors import ConfigError
from ....core.contract.provider import Model, Prepared, Residence, TokenCount
from ..residency import Residency
from . import logs
from .calling import Calling
from .serving import CALLS
from .supervising import Supervisor
from .suspects import Suspects
from .told import Told

if TYPE_CHECKING:
    from ..provider import Local

# What is decided here: when there is a process, and that it has no further one.
OURS = {"isolate", "max_restarts", "load", "unload_after", "pinned", "memory_budget"}


class StandIn:
    """The calls of a provider's contract, answered by another of its class elsewhere."""

    def __init__(self, provider: Local) -> None:
        self.residency = Residency(
            provider.name, self._bring, Supervisor.stop, provider.config.rules
        )
        self._provider = provider
        self._told = Told()
        self._suspects = Suspects()
        self._models_unloaded, self._residences = provider.models, provider.residences

    async def _bring(self) -> Supervisor:
        """Not before it is needed: what a model's name stands for has been fetched by then."""
        provider = self._provider
        if sys.platform == "win32":
            raise ConfigError(f"{provider.name}: isolate: process is not for Windows; leave it out")
        restarts = provider.config.max_restarts
        supervisor = Supervisor(
            provider.name, _settings(provider), restarts, self._told, self._suspects.crashed
        )
        await supervisor.start()
        return supervisor

    def status(self) -> Mapping[str, int]:
        found = {"slots": self._provider.config.slots, "running": 0, "waiting": 0}
        return {**found, **self._told.status, "restarts": self._told.restarts}

    def residences(self) -> Sequence[Residence]:
        return [self._told.counted(residence) for residence in self._residences()]

    async def models(self) -> Sequence[Model]:
        if self.residency.here is None:
            return await self._models_unloaded()
        async with self.residency.use() as at:
            found: Sequence[Model] = await (await at.calling()).call("models")
        return found

    async def count_tokens(self, request: ir.Request) -> TokenCount:
        count: TokenCount = await self._called("count_tokens", request)
        return count

    async def embed(self, request: ir.EmbeddingRequest) -> ir.Embeddings:
        made: ir.Embeddings = await self._called("embed", request)
        return made

    async def rerank(self, request: ir.RerankRequest) -> ir.Ranking:
        found: ir.Ranking = await self._called("rerank", request)
        return found

    async def _called(self, method: str, request: ir.Node) -> Any:
        async with self.residency.use() as at:
            child = await at.calling()
            with self._suspects.watched(request):
                return await child.call(method, request)

    async def prepare(self, request: ir.Request) -> Prepared:
        async with self.residency.use() as at:
            child = await at.calling()
            with self._suspects.watched(request):
                there = await child.prepare(request)
        return replace(there, run=lambda choice: self._run(request, child, there, choice))

    async def _run(
        self, request: ir.Request, child: Calling, there: Prepared, choice: int
    ) -> AsyncIterator[ir.Event]:
        async with self.residency.use() as at:
            now = await at.calling()
            with self._suspects.watched(request):
                if now is not child:  # the one that has prepared it is gone
                    there = await now.prepare(request)
                events = cast("AsyncGenerator[ir.Event]", there.run(choice))
                async with aclosing(events):
                    async for event in events:
                        yield event


def stand_in(provider: Local) -> Residency[Any]:
    """Have another process answer what is asked of this provider, whatever its class makes of it.

    What is in memory is then that process, by the same rules as a model of this one.
    """
    standing = StandIn(provider)
    for name in ("status", "residences", *CALLS):
        setattr(provider, name, getattr(standing, name))
    return standing.residency


def _settings(provider: Local) -> Mapping[str, Any]:
    cls = type(provider)
    config = provider.config.model_dump(exclude=OURS, exclude_unset=True, by_alias=True)
    return {
        "module": cls.__module__,
        "class": cls.__qualname__,
        "name": provider.name,
        "config": _revealed(config),
        "path": list(sys.path),
        "level": logs.level(),
    }


def _revealed(value: Any) -> Any:
    """The values of a configuration as they were written."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
        case dict():
            return {key: _revealed(item) for key, item in value.items()}
        case list() | tuple():
            return [_revealed(item) for item in value]
        case _:
            return value
