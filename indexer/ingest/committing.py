"""Finished work becomes commits, and a finished source removes what it no longer lists."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.indexer.batch import Add, Batch, Commit
from hearsee.indexer.catalog import NewFields, NewQuarantine, clean_metadata
from hearsee.indexer.catalog.facts import facts_of
from hearsee.indexer.corpus import Rejected
from hearsee.indexer.ingest.planning import Marks
from hearsee.indexer.ingest.report import Report
from hearsee.indexer.ingest.work import Kind, Work
from hearsee.indexer.writer import Writer

REMOVED_AT_ONCE = 512
QUARANTINE_REMEMBERED = 100_000


class Committer:
    """Gathers work in the order it was read in; counts only what was acknowledged."""

    def __init__(self, writer: Writer, items: int, seconds: float, on_commit: Callable[[Commit], None] | None) -> None:
        self.report = Report(generation=writer.catalog.generation())
        self._writer, self._items, self._seconds, self._on_commit = writer, items, seconds, on_commit
        self._works: list[Work] = []
        self._since = time.monotonic()
        self._seen, self._rejected = Marks(), Marks()  # of the source that is being read
        self._partial = False
        # What failed before, by URI: taken back once it succeeds or is no longer listed.
        self._failed = {bad.uri: bad.source for bad in writer.catalog.quarantined(QUARANTINE_REMEMBERED)}

    def take(self, work: Work) -> bool:
        """Add finished work to the next commit; True when that is large enough."""
        found = work.read.found
        if work.error is None or work.keep:
            self._seen.add(found.uri)
        self._partial = self._partial or (isinstance(found, Rejected) and found.partial)
        if not self._works:
            self._since = time.monotonic()
        self._works.append(work)
        self.report.stages["done"] += 1
        return len(self._works) >= self._items

    def is_late(self) -> bool:
        return bool(self._works) and time.monotonic() - self._since >= self._seconds

    def commit(self) -> list[Work]:
        """Write what was taken, if it changes anything, and count it; returns it."""
        works, self._works = self._works, []
        try:
            self._write(self._batch(works))
        except BadInput:  # metadata that the catalog does not take; looked for only now, because it is rare
            if not _blame(works):
                raise
            self._write(self._batch(works))
        for work in works:
            self._count(work)
            self._failed.pop(work.uri, None)
            if work.error is not None:
                if len(self._failed) < QUARANTINE_REMEMBERED:
                    self._failed[work.uri] = work.read.source
                self._rejected.add(work.uri)
        return works

    def _batch(self, works: Sequence[Work]) -> Batch:
        good = [work for work in works if work.error is None]
        bad = [work for work in works if work.error is not None]
        return Batch(
            adds=[_add(work) for work in good if work.kind is Kind.PUT],
            fields=[_fields(work) for work in good if work.kind in (Kind.FIELDS, Kind.MOVED)],
            remove=[work.known.id for work in bad if work.known is not None and not work.keep],
            quarantine=[_quarantine(work) for work in bad],
            unquarantine=[work.uri for work in good if work.uri in self._failed],
        )

    def finish(self, source: str) -> None:
        """The source is read and all of it committed: remove its items that it no longer lists."""
        if self._partial:
            self.report.notes.append(f"not all of {source} could be listed, so nothing of it was removed")
        else:
            gone = (id_ for id_, uri in self._writer.catalog.uris_of(source) if uri not in self._seen)
            for ids in _chunks(gone):
                self._write(Batch(remove=ids))
                self.report.removed += len(ids)
            listed_no_more = [uri for uri, of in self._failed.items() if of == source and uri not in self._rejected]
            self._write(Batch(unquarantine=listed_no_more))
            for uri in listed_no_more:
                del self._failed[uri]
        self._seen, self._rejected, self._partial = Marks(), Marks(), False

    def build_shards(self, begun: Callable[[Modality, int], None]) -> None:
        """Shards for all that was committed, by this run or by one that was killed before it came to them."""
        generation = self._writer.build_shards(begun=begun)
        if generation is not None:
            self._acknowledge(Commit(generation, 0))

    def _write(self, batch: Batch) -> None:
        if batch.items or batch.quarantine or batch.unquarantine:
            self._acknowledge(self._writer.commit(batch))
            generation = self._writer.fold()  # made aside: whoever searches a long run scores few points one by one
            if generation is not None:
                self._acknowledge(Commit(generation, 0))

    def _acknowledge(self, commit: Commit) -> None:
        self.report.generation = commit.generation
        self.report.stages["committed"] += commit.items
        if self._on_commit is not None:
            self._on_commit(commit)

    def _count(self, work: Work) -> None:
        report = self.report
        if work.error is not None:
            report.reject(work.uri, work.error)
            report.removed += work.known is not None and not work.keep
        elif work.kind in (Kind.UNCHANGED, Kind.MOVED):
            report.unchanged += 1
        elif work.known is None:
            report.added += 1
        else:
            report.updated += 1
            if (source := work.bares) is not None:
                report.bared[source] += 1


def _blame(works: Sequence[Work]) -> bool:
    """Put the error on the work whose metadata the catalog refuses; False when there is none."""
    blamed = False
    for work in works:
        if work.error is None:
            try:
                facts_of(clean_metadata(work.entry.metadata))
            except BadInput as error:
                work.error, blamed = str(error), True
    return blamed


def _add(work: Work) -> Add:
    entry, read = work.entry, work.read
    assert work.vectors is not None
    return Add(
        entry.uri,
        entry.modality,
        read.content,
        work.size,
        read.source,
        work.vectors,
        work.spans,
        entry.caption,
        read.text,
        entry.group,
        entry.metadata,
        work.beside,
    )


def _fields(work: Work) -> NewFields:
    entry = work.entry
    return NewFields(entry.uri, work.read.source, entry.caption, work.read.text, entry.group, entry.metadata)


def _quarantine(work: Work) -> NewQuarantine:
    return NewQuarantine(work.uri, work.read.source, work.error or "", work.read.content or None)


def _chunks(ids: Iterator[int]) -> Iterator[list[int]]:
    while chunk := list(itertools.islice(ids, REMOVED_AT_ONCE)):
        yield chunk
