"""Every store does what a store must."""

from __future__ import annotations

import pytest

from polystack.core.stores.memory import Memory, MemoryConfig
from polystack.core.stores.sql.postgres import Postgres, PostgresConfig
from polystack.core.testing import STORE_CHECKS, check_store

from .conftest import Make

pytestmark = pytest.mark.parametrize("check", STORE_CHECKS)


async def test_memory_does_what_every_store_must(check: str) -> None:
    await check_store(lambda: Memory(MemoryConfig()), only=[check])


async def test_sqlite_does_what_every_store_must(check: str, sqlite_store: Make) -> None:
    await check_store(sqlite_store, only=[check])


async def test_postgres_does_what_every_store_must(check: str, postgres: str) -> None:
    config = PostgresConfig.model_validate({"url": postgres})
    await check_store(lambda: Postgres(config), only=[check])
