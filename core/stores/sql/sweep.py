"""Forgetting what has expired or is beyond a tenant's bounds, and when it is time for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...contract.store import Write

if TYPE_CHECKING:
    from .database import Database
    from .statements import Statements

ROOM = 10  # a tenant may be beyond its bounds by this part of them before a sweep is due


class Growth:
    """What each tenant has written since the last sweep, here; other servers do their own."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._most_records = max(1, max_records // ROOM)
        self._most_bytes = max_bytes // ROOM
        self.clear()

    def clear(self) -> None:
        self._records: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def add(self, writes: Sequence[Write]) -> bool:
        """Whether a sweep is due."""
        for write in writes:
            self._records[write.key.tenant] += 1
            self._bytes[write.key.tenant] += len(write.record)
        return any(map(self._much, {write.key.tenant for write in writes}))

    def _much(self, tenant: str) -> bool:
        records, bytes = self._records[tenant], self._bytes[tenant]
        return records >= self._most_records or bytes >= self._most_bytes


async def expired(database: Database, now: float) -> int:
    """Forget what has expired; how many records."""
    return await _all(database, lambda sql: sql.delete_expired(now))


async def beyond(database: Database, max_records: int, max_bytes: int) -> int:
    """Forget every tenant's oldest records that are beyond its bounds; how many."""
    gone = 0
    for of in await database.read(lambda sql: sql.usage()):
        if of.records > max_records or of.bytes > max_bytes:
            gone += await _old(database, of.tenant, max_records, max_bytes)
    return gone


async def _old(database: Database, tenant: bytes, max_records: int, max_bytes: int) -> int:
    newest = await database.read(lambda sql: sql.newest_beyond(tenant, max_records, max_bytes))
    if newest is None:
        return 0
    return await _all(database, lambda sql: sql.delete_old(tenant, newest))


async def _all(database: Database, delete: Callable[[Statements], int]) -> int:
    """Batch by batch, so that no writer waits for more than one."""
    gone = 0
    while deleted := await database.write(delete):
        gone += deleted
    return gone
