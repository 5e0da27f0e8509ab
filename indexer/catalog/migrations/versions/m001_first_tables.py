"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "m001"
down_revision = None

Words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def words(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, Words, nullable=optional)


def whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, Id, nullable=optional)


def small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def upgrade() -> None:
    _library()
    _segments()
    _items()
    _points()
    _facts()
    _shards()
    _quarantine()


def _index(name: str, table: str, columns: list[str], where: str | None = None, *, unique: bool = False) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _library() -> None:
    op.create_table(
        "library",
        sa.Column("library_id", Words, primary_key=True),
        words("space"),
        words("space_fingerprint"),
        small("dim"),
        whole("generation"),
        small("format"),
        whole("last_item"),
        whole("last_point"),
        whole("last_file"),
    )
    op.create_table(
        "towers",
        sa.Column("modality", Words, primary_key=True),
        words("fingerprint"),
        words("contract"),
        small("dim"),
    )


def _segments() -> None:
    op.create_table(
        "segments",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        words("modality"),
        words("tower"),
        sa.Column("path", Words, nullable=False, unique=True),
        words("sha256"),
        whole("bytes"),
        whole("rows"),
        small("dim"),
        whole("generation"),
    )


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        words("uri"),
        words("uri_hash"),
        words("modality"),
        words("content"),
        whole("bytes"),
        words("caption", optional=True),
        words("text", optional=True),
        words("group_name", optional=True),
        words("metadata"),
        words("fields_hash"),
        words("source"),
        whole("added"),
        whole("changed"),
        whole("removed", optional=True),
    )
    _index("items_live_uri", "items", ["uri_hash"], "removed IS NULL", unique=True)
    _index("items_live_content", "items", ["content"], "removed IS NULL")


def _points() -> None:
    op.create_table(
        "points",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("item_id", Id, sa.ForeignKey("items.id"), nullable=False),
        sa.Column("segment_id", Id, sa.ForeignKey("segments.id"), nullable=False),
        whole("row"),
        sa.Column("span_start", sa.Double),
        sa.Column("span_end", sa.Double),
        words("span_unit", optional=True),
        whole("removed", optional=True),
        sa.UniqueConstraint("segment_id", "row", name="points_segment_row"),
    )
    _index("points_item", "points", ["item_id"])
    _index("points_dead", "points", ["removed"], "removed IS NOT NULL")


def _facts() -> None:
    op.create_table(
        "facts",
        sa.Column("item_id", Id, sa.ForeignKey("items.id"), primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        words("key"),
        words("kind"),
        words("text", optional=True),
        words("tail", optional=True),
        sa.Column("number", sa.Double),
        sa.Column("rest", sa.Double),
        sqlite_with_rowid=False,
    )
    _index("facts_kind", "facts", ["key", "kind", "item_id"])
    _index("facts_text", "facts", ["key", "text", "item_id"], "text IS NOT NULL")
    _index("facts_number", "facts", ["key", "number", "item_id"], "number IS NOT NULL")


def _shards() -> None:
    op.create_table(
        "shards",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        words("modality"),
        sa.Column("path", Words, nullable=False, unique=True),
        words("sha256"),
        whole("bytes"),
        sa.Column("rows_path", Words, nullable=False, unique=True),
        words("rows_sha256"),
        whole("rows_bytes"),
        whole("rows"),
        small("dim"),
        words("head"),
        words("segments"),
        whole("generation"),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("uri_hash", Words, primary_key=True),
        words("uri"),
        words("source"),
        words("content", optional=True),
        words("reason"),
        whole("count"),
        whole("generation"),
    )
