"""Brings the tables of a database to the form that this version reads, by alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

HERE = Path(__file__).parent
VERSIONS = [HERE / "versions"]


def config() -> Config:
    made = Config()
    made.set_main_option("path_separator", "newline")
    made.set_main_option("script_location", _text(HERE))
    made.set_main_option("version_locations", "\n".join(map(_text, VERSIONS)))
    return made


def upgrade(connection: Connection) -> None:
    """Run what is missing, within the transaction that the connection has begun."""
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")


def _text(path: Path) -> str:
    return str(path).replace("%", "%%")  # which means something in a configuration
