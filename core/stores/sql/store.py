"""A store whose records are rows of a table, in whichever database a subclass opens."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from ...canon.errors import StackError
from ...contract.store import Key, Page, Store, Write
from ..bounds import fitting
from ..sweeping import Sweeping
from .names import Listed, Row, encoded
from .sweep import Growth, beyond, expired

if TYPE_CHECKING:
    from .database import Database, Dialect


class SqlConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    max_records: int = Field(default=100_000, ge=1)
    """How many records of a tenant are kept; beyond them, its oldest are forgotten."""
    max_bytes: ByteSize = Field(default=ByteSize(4 << 30), gt=0)
    """How large a tenant's records may be together, their names not counted."""
    sweep_interval: float = Field(default=60, gt=0, le=86_400)
    """Seconds between two sweeps, which forget what has expired or is beyond the bounds."""


class Sql(Store):
    """What is common to all databases; a subclass says how its own is opened."""

    config: SqlConfig

    def __init__(self, config: SqlConfig, now: Callable[[], float] = time.time) -> None:
        super().__init__(config)
        self._now = now
        self._written = 0
        self._open: Database | None = None
        self._kept = {"records": 0, "bytes": 0}
        self._growth = Growth(config.max_records, config.max_bytes)
        self._sweeping = Sweeping(self.sweep, config.sweep_interval)

    @abstractmethod
    def dialect(self) -> Dialect:
        """The database; nothing is connected to yet. Raises `ConfigError`."""

    async def start(self) -> None:
        dialect = self.dialect()
        from .database import Database, prepare

        try:
            await asyncio.to_thread(prepare, dialect)
        except BaseException:
            dialect.dispose()
            raise
        self._open = Database(dialect)
        await self._count()
        self._sweeping.start()

    async def stop(self) -> None:
        await self._sweeping.stop()
        database, self._open = self._open, None
        if database is not None:
            await database.close()

    async def upgrade(self) -> str:
        dialect = self.dialect()
        from .database import upgrade

        try:
            return await asyncio.to_thread(upgrade, dialect)
        finally:
            dialect.dispose()

    def status(self) -> Mapping[str, int]:
        """As they were in the last sweep."""
        return self._kept

    # The records ---------------------------------------------------------------------------------

    async def get(self, key: Key) -> bytes | None:
        return await self._database.read(lambda sql: sql.get(key, self._now()))

    async def put_all(self, writes: Sequence[Write]) -> None:
        rows = self._rows(writes)
        if rows:
            await self._database.write(lambda sql: sql.put_all(rows))
            self._grown(writes)

    async def swap(
        self, key: Key, record: bytes, expected: bytes | None, expires: float | None = None
    ) -> bool:
        write = Write(key, record, expires)
        (row,) = self._rows([write])
        swap = await self._database.write(lambda sql: sql.swap(key, row, expected, self._now()))
        if swap:
            self._grown([write])
        return swap

    async def delete(self, key: Key) -> bool:
        return await self._database.write(lambda sql: sql.delete(key, self._now()))

    async def delete_all(self, tenant: str, kind: str, prefix: str = "") -> int:
        return await self._database.write(
            lambda sql: sql.delete_all(tenant, kind, prefix, self._now())
        )

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
        listed = Listed(tenant, kind, after, limit, prefix, backwards)
        return await self._database.read(lambda sql: sql.page(listed, self._now()))

    async def sweep(self) -> int:
        self._growth.clear()
        gone = await expired(self._database, self._now())
        gone += await beyond(self._database, self.config.max_records, self.config.max_bytes)
        await self._count()
        return gone

    # ---------------------------------------------------------------------------------------------

    async def _count(self) -> None:
        usage = await self._database.read(lambda sql: sql.usage())
        records, bytes = sum(of.records for of in usage), sum(of.bytes for of in usage)
        self._kept = {"records": records, "bytes": bytes}

    @property
    def _database(self) -> Database:
        if self._open is None:
            raise StackError("the store does not run")
        return self._open

    def _rows(self, writes: Sequence[Write]) -> Sequence[Row]:
        return [self._row(write) for write in fitting(writes, self.config.max_bytes)]

    def _row(self, write: Write) -> Row:
        self._written = max(self._written + 1, time.time_ns())  # no two are of the same age
        return {
            "tenant": encoded(write.key.tenant),
            "kind": encoded(write.key.kind),
            "id": encoded(write.key.id),
            "written": self._written,
            "size": len(write.record),
            "expires": write.expires,
            "record": write.record,
        }

    def _grown(self, writes: Sequence[Write]) -> None:
        if self._growth.add(writes):
            self._sweeping.wake()
