"""What a writer is given, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.catalog import NewFields, NewQuarantine


@dataclass(frozen=True)
class Beside:
    """Vectors of an item under another modality than its own: the sounds of a film."""

    modality: Modality
    vectors: Vectors  # (points, backbone dim)
    spans: Sequence[Span | None]  # (points,)


@dataclass(frozen=True)
class Add:
    """An item with its backbone vectors; a live item of the same URI is replaced and keeps its id."""

    uri: str
    modality: Modality
    content: str  # SHA-256 of the bytes
    bytes: int
    source: str
    vectors: Vectors  # (points, backbone dim)
    spans: Sequence[Span | None]  # (points,)
    caption: str | None = None
    text: str | None = None
    group: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    beside: Beside | None = None


@dataclass(frozen=True)
class Batch:
    adds: Sequence[Add] = ()
    fields: Sequence[NewFields] = ()  # live items whose bytes are unchanged
    remove: Sequence[int] = ()  # item ids
    quarantine: Sequence[NewQuarantine] = ()
    unquarantine: Sequence[str] = ()  # URIs

    @property
    def items(self) -> int:
        """How many items it adds, changes or removes."""
        return len(self.adds) + len(self.fields) + len(self.remove)


@dataclass(frozen=True)
class Commit:
    generation: int
    items: int  # added, changed or removed by it
