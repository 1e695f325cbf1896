"""A database that is open: its schema is the one that this version knows, and it has two lanes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ...canon.errors import ConfigError
from . import schema
from .lane import Lane
from .statements import Statements

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one kind of database does in its own way."""

    name: str
    """The database in words, without a secret."""
    writing: Engine
    """Its transactions see all that others have committed when they begin."""
    reading: Engine
    """It has no transactions: each statement is alone."""
    insert: Any
    lock: Callable[[Connection], None]
    """Keep others from changing the schema until the transaction ends."""
    passing: Callable[[DBAPIError], bool]
    """Whether a transaction failed only because another was in its way."""
    writers: int = 1
    readers: int = 2

    def dispose(self) -> None:
        self.writing.dispose()
        self.reading.dispose()


class Database:
    """Reads and writes on lanes of their own, since a read has no reason to wait for the disk."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._writing = Lane(dialect.writing, dialect.passing, dialect.writers, together=64)
        self._reading = Lane(dialect.reading, dialect.passing, dialect.readers, together=1)

    async def read(self, ask: Callable[[Statements], T]) -> T:
        return await self._reading.do(lambda given: ask(Statements(given, self._dialect.insert)))

    async def write(self, ask: Callable[[Statements], T]) -> T:
        return await self._writing.do(lambda given: ask(Statements(given, self._dialect.insert)))

    async def close(self) -> None:
        await self._writing.stop()
        await self._reading.stop()
        self._dialect.dispose()


def prepare(dialect: Dialect) -> None:
    """Make the tables of a new database; raises `ConfigError` for those that are not known."""
    with _opened(dialect) as connection, connection.begin():
        dialect.lock(connection)
        version = _version(dialect, connection)
        if version is None:
            _upgrade(connection)
        elif version != schema.VERSIONS[-1]:
            raise _refused(dialect, version)


def upgrade(dialect: Dialect) -> str:
    """Run the migrations that are missing, and say which; raises `ConfigError`."""
    newest = schema.VERSIONS[-1]
    with _opened(dialect) as connection, connection.begin():
        dialect.lock(connection)
        version = _version(dialect, connection)
        if version == newest:
            return f"{dialect.name} is of version {newest} already"
        if version is not None and version not in schema.VERSIONS:
            raise _refused(dialect, version)
        _upgrade(connection)
    if version is None:
        return f"{dialect.name} was made, in version {newest}"
    return f"{dialect.name} was upgraded from version {version} to {newest}"


def _opened(dialect: Dialect) -> Connection:
    try:
        return dialect.writing.connect()
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        raise ConfigError(f"{dialect.name} cannot be opened: {said}") from error


def _version(dialect: Dialect, connection: Connection) -> str | None:
    """The migration that the tables come from; None where there are none."""
    tables = sa.inspect(connection).get_table_names()
    if schema.VERSION_TABLE in tables:
        asked = sa.text(f"SELECT version_num FROM {schema.VERSION_TABLE}")
        return connection.scalar(asked) or _refuse_nameless(dialect)
    return _refuse_nameless(dialect) if schema.records.name in tables else None


def _refuse_nameless(dialect: Dialect) -> str:
    raise ConfigError(
        f"{dialect.name} has a table {schema.records.name}, but {schema.VERSION_TABLE} does not "
        "say of which version; restore the database from a backup, or name another one"
    )


def _refused(dialect: Dialect, version: str) -> ConfigError:
    newest = schema.VERSIONS[-1]
    if version in schema.VERSIONS:
        return ConfigError(
            f"{dialect.name} is of version {version}, and this polystack needs {newest}; "
            "stop what uses it, and run `stack db upgrade` with the same distribution"
        )
    return ConfigError(
        f"{dialect.name} is of version {version!r}, which this polystack does not know (it knows "
        f"up to {newest}); install a newer polystack, or name another database"
    )


def _upgrade(connection: Connection) -> None:
    from .migrations import upgrade  # alembic, which only a new or an old database needs

    upgrade(connection)
