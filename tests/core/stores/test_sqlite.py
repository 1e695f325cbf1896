"""The store in a file: what is in it outlives its process, and stays within its bounds."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from polystack.core.canon.errors import ConfigError, StackError
from polystack.core.contract.store import Key
from polystack.core.stores.sql.sqlite import Sqlite, SqliteConfig


def key(id: str, tenant: str = "ann") -> Key:
    return Key(tenant, "response", id)


@asynccontextmanager
async def running(folder: Path, **config: object) -> AsyncIterator[Sqlite]:
    store = Sqlite(SqliteConfig.model_validate({"path": folder / "store.db", **config}))
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    async with running(tmp_path / "new" / "folder") as store:
        await store.put(key("a"), b"secret")
        files = list((tmp_path / "new" / "folder").iterdir())
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        assert files[0].parent.stat().st_mode & 0o777 == 0o700


def test_without_a_path_the_file_is_in_the_home_of_polystack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYSTACK_HOME", str(tmp_path))
    assert Sqlite(SqliteConfig()).path == tmp_path / "store.db"


async def test_what_is_written_is_forced_to_the_disk(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        asked = [f"PRAGMA {name}" for name in ("journal_mode", "synchronous")]
        read = store._database.write(
            lambda sql: [sql.connection.exec_driver_sql(text).scalar() for text in asked]
        )
        assert await read == ["wal", 2]


async def test_a_new_file_that_another_server_holds_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # for as long as this, SQLite refuses to switch the journal
    store = Sqlite(SqliteConfig(path=path))
    starting = asyncio.create_task(store.start())
    await asyncio.sleep(0.1)
    assert not starting.done()
    other.execute("COMMIT")
    other.close()
    await starting
    await store.stop()


# Errors ------------------------------------------------------------------------------------------


async def said(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        await Sqlite(SqliteConfig(path=path)).start()
    return caught.value.message


async def test_a_path_that_is_no_file_is_an_error_with_its_place(tmp_path: Path) -> None:
    assert await said(tmp_path) == (
        f"store.config.path: {tmp_path} cannot be opened: Is a directory; name a file that can be "
        "written, or a store that needs none"
    )
    (tmp_path / "file").write_text("")
    assert "cannot be opened: " in await said(tmp_path / "file" / "store.db")


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes\n" * 100)
    assert await said(path) == f"the database {path} cannot be opened: file is not a database"
    assert path.read_text() == "these are notes\n" * 100


async def test_what_the_database_refuses_is_an_error_of_its_own_call_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        with sqlite3.connect(tmp_path / "store.db") as other:
            other.execute(
                "CREATE TRIGGER no BEFORE INSERT ON polystack_records WHEN NEW.size = 13 "
                "BEGIN SELECT RAISE(ABORT, 'unlucky'); END"
            )
        other.close()
        puts = [store.put(key(str(n)), b"x" * n) for n in range(10, 16)]
        results = await asyncio.gather(*puts, return_exceptions=True)
        assert [type(result) for result in results].count(StackError) == 1
        assert str(results[3]) == "the store failed: unlucky"
        assert [id for id, _ in (await store.list("ann", "response")).records] == [
            "10", "11", "12", "14", "15",
        ]  # fmt: skip
