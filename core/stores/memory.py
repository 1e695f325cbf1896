"""Keeps records in this process, until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from ..canon.errors import TooLarge
from ..contract.hookspecs import hookimpl
from ..contract.store import Key, Page, Store


class MemoryConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    max_records: int = Field(default=10_000, ge=1)
    """How many records are kept; one more, and the oldest is forgotten."""
    max_bytes: ByteSize = Field(default=ByteSize(256 << 20), gt=0)
    """How large all records may be together, their names not counted."""


class Memory(Store):
    type = "memory"
    Config = MemoryConfig

    config: MemoryConfig

    def __init__(self, config: MemoryConfig, now: Callable[[], float] = time.time) -> None:
        super().__init__(config)
        self._now = now
        self._records: dict[Key, tuple[bytes, float | None]] = {}  # the oldest first
        self._bytes = 0

    async def stop(self) -> None:
        self._records.clear()
        self._bytes = 0

    def status(self) -> Mapping[str, int]:
        return {"records": len(self._records), "bytes": self._bytes}

    async def get(self, key: Key) -> bytes | None:
        record, expires = self._records.get(key, (None, None))
        if self._expired(expires):
            self._forget(key)
            return None
        return record

    async def put(self, key: Key, record: bytes, expires: float | None = None) -> None:
        if len(record) > self.config.max_bytes:
            raise TooLarge(
                f"a record of {len(record)} bytes is too large to be kept; the store's max_bytes "
                f"is {int(self.config.max_bytes)}"
            )
        self._forget(key)
        self._records[key] = record, expires
        self._bytes += len(record)
        while self._bytes > self.config.max_bytes or len(self._records) > self.config.max_records:
            self._forget(next(iter(self._records)))

    async def delete(self, key: Key) -> bool:
        was_there = await self.get(key) is not None
        self._forget(key)
        return was_there

    async def list(self, tenant: str, kind: str, after: str = "", limit: int = 100) -> Page:
        found = sorted(
            (key.id, record)
            for key, (record, expires) in self._records.items()
            if (key.tenant, key.kind) == (tenant, kind) and key.id > after
            if not self._expired(expires)
        )
        return Page(found[:limit], more=len(found) > limit)

    def _expired(self, expires: float | None) -> bool:
        return expires is not None and expires <= self._now()

    def _forget(self, key: Key) -> None:
        record, _ = self._records.pop(key, (b"", None))
        self._bytes -= len(record)


@hookimpl
def register_stores(register: Callable[[type[Store]], None]) -> None:
    register(Memory)
