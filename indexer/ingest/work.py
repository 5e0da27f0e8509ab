"""One entry on its way through the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from hearsee.core.media.kinds import Piece, Span
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.batch import Beside
from hearsee.indexer.catalog import Known, fields_hash
from hearsee.indexer.corpus import Entry, Rejected
from hearsee.indexer.ingest.rest import Rest


@dataclass(frozen=True)
class Read:
    """What the reading thread found: an entry with its bytes, or why there are none."""

    source: str
    found: Entry | Rejected
    raw: bytes = b""
    content: str = ""  # SHA-256 of the bytes
    text: str | None = None  # decoded, for texts
    bad: str | None = None  # the bytes were read, and this is wrong with them


@dataclass(frozen=True)
class End:
    """A source was listed to its end."""

    source: str


_BARE = fields_hash(None, None, None, {})


class Kind(Enum):
    PUT = "new or changed bytes"
    FIELDS = "the same bytes, other fields"
    MOVED = "the same, listed by another source now"
    UNCHANGED = "the same"
    REJECTED = "not taken in"


@dataclass
class Work:
    """Filled in by one stage after the other; `done` once it can be committed."""

    read: Read  # without its bytes
    kind: Kind
    size: int = 0
    known: Known | None = None  # the live item under this URI
    error: str | None = None  # why it goes into quarantine
    keep: bool = False  # with an error: what the library has of it stays
    pieces: Future[list[Piece]] | None = None  # being decoded
    rest: Rest | None = None  # what may follow those pieces
    twin: Work | None = None  # earlier work with the same bytes: its vectors are shared
    vectors: Vectors | None = None  # (points, dim)
    spans: Sequence[Span | None] = ()
    beside: Beside | None = None  # the sounds of a film
    done: bool = field(default=False)

    @property
    def uri(self) -> str:
        return self.read.found.uri

    @property
    def entry(self) -> Entry:
        assert isinstance(self.read.found, Entry)
        return self.read.found

    @property
    def content_key(self) -> tuple[Modality, str]:
        return self.entry.modality, self.read.content

    @property
    def bares(self) -> str | None:
        """The other source whose captions, groups or metadata go, because this one lists the item without any."""
        known, found = self.known, self.read.found
        if known is None or known.source == self.read.source or self.error is not None or isinstance(found, Rejected):
            return None
        if found.caption or found.group or found.metadata or self.kind not in (Kind.FIELDS, Kind.PUT):
            return None
        # Nobody knows any more whether there was more than the old words of a text whose bytes have changed.
        if self.kind is Kind.PUT and (found.modality is Modality.TEXT or known.fields_hash == _BARE):
            return None
        return known.source

    @property
    def goes_on(self) -> bool:
        """More pieces follow those that are there."""
        return self.rest is not None and self.rest.coming

    @property
    def points(self) -> int:
        return len(self.spans) + (0 if self.beside is None else len(self.beside.spans))

    def extend(self, modality: Modality, vectors: Vectors, spans: Sequence[Span | None]) -> None:
        """Add points behind those that it has."""
        if modality is self.entry.modality:
            self.vectors = vectors if self.vectors is None else np.concatenate([self.vectors, vectors])
            self.spans = [*self.spans, *spans]
        elif self.beside is None:
            self.beside = Beside(modality, vectors, spans)
        else:
            vectors = np.concatenate([self.beside.vectors, vectors])
            self.beside = Beside(modality, vectors, [*self.beside.spans, *spans])

    def drop(self) -> None:
        """Forget its points: it broke off."""
        self.vectors, self.spans, self.beside = None, (), None

    def settle(self) -> None:
        """Take over from the twin, which comes earlier in every queue and is done when this is asked for."""
        if self.twin is not None:
            twin = self.twin
            self.vectors, self.spans, self.beside, self.error = twin.vectors, twin.spans, twin.beside, twin.error
            self.twin = None
