"""What a store asks of its database, one transaction at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from ...contract.store import Key, Page
from .names import Listed, Row, decoded, encoded
from .schema import records

_KEY = (records.c.tenant, records.c.kind, records.c.id)
_REST = ("written", "size", "expires", "record")
BATCH = 500  # rows that are deleted in one transaction, so that writers need not wait long

# Statements are made once, and given their parameters: making one takes longer than running it.

_LIVE = records.c.expires.is_(None) | (records.c.expires > sa.bindparam("now"))
_OF_KIND = (records.c.tenant == sa.bindparam("of")) & (records.c.kind == sa.bindparam("in"))
_AT = _OF_KIND & (records.c.id == sa.bindparam("at"))
_UNDER = (records.c.id >= sa.bindparam("first")) & (records.c.id < sa.bindparam("behind"))

_GET = sa.select(records.c.record).where(_AT, _LIVE)
_SWAP = sa.update(records).where(_AT, records.c.record == sa.bindparam("expected"), _LIVE)
_DELETE = sa.delete(records).where(_AT, _LIVE)


@cache
def _put(insert: Any) -> Any:
    """Without a row of that name, or in its place."""
    new = insert(records)
    values = {name: new.excluded[name] for name in _REST}
    return new.on_conflict_do_update(index_elements=_KEY, set_=values)


@cache
def _put_where_absent(insert: Any) -> Any:
    new = insert(records)
    values = {name: new.excluded[name] for name in _REST}
    expired = records.c.expires <= sa.bindparam("now")
    replaced = new.on_conflict_do_update(index_elements=_KEY, set_=values, where=expired)
    return replaced.returning(records.c.size)


@cache
def _delete_all(under: bool) -> sa.Delete:
    return sa.delete(records).where(_OF_KIND, _UNDER if under else sa.true(), _LIVE)


@cache
def _page(under: bool, after: bool, backwards: bool) -> sa.Select[Any]:
    id, last = records.c.id, sa.bindparam("after", type_=sa.LargeBinary)
    asked = sa.select(id, records.c.record).where(_OF_KIND, _LIVE)
    if under:
        asked = asked.where(_UNDER)
    if after:
        asked = asked.where(id < last if backwards else id > last)
    return asked.order_by(id.desc() if backwards else id).limit(sa.bindparam("limit"))


def _named(key: Key, now: float) -> dict[str, Any]:
    return {**_kind(key.tenant, key.kind, now), "at": encoded(key.id)}


def _kind(tenant: str, kind: str, now: float) -> dict[str, Any]:
    return {"of": encoded(tenant), "in": encoded(kind), "now": now}


def _between(prefix: str) -> dict[str, Any]:
    """The bounds of what begins with a prefix; UTF-8 has no byte 255."""
    first = encoded(prefix)
    return {"first": first, "behind": first[:-1] + bytes([first[-1] + 1])} if first else {}


@dataclass(frozen=True, slots=True)
class Usage:
    tenant: bytes
    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Statements:
    """What can be asked within the transaction that the connection has begun.

    `insert` is the dialect's own, for the one statement that the databases spell differently.
    """

    connection: Connection
    insert: Any

    def get(self, key: Key, now: float) -> bytes | None:
        return self.connection.scalar(_GET, _named(key, now))

    def put_all(self, rows: Sequence[Row]) -> None:
        self.connection.execute(_put(self.insert), rows)

    def swap(self, key: Key, row: Row, expected: bytes | None, now: float) -> bool:
        if expected is None:
            put = _put_where_absent(self.insert)
            return self.connection.execute(put, {**row, "now": now}).first() is not None
        given = {**_named(key, now), "expected": expected}
        values = {name: row[name] for name in _REST}
        return self.connection.execute(_SWAP, given | values).rowcount == 1

    def delete(self, key: Key, now: float) -> bool:
        return self.connection.execute(_DELETE, _named(key, now)).rowcount == 1

    def delete_all(self, tenant: str, kind: str, prefix: str, now: float) -> int:
        given = _kind(tenant, kind, now) | _between(prefix)
        return self.connection.execute(_delete_all(bool(prefix)), given).rowcount

    def page(self, listed: Listed, now: float) -> Page:
        given = _kind(listed.tenant, listed.kind, now) | _between(listed.prefix)
        if listed.after:
            given["after"] = encoded(listed.after)
        asked = _page(bool(listed.prefix), bool(listed.after), listed.backwards)
        rows = self.connection.execute(asked, given | {"limit": listed.limit + 1})
        found = [(decoded(id), record) for id, record in rows]
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

    def _delete_some(self, which: sa.ColumnElement[bool]) -> int:
        # Whoever writes a row at this moment is not waited for: it is no longer an old one.
        some = sa.select(*_KEY).where(which).limit(BATCH).with_for_update(skip_locked=True)
        gone = sa.delete(records).where(sa.tuple_(*_KEY).in_(some))
        return self.connection.execute(gone).rowcount
