"""What is to be done with what was read: the catalog knows what it has seen before."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.kinds import Piece
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
from hearsee.indexer.batch import Beside
from hearsee.indexer.catalog import Known, Placed, fields_hash
from hearsee.indexer.corpus import Entry, Rejected
from hearsee.indexer.corpus.tables import hash_of
from hearsee.indexer.ingest.decoders import Decoders
from hearsee.indexer.ingest.rest import Rest
from hearsee.indexer.ingest.work import Kind, Read, Work
from hearsee.indexer.writer import Writer


class Marks:
    """Remembers names as 8 bytes each, so that memory stays flat over millions."""

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._sorted: np.ndarray | None = None

    def add(self, name: str) -> None:
        self._hashes.append(hash_of(name))
        self._sorted = None

    def __contains__(self, name: str) -> bool:
        if self._sorted is None:
            self._sorted = np.sort(np.frombuffer(self._hashes, np.uint64)) if self._hashes else np.empty(0, np.uint64)
            self._hashes = array("Q", self._sorted.tobytes())
        mark = np.uint64(hash_of(name))
        at = int(np.searchsorted(self._sorted, mark))
        return at < len(self._sorted) and bool(self._sorted[at] == mark)


class Planner:
    """Turns what was read into work; bytes that are known already, here or in flight, are not encoded again."""

    def __init__(self, writer: Writer, decoders: Decoders, limits: Limits) -> None:
        self._writer, self._decoders, self._limits = writer, decoders, limits
        self._space = writer.space
        self._flying: dict[tuple[Modality, str], Work] = {}  # contents being encoded and not yet committed

    def plan(self, reads: Sequence[Read]) -> list[Work]:
        """One work for each read, in order; their URIs differ from one another and from all uncommitted work."""
        known = self._writer.catalog.find([read.found.uri for read in reads])
        works = [self._decide(read, known.get(read.found.uri)) for read in reads]
        fresh = [(work, read.raw) for work, read in zip(works, reads, strict=True) if work.kind is Kind.PUT]
        unseen = {work.content_key for work, _ in fresh} - self._flying.keys()
        placed = self._writer.catalog.placed(sorted(unseen)) if unseen else {}
        for work, raw in fresh:
            if work.error is not None:
                continue
            if (twin := self._flying.get(work.content_key)) is not None:
                work.twin = twin
            elif places := placed.get(work.content_key):
                self._again(work, places)
            else:
                self._flying[work.content_key] = work
                work.rest = Rest() if work.entry.modality is not Modality.TEXT else None
                work.pieces, work.done = self._prepare(work.entry.modality, raw, work.rest), False
        return works

    def _again(self, work: Work, places: Sequence[Placed]) -> None:
        """Take over what is stored of the same bytes; a film has points of two modalities."""
        for modality, mine in self._writer.by_modality(places).items():
            vectors, spans = self._writer.vectors(mine), [place.span for place in mine]
            if modality is work.entry.modality:
                work.vectors, work.spans = vectors, spans
            else:
                work.beside = Beside(modality, vectors, spans)
        work.done = True

    def landed(self, work: Work) -> None:
        """The work is committed: from now on the catalog answers for its bytes."""
        if isinstance(work.read.found, Entry) and self._flying.get(work.content_key) is work:
            del self._flying[work.content_key]

    def _decide(self, read: Read, known: Known | None) -> Work:
        found, size = read.found, len(read.raw)
        read = Read(read.source, found, b"", read.content, read.text, read.bad)
        if isinstance(found, Rejected):
            return Work(read, Kind.REJECTED, size, known, found.reason, keep=found.unseen, done=True)
        if read.bad is not None:
            return Work(read, Kind.REJECTED, size, known, read.bad, done=True)
        if found.modality not in self._space.towers:
            reason = f"space {self._space.name!r} has no tower for {found.modality}"
            return Work(read, Kind.REJECTED, size, known, reason, done=True)
        if known is None or (known.content, known.modality) != (read.content, found.modality):
            return Work(read, Kind.PUT, size, known)
        try:
            fields = fields_hash(found.caption, read.text, found.group, found.metadata)
        except BadInput as error:
            return Work(read, Kind.REJECTED, size, known, str(error), done=True)
        if known.fields_hash != fields:
            return Work(read, Kind.FIELDS, size, known, done=True)
        kind = Kind.UNCHANGED if known.source == read.source else Kind.MOVED
        return Work(read, kind, size, known, done=True)

    def _prepare(self, modality: Modality, raw: bytes, rest: Rest | None) -> Future[list[Piece]]:
        """Texts are cheap and harmless, so they are prepared here; media travel to a process that may die."""
        preparation = self._space.tower(modality).preparation
        if modality is not Modality.TEXT:
            return self._decoders.submit(modality, preparation, raw, rest)
        done: Future[list[Piece]] = Future()
        try:
            done.set_result(prepare(preparation, modality, raw, self._limits))
        except (BadMedia, MemoryError) as error:
            done.set_exception(BadMedia(str(error) or "preparing it needed more memory than there is"))
        return done
