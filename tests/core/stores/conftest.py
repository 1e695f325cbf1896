"""Stores in a real SQLite file, and in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import postgres_server
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


@pytest.fixture
def postgres_store(postgres: str) -> Make:
    url = postgres_server.new_database(postgres, uuid4().hex)

    def make(**config: Any) -> Sql:
        return Postgres(PostgresConfig.model_validate({"url": url, **config}))

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes stores on one new database, which has no tables yet."""
    made: Make = request.getfixturevalue(f"{request.param}_store")
    return made
