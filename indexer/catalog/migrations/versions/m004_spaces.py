"""Several spaces in one library, one of them live; what canonical inputs gave stays beside each tower's contract."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "m004"
down_revision = "m003"

Words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FIRST = 1  # the id of the space that an older library has


def upgrade() -> None:
    db = op.get_bind()
    library = db.execute(sa.text("SELECT * FROM library")).mappings().all()
    towers = db.execute(sa.text("SELECT * FROM towers")).mappings().all()
    op.drop_table("library")
    op.drop_table("towers")
    made = [_library(), _spaces(), _towers()]
    for table in ("segments", "shards", "heads"):
        op.add_column(table, sa.Column("space_id", Id, nullable=False, server_default=sa.text("1")))
    for row in library:
        old = {"fingerprint": row["space_fingerprint"], "name": row["space"], "generation": 0}
        kept = ("library_id", "generation", "format", "last_item", "last_point", "last_file")
        # A file that an older version numbered 1 does not matter: a space's id is compared with those of spaces only.
        db.execute(sa.insert(made[0]).values(space_id=FIRST, **{name: row[name] for name in kept}))
        same = {name: row[name] for name in ("dim", "heads", "heads_before")}
        db.execute(sa.insert(made[1]).values(id=FIRST, **old, **same))
    for row in towers:
        db.execute(sa.insert(made[2]).values(space_id=FIRST, **row))


def _library() -> sa.Table:
    return op.create_table(
        "library",
        sa.Column("library_id", Words, primary_key=True),
        sa.Column("generation", Id, nullable=False),
        sa.Column("format", sa.Integer, nullable=False),
        sa.Column("last_item", Id, nullable=False),
        sa.Column("last_point", Id, nullable=False),
        sa.Column("last_file", Id, nullable=False),
        sa.Column("space_id", Id, nullable=False),
    )


def _spaces() -> sa.Table:
    return op.create_table(
        "spaces",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("fingerprint", Words, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("heads", Id),
        sa.Column("heads_before", Id),
        sa.Column("generation", Id, nullable=False),
    )


def _towers() -> sa.Table:
    return op.create_table(
        "towers",
        sa.Column("space_id", Id, primary_key=True, autoincrement=False),
        sa.Column("modality", Words, primary_key=True),
        sa.Column("fingerprint", Words, nullable=False),
        sa.Column("contract", Words, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("golden", Words),
    )
