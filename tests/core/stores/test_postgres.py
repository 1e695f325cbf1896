"""The store in PostgreSQL: what it asks of the server, and what it says where there is none."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from threading import Barrier

import postgres_server
import psycopg
import pytest

from polystack.core.canon.errors import ConfigError, StackError
from polystack.core.contract.store import Key, Write
from polystack.core.stores.sql.names import Row
from polystack.core.stores.sql.postgres import Postgres, PostgresConfig
from polystack.core.stores.sql.statements import Statements

from .conftest import Make

KEY = Key("ann", "response", "a")


def store(url: str) -> Postgres:
    return Postgres(PostgresConfig.model_validate({"url": url}))


async def said(url: str) -> str:
    with pytest.raises(ConfigError) as caught:
        await store(url).start()
    return caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "mysql://me:hunter2@host/name",
        "postgresql://me:hunter2@host",
        "postgresql://a:hunter2@:x/y",
    ],
)
async def test_what_is_no_url_of_a_database_is_refused_without_being_repeated(url: str) -> None:
    assert await said(url) == (
        "store.config.url: is not the URL of a PostgreSQL database; write it as "
        "postgresql://user:password@host:5432/name"
    )


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    told = await said("postgresql://me:hunter2@127.0.0.1:1/mine")
    assert told.startswith("the database mine at 127.0.0.1 cannot be opened: connection failed: ")
    assert "hunter2" not in told
    assert "hunter2" not in repr(store("postgresql://me:hunter2@127.0.0.1:1/mine").config)


async def test_a_database_that_is_not_there_is_named(postgres: str) -> None:
    told = await said(postgres.replace("/postgres", "/missing"))
    assert 'database "missing" does not exist' in told


async def test_both_spellings_of_the_scheme_are_known(postgres: str) -> None:
    short = store(postgres.replace("postgresql://", "postgres://"))
    await short.start()
    await short.stop()


async def test_a_server_that_writes_late_is_told_to_wait_for_its_disk(postgres: str) -> None:
    url = postgres_server.new_database(postgres, "late")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE late SET synchronous_commit = off")
    late = store(url)
    await late.start()
    waits = "SHOW synchronous_commit"
    asked = late._database.write(lambda sql: sql.connection.exec_driver_sql(waits).scalar())
    assert await asked == "on"
    await late.stop()


async def test_connections_that_were_lost_are_made_anew(postgres_store: Make) -> None:
    kept = postgres_store()
    assert isinstance(kept, Postgres)
    await kept.start()
    await kept.put(KEY, b"before")
    with psycopg.connect(kept.config.url.get_secret_value(), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await kept.get(KEY) == b"before"
    await kept.put(KEY, b"after")
    assert await kept.get(KEY) == b"after"
    await kept.stop()


async def test_a_server_that_has_gone_is_an_error_of_each_call() -> None:
    if postgres_server.programs() is None:
        pytest.skip(postgres_server.MISSING)
    with postgres_server.running("fsync=off") as url:
        kept = store(url)
        await kept.start()
    for call in (kept.get(KEY), kept.put(KEY, b"lost")):
        with pytest.raises(StackError, match=r"^the store failed: "):
            await call
    await kept.stop()


REFUSING = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'too late'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON polystack_records DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.size = 4) EXECUTE FUNCTION refuse();
"""


async def test_a_commit_that_fails_is_an_error_and_what_follows_goes_well(postgres: str) -> None:
    url = postgres_server.new_database(postgres, "refusing")
    kept = store(url)
    await kept.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(REFUSING)
    with pytest.raises(StackError, match=r"^the store failed: too late"):
        await kept.put(KEY, b"four")
    assert await kept.get(KEY) is None
    await kept.put(KEY, b"three")
    assert await kept.get(KEY) == b"three"
    await kept.stop()


async def test_two_that_wait_for_one_another_are_both_done_in_the_end(postgres: str) -> None:
    url = postgres_server.new_database(postgres, "crossing")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE crossing SET deadlock_timeout = '10ms'")
    stores = [store(url), store(url)]
    for each in stores:
        await each.start()
    rows = [stores[0]._row(Write(Key("ann", "response", id), b"x")) for id in "ab"]
    meeting, tries = Barrier(2), list[str]()

    def crossing(name: str, order: Sequence[Row]) -> Callable[[Statements], None]:
        def both(sql: Statements) -> None:
            tries.append(name)
            sql.put_all(order[:1])
            if tries.count(name) == 1:
                meeting.wait(60)
            sql.put_all(order[1:])

        return both

    await asyncio.gather(
        stores[0]._database.write(crossing("one", rows)),
        stores[1]._database.write(crossing("other", rows[::-1])),
    )
    assert sorted(tries) in (["one", "one", "other"], ["one", "other", "other"])
    for each in stores:
        await each.stop()


async def test_what_is_missing_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert await said("postgresql://me@127.0.0.1:1/mine") == (
        "the store of type postgres needs the package 'psycopg'; run "
        "`pip install 'polystack[postgres]'`"
    )
