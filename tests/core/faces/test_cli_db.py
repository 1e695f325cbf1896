"""`stack db upgrade` on the store of a distribution."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from polystack.core.faces.cli import main

DISTRIBUTION = """\
version: 1
name: keeping
apis: [chat]
store: STORE
providers:
  demo: {type: scripted}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keeping.yaml"


def upgrade(path: Path, store: str, *more: str) -> int:
    path.write_text(DISTRIBUTION.replace("STORE", store))
    return main(["db", "upgrade", str(path), *more])


def test_the_database_is_made_or_brought_up_to_date(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = path.with_name("kept.db")
    store = f"{{type: sqlite, config: {{path: {file}}}}}"
    assert upgrade(path, store) == 0
    assert upgrade(path, store) == 0
    said = (
        f"the database {file} was made, in version 1\nthe database {file} is of version 1 already\n"
    )
    assert capsys.readouterr().out == said


def test_an_unknown_database_ends_it_and_the_server_with_the_same_words(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = path.with_name("kept.db")
    store = f"{{type: sqlite, config: {{path: {file}}}}}"
    upgrade(path, store)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE polystack_version SET version_num = 'x'")
    connection.close()
    capsys.readouterr()
    assert upgrade(path, store) == 2
    said = capsys.readouterr().err
    assert "is of version 'x', which this polystack does not know" in said
    assert main(["run", str(path), "--port", "0"]) == 2
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("store", "code", "said"),
    [
        ("{type: memory}", 0, "a store of type memory has nothing to upgrade\n"),
        ("null", 2, "stack: error: PATH names no store; there is nothing to upgrade\n"),
    ],
)
def test_where_there_is_nothing_to_upgrade_it_says_so(
    store: str, code: int, said: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upgrade(path, store) == code
    assert "".join(capsys.readouterr()) == said.replace("PATH", str(path))
