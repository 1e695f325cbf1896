"""Stores in a real SQLite file, and in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import postgres_server
import psycopg
import pytest

from polystack.core.stores.sql.postgres import Postgres, PostgresConfig
from polystack.core.stores.sql.sqlite import Sqlite, SqliteConfig
from polystack.core.stores.sql.store import Sql

Make: TypeAlias = Callable[..., Sql]


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Make:
    def make(**config: Any) -> Sql:
        return Sqlite(SqliteConfig.model_validate({"path": tmp_path / "store.db", **config}))

    return make


@pytest.fixture(scope="session")
def emptied(postgres: str) -> str:
    return postgres_server.new_database(postgres, "emptied")


@pytest.fixture
def postgres_store(emptied: str) -> Make:
    with psycopg.connect(emptied, autocommit=True) as connection:  # a new database takes longer
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")

    def make(**config: Any) -> Sql:
        return Postgres(PostgresConfig.model_validate({"url": emptied, **config}))

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes stores on one new database, which has no tables yet."""
    made: Make = request.getfixturevalue(f"{request.param}_store")
    return made
