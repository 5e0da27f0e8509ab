"""The index of words, filled from the items that are there."""

from __future__ import annotations

from alembic import op

from hearsee.indexer.catalog.words import fill

revision = "m002"
down_revision = "m001"


def upgrade() -> None:
    db = op.get_bind()
    if db.dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE words USING fts5(kind, body, tokenize = 'ascii')")
    else:
        op.execute("CREATE TABLE words (item_id BIGINT PRIMARY KEY REFERENCES items (id), body TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX words_body ON words USING gin (body)")
    fill(db)
