"""What a store asks of its database, one transaction at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from ...contract.store import Key, Page
from .names import Listed, Row, decoded, encoded
from .schema import records

_KEY = (records.c.tenant, records.c.kind, records.c.id)
_REST = ("written", "size", "expires", "record")
BATCH = 500  # rows that are deleted in one transaction, so that writers need not wait long


@dataclass(frozen=True, slots=True)
class Usage:
    tenant: bytes
    records: int
    bytes: int


def _live(now: float) -> sa.ColumnElement[bool]:
    return records.c.expires.is_(None) | (records.c.expires > now)


def _at(key: Key) -> sa.ColumnElement[bool]:
    names = (key.tenant, key.kind, key.id)
    return sa.and_(*(c == encoded(name) for c, name in zip(_KEY, names, strict=True)))


def _under(tenant: str, kind: str, prefix: str) -> sa.ColumnElement[bool]:
    found = (records.c.tenant == encoded(tenant)) & (records.c.kind == encoded(kind))
    if not prefix:
        return found
    first = encoded(prefix)
    behind = first[:-1] + bytes([first[-1] + 1])  # UTF-8 has no byte 255
    return found & (records.c.id >= first) & (records.c.id < behind)


@dataclass(frozen=True, slots=True)
class Statements:
    """What can be asked within the transaction that the connection has begun.

    `insert` is the dialect's own, for the one statement that the databases spell differently.
    """

    connection: Connection
    insert: Any

    def get(self, key: Key, now: float) -> bytes | None:
        found = sa.select(records.c.record).where(_at(key), _live(now))
        return self.connection.scalar(found)

    def put_all(self, rows: Sequence[Row]) -> None:
        self.connection.execute(self._upsert(), rows)

    def swap(self, key: Key, row: Row, expected: bytes | None, now: float) -> bool:
        if expected is None:
            absent = self._upsert(records.c.expires <= now).returning(records.c.size)
            return self.connection.execute(absent, row).first() is not None
        there = _at(key) & (records.c.record == expected) & _live(now)
        values = {name: row[name] for name in _REST}
        swapped = sa.update(records).where(there).values(values)
        return self.connection.execute(swapped).rowcount == 1

    def delete(self, key: Key, now: float) -> bool:
        return self._delete(_at(key) & _live(now)) == 1

    def delete_all(self, tenant: str, kind: str, prefix: str, now: float) -> int:
        return self._delete(_under(tenant, kind, prefix) & _live(now))

    def page(self, listed: Listed, now: float) -> Page:
        id = records.c.id
        asked = sa.select(id, records.c.record).where(
            _under(listed.tenant, listed.kind, listed.prefix), _live(now)
        )
        if listed.after:
            last = encoded(listed.after)
            asked = asked.where(id < last if listed.backwards else id > last)
        asked = asked.order_by(id.desc() if listed.backwards else id).limit(listed.limit + 1)
        found = [(decoded(id), record) for id, record in self.connection.execute(asked)]
        return Page(found[: listed.limit], more=len(found) > listed.limit)

    # Sweeping -----------------------------------------------------------------------------------

    def delete_expired(self, now: float) -> int:
        """Some of what has expired; less than `BATCH` is the last of it."""
        return self._delete_some(records.c.expires <= now)

    def delete_old(self, tenant: bytes, newest: int) -> int:
        """Some of a tenant's records up to the `newest` that has to go."""
        return self._delete_some((records.c.tenant == tenant) & (records.c.written <= newest))

    def usage(self) -> Sequence[Usage]:
        size = sa.func.sum(records.c.size)
        asked = sa.select(records.c.tenant, sa.func.count(), size).group_by(records.c.tenant)
        return [Usage(*row) for row in self.connection.execute(asked)]

    def newest_beyond(self, tenant: bytes, max_records: int, max_bytes: int) -> int | None:
        """When the newest record was written that is beyond a tenant's bounds."""
        newest = records.c.written.desc()
        counted = (
            sa.select(
                records.c.written,
                sa.func.row_number().over(order_by=newest).label("number"),
                sa.func.sum(records.c.size).over(order_by=newest).label("bytes"),
            )
            .where(records.c.tenant == tenant)
            .subquery()
        )
        beyond = (counted.c.number > max_records) | (counted.c.bytes > max_bytes)
        newest_of: sa.Select[int | None] = sa.select(sa.func.max(counted.c.written)).where(beyond)
        return self.connection.scalar(newest_of)

    def _upsert(self, where: sa.ColumnElement[bool] | None = None) -> Any:
        new = self.insert(records)
        values = {name: new.excluded[name] for name in _REST}
        return new.on_conflict_do_update(index_elements=_KEY, set_=values, where=where)

    def _delete(self, which: sa.ColumnElement[bool]) -> int:
        return self.connection.execute(sa.delete(records).where(which)).rowcount

    def _delete_some(self, which: sa.ColumnElement[bool]) -> int:
        # Whoever writes a row at this moment is not waited for: it is no longer an old one.
        some = sa.select(*_KEY).where(which).limit(BATCH).with_for_update(skip_locked=True)
        return self._delete(sa.tuple_(*_KEY).in_(some))
