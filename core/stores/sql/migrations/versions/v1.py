"""The table of records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "polystack_records",
        sa.Column("tenant", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.LargeBinary, primary_key=True),
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    op.create_index("polystack_records_age", "polystack_records", ["tenant", "written", "size"])
    op.create_index("polystack_records_expiry", "polystack_records", ["expires"])
