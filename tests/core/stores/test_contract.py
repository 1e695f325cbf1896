"""Every store does what a store must: on a disk and elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from polystack.core.contract.store import Store
from polystack.core.stores.memory import Memory, MemoryConfig
from polystack.core.stores.sql.sqlite import Sqlite, SqliteConfig
from polystack.core.testing import STORE_CHECKS, check_store

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: Memory(MemoryConfig()),
    "sqlite": lambda folder: Sqlite(SqliteConfig(path=folder / "store.db")),
}


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("check", STORE_CHECKS)
async def test_a_store_does_what_every_store_must(name: str, check: str, tmp_path: Path) -> None:
    await check_store(lambda: STORES[name](tmp_path), only=[check])
