"""Keeps records in this process, until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from ..contract.hookspecs import hookimpl
from ..contract.store import Key, Page, Store, Write
from .bounds import fitting
from .sweeping import Sweeping


class MemoryConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    max_records: int = Field(default=10_000, ge=1)
    """How many records of a tenant are kept; one more, and its oldest is forgotten."""
    max_bytes: ByteSize = Field(default=ByteSize(256 << 20), gt=0)
    """How large a tenant's records may be together, their names not counted."""
    sweep_interval: float = Field(default=60, gt=0, le=86_400)
    """Seconds between two sweeps, which forget what has expired."""


@dataclass(slots=True)
class Shelf:
    """The records of one tenant."""

    records: dict[Key, Write] = field(default_factory=dict)  # the oldest first
    bytes: int = 0

    def put(self, write: Write) -> None:
        self.forget(write.key)
        self.records[write.key] = write
        self.bytes += len(write.record)

    def forget(self, key: Key) -> None:
        if (write := self.records.pop(key, None)) is not None:
            self.bytes -= len(write.record)


class Memory(Store):
    type = "memory"
    Config = MemoryConfig

    config: MemoryConfig

    def __init__(self, config: MemoryConfig, now: Callable[[], float] = time.time) -> None:
        super().__init__(config)
        self._now = now
        self._shelves: dict[str, Shelf] = {}
        self._sweeping = Sweeping(self.sweep, config.sweep_interval)

    @property
    def place(self) -> str:
        return "in this process, until it ends"

    async def start(self) -> None:
        self._sweeping.start()

    async def stop(self) -> None:
        await self._sweeping.stop()
        self._shelves.clear()

    def status(self) -> Mapping[str, int]:
        shelves = self._shelves.values()
        records = sum(len(shelf.records) for shelf in shelves)
        return {"records": records, "bytes": sum(shelf.bytes for shelf in shelves)}

    async def get(self, key: Key) -> bytes | None:
        write = self._shelf(key.tenant).records.get(key)
        if write is not None and self._expired(write):
            self._forget([key])
            return None
        return None if write is None else write.record

    async def put_all(self, writes: Sequence[Write]) -> None:
        for write in fitting(writes, self.config.max_bytes):
            shelf = self._shelves.setdefault(write.key.tenant, Shelf())
            shelf.put(write)
            self._bound(shelf)

    async def swap(
        self, key: Key, record: bytes, expected: bytes | None, expires: float | None = None
    ) -> bool:
        if await self.get(key) != expected:
            return False
        await self.put(key, record, expires)
        return True

    async def delete(self, key: Key) -> bool:
        was_there = await self.get(key) is not None
        self._forget([key])
        return was_there

    async def delete_all(self, tenant: str, kind: str, prefix: str = "") -> int:
        found = list(self._found(tenant, kind, prefix))
        self._forget([write.key for write in found])
        return len(found)

    async def list(
        self,
        tenant: str,
        kind: str,
        after: str = "",
        limit: int = 100,
        *,
        prefix: str = "",
        backwards: bool = False,
    ) -> Page:
        records = [(write.key.id, write.record) for write in self._found(tenant, kind, prefix)]
        if after:
            records = [(id, r) for id, r in records if (id < after if backwards else id > after)]
        records.sort(reverse=backwards)
        return Page(records[:limit], more=len(records) > limit)

    async def sweep(self) -> int:
        shelves = self._shelves.values()
        expired = [w.key for shelf in shelves for w in shelf.records.values() if self._expired(w)]
        self._forget(expired)
        return len(expired)

    def _found(self, tenant: str, kind: str, prefix: str) -> Iterator[Write]:
        for key, write in self._shelf(tenant).records.items():
            if key.kind == kind and key.id.startswith(prefix) and not self._expired(write):
                yield write

    def _shelf(self, tenant: str) -> Shelf:
        return self._shelves.get(tenant) or Shelf()

    def _forget(self, keys: Sequence[Key]) -> None:
        for key in keys:
            shelf = self._shelf(key.tenant)
            shelf.forget(key)
            if not shelf.records:
                self._shelves.pop(key.tenant, None)

    def _bound(self, shelf: Shelf) -> None:
        bytes, records = self.config.max_bytes, self.config.max_records
        while shelf.bytes > bytes or len(shelf.records) > records:
            shelf.forget(next(iter(shelf.records)))

    def _expired(self, write: Write) -> bool:
        return write.expires is not None and write.expires <= self._now()


@hookimpl
def register_stores(register: Callable[[type[Store]], None]) -> None:
    register(Memory)
