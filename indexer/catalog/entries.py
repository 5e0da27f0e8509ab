"""Items as the rows they become: cleaned once, before the transaction that stores them begins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hearsee.core.errors import BadInput
from hearsee.indexer.catalog.changes import NewFields, NewItem
from hearsee.indexer.catalog.facts import Fact, clean_metadata, clean_text, facts_of, hash_fields, uri_hash
from hearsee.indexer.catalog.words import words_of

Row: TypeAlias = dict[str, Any]
_PLAIN = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Entry:
    row: Row  # columns of items, without what the commit decides
    facts: list[Fact]
    words: list[str]  # what the item is found by

    @property
    def uri_hash(self) -> str:
        return str(self.row["uri_hash"])


def entries_of(given: Sequence[NewItem] | Sequence[NewFields]) -> list[Entry]:
    entries = [_entry(one) for one in given]
    if len({entry.uri_hash for entry in entries}) < len(entries):
        raise BadInput("one commit names the same URI twice: commit the second later")
    return entries


def _entry(given: NewItem | NewFields) -> Entry:
    try:
        metadata = clean_metadata(given.metadata)
        found = facts_of(metadata)
    except BadInput as error:
        raise BadInput(f"{clean_text(given.uri)}: {error}") from None
    caption, text, group = (None if v is None else clean_text(v) for v in (given.caption, given.text, given.group))
    row: Row = {
        "uri": clean_text(given.uri),
        "uri_hash": uri_hash(given.uri),
        "caption": caption,
        "text": text,
        "group_name": group,
        "metadata": _PLAIN.encode(metadata),
        "fields_hash": hash_fields(caption, text, group, metadata),
        "source": clean_text(given.source),
    }
    if isinstance(given, NewItem):
        row |= {"modality": str(given.modality), "content": given.content, "bytes": given.bytes}
    return Entry(row, found, words_of(row))
