"""The one table, as the newest migration leaves it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, LargeBinary, MetaData, Table

VERSIONS = ("1",)
"""The migrations by their names, the newest last."""
VERSION_TABLE = "polystack_version"

metadata = MetaData()

# Names are bytes, the UTF-8 of the text: they sort as Python sorts it, whatever the database's
# language, and may hold any character.
records = Table(
    "polystack_records",
    metadata,
    Column("tenant", LargeBinary, primary_key=True),
    Column("kind", LargeBinary, primary_key=True),
    Column("id", LargeBinary, primary_key=True),
    Column("written", BigInteger, nullable=False),  # nanoseconds since 1970: who is the oldest
    Column("size", BigInteger, nullable=False),
    Column("expires", Double),
    Column("record", LargeBinary, nullable=False),  # last, so that no other is read through it
    Index("polystack_records_age", "tenant", "written", "size"),
    Index("polystack_records_expiry", "expires"),
)
