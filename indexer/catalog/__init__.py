"""The catalog: SQL, and the only truth about what a library holds."""

from __future__ import annotations

from hearsee.indexer.catalog.catalog import Catalog
from hearsee.indexer.catalog.changes import (
    Change,
    Compaction,
    Live,
    MovedPoint,
    NewFields,
    NewHeads,
    NewItem,
    NewPoint,
    NewQuarantine,
    NewSegment,
    NewShard,
)
from hearsee.indexer.catalog.connect import sqlite_url
from hearsee.indexer.catalog.facts import clean_metadata, clean_text, fields_hash
from hearsee.indexer.catalog.folding import Phrase, phrases_in, words_in
from hearsee.indexer.catalog.rows import (
    HeadsRow,
    Known,
    LibraryInfo,
    Placed,
    PointRows,
    Quarantined,
    SegmentRow,
    ShardRow,
    SpaceRow,
    View,
)

__all__ = [
    "Catalog",
    "Change",
    "Compaction",
    "HeadsRow",
    "Known",
    "LibraryInfo",
    "Live",
    "MovedPoint",
    "NewFields",
    "NewHeads",
    "NewItem",
    "NewPoint",
    "NewQuarantine",
    "NewSegment",
    "NewShard",
    "Phrase",
    "Placed",
    "PointRows",
    "Quarantined",
    "SegmentRow",
    "ShardRow",
    "SpaceRow",
    "View",
    "clean_metadata",
    "clean_text",
    "fields_hash",
    "phrases_in",
    "sqlite_url",
    "words_in",
]
