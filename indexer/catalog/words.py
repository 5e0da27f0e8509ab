"""The index of words: FTS5 on SQLite, tsvector and GIN on PostgreSQL, written in the commit that writes the items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np
from sqlalchemy import Connection, event, text

from hearsee.core.modality import Modality
from hearsee.indexer.catalog.folding import MAX_WORDS, Phrase, words_in
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.catalog.tables import metadata

INDEX = "index of words"
BETWEEN = "¶"  # stands between name, caption and text, so that no phrase reaches over; no folded word has it
# `words` holds a row for each live item: on SQLite its id is the rowid.
TABLES = {
    "sqlite": (
        # The text is folded and cut before it comes: the tokenizer only splits at spaces.
        "CREATE VIRTUAL TABLE words USING fts5(kind, body, tokenize = 'ascii')",
    ),
    "postgresql": (
        "CREATE TABLE words (item_id BIGINT PRIMARY KEY REFERENCES items (id), body TSVECTOR NOT NULL)",
        "CREATE INDEX words_body ON words USING gin (body)",
    ),
}
_INSERT = {
    "sqlite": "INSERT INTO words (rowid, kind, body) VALUES (?, ?, ?)",
    "postgresql": "INSERT INTO words (item_id, body) VALUES (%s, CAST(%s AS tsvector))",
}
_DELETE = {
    "sqlite": "DELETE FROM words WHERE rowid IN (SELECT value FROM json_each(?))",
    "postgresql": "DELETE FROM words WHERE item_id = ANY(%s)",
}
_FIND = {
    "sqlite": "SELECT rowid FROM words WHERE words MATCH ? LIMIT ?",
    "postgresql": "SELECT item_id FROM words WHERE body @@ CAST(%s AS tsquery) LIMIT %s",
}
_LIVE = (
    "SELECT id, uri, modality, caption, text FROM items WHERE removed IS NULL AND id > :after ORDER BY id LIMIT 2000"
)
_STRAY = {
    "sqlite": "SELECT rowid FROM words WHERE rowid NOT IN (SELECT id FROM items WHERE removed IS NULL)",
    "postgresql": "SELECT item_id FROM words WHERE item_id NOT IN (SELECT id FROM items WHERE removed IS NULL)",
}
_SAME = {
    "sqlite": "SELECT count(*) FROM words WHERE rowid = ? AND kind = ? AND body = ?",
    "postgresql": "SELECT count(*) FROM words WHERE item_id = %s AND body = CAST(%s AS tsvector)",
}


@event.listens_for(metadata, "after_create")
def _create(_target: object, connection: Connection, **_: object) -> None:
    for statement in TABLES[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def words_of(row: Mapping[str, Any]) -> list[str]:
    """What an item is found by: the name of its file, its caption, its text."""
    found: list[str] = []
    for part in (_name(row["uri"]), row["caption"], row["text"]):
        found += [BETWEEN, *words_in(part)] if part else []
    return found[1:MAX_WORDS]


def write(db: Connection, rows: Iterable[tuple[int, str, Sequence[str]]]) -> None:
    """Index items that are not in the index: id, modality, words."""
    values = [_values(db, *row) for row in rows]
    if values:
        db.exec_driver_sql(_INSERT[db.dialect.name], values)


def forget(db: Connection, ids: Sequence[int]) -> None:
    given = [int(id_) for id_ in ids]
    if given:
        db.exec_driver_sql(_DELETE[db.dialect.name], (str(given) if db.dialect.name == "sqlite" else given,))


def fill(db: Connection) -> None:
    """Index every live item from what the catalog says about it."""
    db.exec_driver_sql("DELETE FROM words")
    after = 0
    while page := db.execute(text(_LIVE), {"after": after}).mappings().all():
        write(db, [(row["id"], row["modality"], words_of(dict(row))) for row in page])
        after = page[-1]["id"]


def find(db: Connection, phrases: Sequence[Phrase], modalities: Sequence[Modality], limit: int) -> list[Ids]:
    """For each phrase the items of these modalities that hold it, ascending; at most `limit` of them."""
    statement, sqlite = _FIND[db.dialect.name], db.dialect.name == "sqlite"
    found = []
    for phrase in phrases:
        asked = _match(phrase, modalities) if sqlite else _query(phrase, modalities)
        ids = db.exec_driver_sql(statement, (asked, limit)).scalars()
        found.append(np.sort(np.fromiter(ids, np.int64)))
    return found


def contradictions(db: Connection) -> list[str]:
    """How many items are indexed otherwise than what the catalog says about them."""
    kind = db.dialect.name
    stray = len(db.exec_driver_sql(_STRAY[kind]).fetchall())
    wrong = after = 0
    while page := db.execute(text(_LIVE), {"after": after}).mappings().all():
        for row in page:
            values = _values(db, row["id"], row["modality"], words_of(dict(row)))
            wrong += not db.exec_driver_sql(_SAME[kind], values).scalar()
        after = page[-1]["id"]
    sentences = {f"removed items are in the {INDEX}": stray, f"items lie otherwise in the {INDEX}": wrong}
    return [f"{count:,} {said}" for said, count in sentences.items() if count]


def _name(uri: str) -> str:
    """The last name in a URI: of a member of a tar or a table's row the fragment, else of the file."""
    path, _, fragment = uri.partition("#")
    return unquote((fragment or path).rstrip("/").rpartition("/")[2], errors="replace")


def _values(db: Connection, item_id: int, modality: str, words: Sequence[str]) -> tuple[Any, ...]:
    if db.dialect.name == "sqlite":
        return item_id, modality, " ".join(words)
    # A kind has no position and capitals, which no folded word has.
    places = (f"'{word}':{place}" for place, word in enumerate(words, 1))
    return item_id, " ".join([f"'{modality.upper()}'", *places])


def _match(phrase: Phrase, modalities: Sequence[Modality]) -> str:
    """For FTS5. Words hold letters, digits and symbols only: nothing in them can end a quoted string."""
    kinds = " OR ".join(f'"{modality}"' for modality in modalities)
    return f'kind : ({kinds}) AND body : "{" ".join(phrase.words)}"' + " *" * phrase.prefix


def _query(phrase: Phrase, modalities: Sequence[Modality]) -> str:
    kinds = " | ".join(f"'{modality.upper()}'" for modality in modalities)
    body = " <-> ".join(f"'{word}'" for word in phrase.words)
    return f"({kinds}) & ({body}{':*' if phrase.prefix else ''})"
