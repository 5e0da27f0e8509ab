"""Heads that a library has had, and which of them are live."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "m003"
down_revision = "m002"

Words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "heads",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("space_fingerprint", Words, nullable=False),
        sa.Column("path", Words, nullable=False, unique=True),
        sa.Column("sha256", Words, nullable=False),
        sa.Column("bytes", Id, nullable=False),
        sa.Column("about", Words, nullable=False),
        sa.Column("generation", Id, nullable=False),
    )
    op.add_column("library", sa.Column("heads", Id))
    op.add_column("library", sa.Column("heads_before", Id))
