"""Keeps records in PostgreSQL: for servers on any number of machines, which share it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr

from ...canon.errors import ConfigError
from ...contract.hookspecs import hookimpl
from ...contract.store import Store
from .store import Sql, SqlConfig

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection
    from sqlalchemy.exc import DBAPIError

    from .database import Dialect

LOCK = 0x706F6C79  # what servers agree on to change the schema one after another
IN_THE_WAY = ("40001", "40P01")  # could not be serialized; a deadlock
CONNECTING = {"connect_timeout": 10}  # seconds
SESSION = (
    "SET statement_timeout = '60s'",
    # As durable as the server makes it, but no less than on its own disk.
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'",
)


class PostgresConfig(SqlConfig):
    url: SecretStr
    """The database, as in `postgresql://user:password@host:5432/name`."""
    connections: int = Field(default=4, ge=2, le=64)
    """How many connections this server keeps, half of them for writing."""


class Postgres(Sql):
    type = "postgres"
    Config = PostgresConfig

    config: PostgresConfig

    @property
    def place(self) -> str:
        url = _url(self.config.url.get_secret_value())
        return f"{url.database} at {url.host or 'its socket'}"

    def dialect(self) -> Dialect:
        try:
            import psycopg  # noqa: F401  the engine would look for it later, and say less
        except ImportError as error:
            raise ConfigError(
                f"the store of type postgres needs the package {error.name!r}; run "
                "`pip install 'polystack[postgres]'`"
            ) from error
        from sqlalchemy import create_engine, event
        from sqlalchemy.dialects.postgresql import insert

        from .database import Dialect

        url = _url(self.config.url.get_secret_value())
        writers = self.config.connections // 2
        readers = self.config.connections - writers
        settings: dict[str, Any] = {"max_overflow": 0, "connect_args": CONNECTING}
        writing = create_engine(url, pool_size=writers, **settings)
        reading = create_engine(
            url,
            pool_size=readers,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            **settings,
        )
        for engine in (writing, reading):
            event.listen(engine, "connect", _connected)
        name = f"the database {self.place}"
        return Dialect(name, writing, reading, insert, _locked, _in_the_way, writers, readers)


def _url(text: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in ("postgresql", "postgres") or not url.database:
        # The text may have a password in it, wherever it stands.
        raise ConfigError(
            "store.config.url: is not the URL of a PostgreSQL database; write it as "
            "postgresql://user:password@host:5432/name"
        )
    return url.set(drivername="postgresql+psycopg")


def _connected(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        for statement in SESSION:
            cursor.execute(statement)
    connection.commit()


def _locked(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")


def _in_the_way(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in IN_THE_WAY


@hookimpl
def register_stores(register: Callable[[type[Store]], None]) -> None:
    register(Postgres)
