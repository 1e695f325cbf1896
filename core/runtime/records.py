"""A tenant's records in the stack's store, as documents."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import orjson

from ..canon.errors import NotSupported
from ..contract.api import Document
from ..contract.state import Record, Records
from ..contract.store import Key, Store, Write

NUL = "\0"  # in no name that is kept, and PostgreSQL has no text with it


class Kept(Records):
    def __init__(
        self, store: Store, tenant: str, lifetime: float, now: Callable[[], float] = time.time
    ) -> None:
        """`lifetime` is in seconds: how long what is written now is kept."""
        self._store = store
        self._tenant = tenant
        self._lifetime = lifetime
        self._now = now

    def _key(self, kind: str, id: str) -> Key:
        return Key(self._tenant, kind, id)

    async def get(self, kind: str, id: str) -> Document | None:
        if NUL in id:
            return None
        found = await self._store.get(self._key(kind, id))
        return None if found is None else _document(found)

    async def put(self, *records: Record) -> None:
        await self._store.put_all([self._write(record) for record in records])

    def _write(self, record: Record) -> Write:
        lifetime = self._lifetime
        if record.lifetime is not None:
            lifetime = min(lifetime, record.lifetime)
        key = self._key(record.kind, record.id)
        return Write(key, orjson.dumps(record.document), self._now() + lifetime)

    async def swap(self, record: Record, expected: Document | None) -> bool:
        key, expires = self._key(record.kind, record.id), self._now() + self._lifetime
        # What was read is written again as it was, byte for byte.
        old = None if expected is None else orjson.dumps(expected)
        return await self._store.swap(key, orjson.dumps(record.document), old, expires)

    async def delete(self, kind: str, id: str) -> bool:
        return NUL not in id and await self._store.delete(self._key(kind, id))

    async def drop(self, kind: str, prefix: str) -> int:
        return await self._store.delete_all(self._tenant, kind, prefix)

    async def list(
        self, kind: str, prefix: str, after: str = "", limit: int = 100, backwards: bool = False
    ) -> tuple[Sequence[Record], bool]:
        page = await self._store.list(
            self._tenant, kind, after, limit, prefix=prefix, backwards=backwards
        )
        return [Record(kind, id, _document(found)) for id, found in page.records], page.more


class Nothing(Records):
    """The records of a stack without a store."""

    keeps = False

    async def get(self, kind: str, id: str) -> Document | None:
        return None

    async def put(self, *records: Record) -> None:
        raise _nothing()

    async def swap(self, record: Record, expected: Document | None) -> bool:
        raise _nothing()

    async def delete(self, kind: str, id: str) -> bool:
        return False

    async def drop(self, kind: str, prefix: str) -> int:
        return 0

    async def list(
        self, kind: str, prefix: str, after: str = "", limit: int = 100, backwards: bool = False
    ) -> tuple[Sequence[Record], bool]:
        return [], False


def _nothing() -> NotSupported:
    return NotSupported("this stack keeps nothing: name a `store` in its distribution")


def _document(data: bytes) -> Document:
    found: Document = orjson.loads(data)
    return found
