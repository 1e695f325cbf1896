"""What a connection remembers: records that nobody else sees, and that end with it."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from ..contract.api import Document
from ..contract.state import Record, Records
from .records import Nothing


class Memory(Nothing):
    """What one connection remembers, until it ends; the oldest is forgotten beyond `limit` bytes.

    It holds answers that nothing else keeps, by which the connection's next call goes on.
    """

    keeps = True

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._held: dict[tuple[str, str], bytes] = {}

    async def get(self, kind: str, id: str) -> Document | None:
        found = self._held.get((kind, id))
        return None if found is None else orjson.loads(found)

    async def put(self, *records: Record) -> None:
        for record in records:
            await self.delete(record.kind, record.id)
            written = orjson.dumps(record.document)
            self._held[record.kind, record.id] = written
            self._size += len(written)
        while self._size > self._limit:
            await self.delete(*next(iter(self._held)))

    async def delete(self, kind: str, id: str) -> bool:
        found = self._held.pop((kind, id), None)
        self._size -= len(found or b"")
        return found is not None


class Remembering(Records):
    """The store's records, and before them those that a connection remembers."""

    def __init__(self, memory: Memory, stored: Records) -> None:
        self.keeps = stored.keeps
        self._memory = memory
        self._stored = stored

    def unstored(self) -> Records:
        return self._memory

    async def get(self, kind: str, id: str) -> Document | None:
        remembered = await self._memory.get(kind, id)
        return await self._stored.get(kind, id) if remembered is None else remembered

    async def put(self, *records: Record) -> None:
        await self._stored.put(*records)

    async def swap(self, record: Record, expected: Document | None) -> bool:
        return await self._stored.swap(record, expected)

    async def delete(self, kind: str, id: str) -> bool:
        return await self._memory.delete(kind, id) or await self._stored.delete(kind, id)

    async def drop(self, kind: str, prefix: str) -> int:
        return await self._stored.drop(kind, prefix)

    async def list(
        self, kind: str, prefix: str, after: str = "", limit: int = 100, backwards: bool = False
    ) -> tuple[Sequence[Record], bool]:
        return await self._stored.list(kind, prefix, after, limit, backwards)
