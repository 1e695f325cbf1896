"""The store in a file: what is in it outlives its process, and stays within its bounds."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from polystack.core.canon.errors import ConfigError, StackError, TooLarge
from polystack.core.contract.store import Key, Page, Write
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


async def test_records_outlive_the_store(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.put(key("a"), b"kept")
    async with running(tmp_path) as store:
        assert await store.get(key("a")) == b"kept"


async def test_two_stores_on_one_file_see_what_the_other_has_written(tmp_path: Path) -> None:
    async with running(tmp_path) as one, running(tmp_path) as other:
        await one.put(key("a"), b"1")
        assert await other.get(key("a")) == b"1"
        assert await other.swap(key("a"), b"2", b"1")
        assert await one.get(key("a")) == b"2"


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


# Bounds ------------------------------------------------------------------------------------------


async def test_a_sweep_forgets_the_oldest_records_of_a_tenant_that_has_too_many(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, max_records=3) as store:
        await store.put(key("a", tenant="bob"), b"theirs")
        for id in ("a", "b", "c", "a", "d", "e"):  # the second `a` is newer than `c`
            await store.put(key(id), b"x")
        await store.sweep()
        found = await store.list("ann", "response")
        assert found == Page([("a", b"x"), ("d", b"x"), ("e", b"x")])
        assert await store.get(key("a", tenant="bob")) == b"theirs"
        assert await store.sweep() == 0
        assert store.status() == {"records": 4, "bytes": 9}


async def test_a_sweep_makes_room_where_records_are_too_large_together(tmp_path: Path) -> None:
    async with running(tmp_path, max_bytes=10) as store:
        await store.put_all([Write(key(id), b"four") for id in ("c", "b", "a")])
        await store.sweep()
        assert await store.list("ann", "response") == Page([("a", b"four"), ("b", b"four")])


async def test_a_sweep_forgets_any_number_of_expired_records(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.put_all([Write(key(str(n)), b"x", expires=1.0) for n in range(1200)])
        await store.put(key("kept"), b"x", expires=1e11)
        assert await store.sweep() == 1200
        assert store.status() == {"records": 1, "bytes": 1}


@pytest.mark.parametrize("bounds", [{"max_records": 10}, {"max_bytes": 200}])
async def test_a_tenant_that_writes_much_is_swept_without_waiting(
    bounds: dict[str, int], tmp_path: Path
) -> None:
    async with running(tmp_path, **bounds, sweep_interval=3600) as store:
        for n in range(30):
            await store.put(key(f"{n:02}"), b"x" * 20)
        async with asyncio.timeout(60):
            while len((await store.list("ann", "response")).records) > 10:
                await asyncio.sleep(0.01)
        assert await store.get(key("29")) is not None


async def test_sweeps_come_by_themselves(tmp_path: Path) -> None:
    async with running(tmp_path, sweep_interval=0.01) as store:
        await store.put(key("a"), b"x")
        async with asyncio.timeout(60):
            while store.status()["records"] != 1:
                await asyncio.sleep(0.01)


async def test_a_record_that_could_never_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, max_bytes=4) as store:
        await store.put(key("a"), b"kept")
        with pytest.raises(TooLarge, match=r"5 bytes is too large to be kept; .* max_bytes is 4"):
            await store.put_all([Write(key("b"), b""), Write(key("a"), b"large")])
        assert await store.list("ann", "response") == Page([("a", b"kept")])
        with pytest.raises(TooLarge):
            await store.swap(key("a"), b"large", b"kept")


# Errors ------------------------------------------------------------------------------------------


async def said(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        await Sqlite(SqliteConfig(path=path)).start()
    return caught.value.message


async def test_a_path_that_is_no_file_is_an_error_with_its_place(tmp_path: Path) -> None:
    wrong = f"store.config.path: {tmp_path} cannot be opened: Is a directory"
    assert await said(tmp_path) == wrong
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


async def test_a_store_that_has_stopped_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        pass
    with pytest.raises(StackError, match="the store does not run"):
        await store.get(key("a"))


async def test_what_is_missing_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert await said(tmp_path / "store.db") == (
        "the store of type sqlite needs the package 'sqlalchemy'; run "
        "`pip install 'polystack[store]'`"
    )
    assert os.listdir(tmp_path) == []


async def test_a_reader_that_leaves_takes_nobody_with_it(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        leaving = [asyncio.create_task(store.put(key(str(n)), b"x")) for n in range(20)]
        await asyncio.sleep(0)
        for task in leaving[::2]:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await store.put(key("last"), b"x")
        assert await store.get(key("1")) == b"x"
