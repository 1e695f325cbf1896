"""The schema of a database: made at once where there is none, known, or refused with the remedy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from polystack.core.canon.errors import ConfigError
from polystack.core.contract.store import Key
from polystack.core.stores.sql import migrations, schema

from .conftest import Make

KEY = Key("ann", "response", "a")
REMEDY = "stop what uses it, and run `stack db upgrade` with the same distribution"

NEXT = '''
"""What a version to come might do."""
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "1"

def upgrade():
    op.add_column("polystack_records", sa.Column("note", sa.LargeBinary))
    op.execute("UPDATE polystack_records SET note = id")
'''


def sql(make: Make, statement: str) -> None:
    engine = make().dialect().writing
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


async def filled(make: Make) -> None:
    store = make()
    await store.start()
    await store.put(KEY, b"kept")
    await store.stop()


async def refused(make: Make) -> str:
    with pytest.raises(ConfigError) as caught:
        await make().start()
    return caught.value.message


@pytest.fixture
def come(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The next version of polystack, with a migration more."""
    folder = tmp_path / "100% new"
    folder.mkdir()
    (folder / "next.py").write_text(NEXT)
    monkeypatch.setattr(migrations, "VERSIONS", [*migrations.VERSIONS, folder])
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, "next"))


def test_the_versions_are_the_migrations_one_after_another() -> None:
    script = ScriptDirectory.from_config(migrations.config())
    assert [each.revision for each in script.walk_revisions()][::-1] == list(schema.VERSIONS)


async def test_the_migrations_lead_to_the_tables_that_are_used(make: Make) -> None:
    await filled(make)
    engine = make().dialect().writing
    with engine.connect() as connection:
        options = {"version_table": schema.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


async def test_servers_that_find_a_new_database_at_the_same_time_all_start(make: Make) -> None:
    stores = [make() for _ in range(4)]
    await asyncio.gather(*(store.start() for store in stores))
    await stores[0].put(KEY, b"shared")
    assert [await store.get(KEY) for store in stores] == [b"shared"] * 4
    await asyncio.gather(*(store.stop() for store in stores))


async def test_upgrade_makes_a_new_database_and_leaves_a_current_one_alone(make: Make) -> None:
    assert (await make().upgrade()).endswith(" was made, in version 1")
    await filled(make)
    assert (await make().upgrade()).endswith(" is of version 1 already")


async def test_tables_of_others_in_the_same_database_are_left_alone(make: Make) -> None:
    sql(make, "CREATE TABLE alembic_version (version_num VARCHAR(32))")
    await filled(make)
    sql(make, "INSERT INTO alembic_version VALUES ('theirs')")
    await filled(make)


@pytest.mark.usefixtures("come")
async def test_an_old_database_is_refused_until_it_is_upgraded(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(schema, "VERSIONS", ("1",))
        before.setattr(migrations, "VERSIONS", migrations.VERSIONS[:1])
        await filled(make)
    assert (await refused(make)).endswith(
        f" is of version 1, and this polystack needs next; {REMEDY}"
    )
    assert (await make().upgrade()).endswith(" was upgraded from version 1 to next")
    store = make()
    await store.start()
    assert await store.get(KEY) == b"kept"
    await store.stop()


@pytest.mark.usefixtures("come")
async def test_a_migration_that_fails_changes_nothing(make: Make) -> None:
    store = make()
    await filled(make)
    sql(make, "UPDATE polystack_version SET version_num = '1'")  # whose column is there already
    with pytest.raises(sa.exc.DBAPIError, match="note"):
        await store.upgrade()
    assert REMEDY in await refused(make)


async def test_a_database_of_an_unknown_version_is_refused_with_the_remedy(make: Make) -> None:
    await filled(make)
    sql(make, "UPDATE polystack_version SET version_num = '77'")
    said = await refused(make)
    assert said.startswith("the database ")
    assert said.endswith(
        " is of version '77', which this polystack does not know (it knows up to 1); install a "
        "newer polystack, or name another database"
    )
    with pytest.raises(ConfigError, match="install a newer polystack"):
        await make().upgrade()


@pytest.mark.parametrize("lost", ["DELETE FROM polystack_version", "DROP TABLE polystack_version"])
async def test_tables_that_do_not_say_their_version_are_refused(make: Make, lost: str) -> None:
    await filled(make)
    sql(make, lost)
    said = await refused(make)
    assert "polystack_version does not say of which version; restore the database from" in said
