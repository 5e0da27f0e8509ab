"""The catalog's tables, the same on SQLite and PostgreSQL; migrations lead up to exactly this."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

REVISION = "m004"  # the newest migration in migrations/versions
REVISIONS = ("m001", "m002", "m003", "m004")  # every one, oldest first
FORMAT = 1
VERSION_TABLE = "hearsee_version"

# Texts compare by code point on both: SQLite does so by itself, PostgreSQL in the collation "C".
Words = Text().with_variant(Text(collation="C"), "postgresql")
Id = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

# One row. Ids are drawn from its counters under the writer's lock: never reused, and known before anything is inserted.
library = Table(
    "library",
    metadata,
    Column("library_id", Words, primary_key=True),
    Column("generation", Id, nullable=False),
    Column("format", Integer, nullable=False),
    Column("last_item", Id, nullable=False),
    Column("last_point", Id, nullable=False),
    Column("last_file", Id, nullable=False),  # segments, shards, heads and spaces
    Column("space_id", Id, nullable=False),  # the live space: what is searched and what is added to
)

# The spaces that the items have vectors in: the live one, and those that were filled beside it.
spaces = Table(
    "spaces",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", Words, nullable=False),
    Column("fingerprint", Words, nullable=False),  # with the heads that the space itself has
    Column("dim", Integer, nullable=False),
    Column("heads", Id),  # the live ones in it; none: those that the space itself has
    Column("heads_before", Id),  # those that were live before them
    Column("generation", Id, nullable=False),  # that it came with
)

towers = Table(
    "towers",
    metadata,
    Column("space_id", Id, primary_key=True, autoincrement=False),
    Column("modality", Words, primary_key=True),
    Column("fingerprint", Words, nullable=False),
    Column("contract", Words, nullable=False),  # JSON
    Column("dim", Integer, nullable=False),
    Column("golden", Words),  # JSON: what it makes of canonical inputs, once it has encoded something
)

segments = Table(
    "segments",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("modality", Words, nullable=False),
    Column("tower", Words, nullable=False),
    Column("path", Words, nullable=False, unique=True),  # relative to the library's folder
    Column("sha256", Words, nullable=False),
    Column("bytes", Id, nullable=False),
    Column("rows", Id, nullable=False),
    Column("dim", Integer, nullable=False),
    Column("generation", Id, nullable=False),
    Column("space_id", Id, nullable=False, server_default=text("1")),
)

items = Table(
    "items",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("uri", Words, nullable=False),
    Column("uri_hash", Words, nullable=False),  # what is indexed: PostgreSQL refuses index entries above 2,704 bytes
    Column("modality", Words, nullable=False),
    Column("content", Words, nullable=False),
    Column("bytes", Id, nullable=False),
    Column("caption", Words),
    Column("text", Words),
    Column("group_name", Words),
    Column("metadata", Words, nullable=False),  # JSON
    Column("fields_hash", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("added", Id, nullable=False),  # generations
    Column("changed", Id, nullable=False),
    Column("removed", Id),
)
_live = text("removed IS NULL")
Index("items_live_uri", items.c.uri_hash, unique=True, sqlite_where=_live, postgresql_where=_live)
Index("items_live_content", items.c.content, sqlite_where=_live, postgresql_where=_live)

points = Table(
    "points",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("item_id", Id, ForeignKey("items.id"), nullable=False),
    Column("segment_id", Id, ForeignKey("segments.id"), nullable=False),
    Column("row", Id, nullable=False),
    Column("span_start", Double),
    Column("span_end", Double),
    Column("span_unit", Words),
    Column("removed", Id),
    UniqueConstraint("segment_id", "row", name="points_segment_row"),
)
Index("points_item", points.c.item_id)
_dead = text("removed IS NOT NULL")
Index("points_dead", points.c.removed, sqlite_where=_dead, postgresql_where=_dead)

# What `where` is answered from: one row for each leaf, list element and container of a live item's metadata.
facts = Table(
    "facts",
    metadata,
    Column("item_id", Id, ForeignKey("items.id"), primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("key", Words, nullable=False),  # dotted path
    Column("kind", Words, nullable=False),  # see facts.py
    Column("text", Words),  # the first characters of a text,
    Column("tail", Words),  # and the others
    Column("number", Double),  # a number as a double,
    Column("rest", Double),  # and what an integer above 2**53 lost by that
    sqlite_with_rowid=False,
)
Index("facts_kind", facts.c.key, facts.c.kind, facts.c.item_id)
_text, _number = text("text IS NOT NULL"), text("number IS NOT NULL")
Index("facts_text", facts.c.key, facts.c.text, facts.c.item_id, sqlite_where=_text, postgresql_where=_text)
Index("facts_number", facts.c.key, facts.c.number, facts.c.item_id, sqlite_where=_number, postgresql_where=_number)

shards = Table(
    "shards",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("modality", Words, nullable=False),
    Column("path", Words, nullable=False, unique=True),
    Column("sha256", Words, nullable=False),
    Column("bytes", Id, nullable=False),
    Column("rows_path", Words, nullable=False, unique=True),
    Column("rows_sha256", Words, nullable=False),
    Column("rows_bytes", Id, nullable=False),
    Column("rows", Id, nullable=False),
    Column("dim", Integer, nullable=False),
    Column("head", Words, nullable=False),
    Column("segments", Words, nullable=False),  # JSON list of segment ids, in row order
    Column("generation", Id, nullable=False),
    Column("space_id", Id, nullable=False, server_default=text("1")),
)

# Every set of heads that the library has had since it first switched, the space's own among them.
heads = Table(
    "heads",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", Words, nullable=False),
    Column("space_fingerprint", Words, nullable=False),  # of the space with these heads
    Column("path", Words, nullable=False, unique=True),
    Column("sha256", Words, nullable=False),
    Column("bytes", Id, nullable=False),
    Column("about", Words, nullable=False),  # JSON
    Column("generation", Id, nullable=False),
    Column("space_id", Id, nullable=False, server_default=text("1")),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("uri_hash", Words, primary_key=True),
    Column("uri", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("content", Words),
    Column("reason", Words, nullable=False),
    Column("count", Id, nullable=False),
    Column("generation", Id, nullable=False),
)
