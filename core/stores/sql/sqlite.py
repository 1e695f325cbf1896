"""Keeps records in a file, by SQLite: for one machine, with any number of servers on it.

A record is on the disk before its write returns, also where the power fails (`synchronous=FULL`).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...canon.errors import ConfigError
from ...contract.hookspecs import hookimpl
from ...contract.store import Store
from .store import Sql, SqlConfig

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

    from .database import Dialect

FILE = "store.db"
WAIT = 10.0
"""Seconds for which a connection waits for another that has the file."""


class SqliteConfig(SqlConfig):
    path: Path | None = None
    """The file, which only its owner may read; by default `store.db` in `POLYSTACK_HOME`."""


class Sqlite(Sql):
    type = "sqlite"
    Config = SqliteConfig

    config: SqliteConfig

    @property
    def place(self) -> str:
        return str(self.path)

    @property
    def path(self) -> Path:
        home = os.environ.get("POLYSTACK_HOME") or "~/.polystack"
        return (self.config.path or Path(home) / FILE).expanduser()

    def dialect(self) -> Dialect:
        from sqlalchemy import URL, create_engine, event
        from sqlalchemy.dialects.sqlite import insert

        from .database import Dialect

        path = self.path
        _made(path)
        url = URL.create("sqlite+pysqlite", database=str(path))
        writing = create_engine(url, pool_reset_on_return=None)
        reading = create_engine(url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
        for engine in (writing, reading):
            event.listen(engine, "connect", _connected)
        event.listen(writing, "begin", _begun)
        return Dialect(f"the database {self.place}", writing, reading, insert, _nothing, _never)


def _made(path: Path) -> None:
    """A file that only its owner may read; SQLite gives those beside it the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigError(
            f"store.config.path: {path} cannot be opened: {error.strerror}; "
            "name a file that can be written, or a store that needs none"
        ) from error


def _connected(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begun` says so
    connection.execute(f"PRAGMA busy_timeout = {WAIT * 1000:.0f}")
    _journalled(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _journalled(connection: sqlite3.Connection) -> None:
    """Write ahead from now on: a new file is switched, where SQLite itself waits for nobody."""
    until = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _begun(connection: Connection) -> None:
    """Writers wait for one another here, where waiting works, and not at their first write."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _nothing(_: Connection) -> None:
    """A transaction that has begun locks the whole file."""


def _never(_: DBAPIError) -> bool:
    return False


@hookimpl
def register_stores(register: Callable[[type[Store]], None]) -> None:
    register(Sqlite)
