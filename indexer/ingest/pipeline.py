"""The ingest: reading, decoding, encoding and committing at the same time, in bounded memory, in one order."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import Space
from hearsee.indexer.batch import Commit
from hearsee.indexer.corpus import Source, open_source
from hearsee.indexer.ingest.committing import Committer
from hearsee.indexer.ingest.counting import Counting
from hearsee.indexer.ingest.decoders import Decoders
from hearsee.indexer.ingest.encoding import Encoding
from hearsee.indexer.ingest.gauge import Gauge
from hearsee.indexer.ingest.pace import Moment, Progress
from hearsee.indexer.ingest.planning import Planner
from hearsee.indexer.ingest.reading import Reader
from hearsee.indexer.ingest.report import Report
from hearsee.indexer.ingest.work import End, Kind, Read, Work
from hearsee.indexer.writer import Writer

FLYING_ITEMS = 768  # planned and not committed
FLYING_BYTES = 64 * 2**20
TICK_SECONDS = 0.02
PROGRESS_SECONDS = 0.2


def ingest(
    writer: Writer,
    sources: Sequence[str | Source],
    space: Space,
    settings: Settings,
    *,
    commit_items: int = 512,
    commit_seconds: float = 5.0,
    on_commit: Callable[[Commit], None] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Bring the library up to date with the sources: one item for each URI, whatever was there before.

    An item belongs to the last source that listed it. What a source listed once and lists no more is removed, but
    only after a scan that saw everything: an empty source is an error, and one that breaks off removes nothing.
    Every source is opened before anything is changed. Killed at any moment, the next run goes on from the last commit;
    interrupted (Ctrl-C), from all that was through.
    Shards are built at the end, in a commit without items; until then what is new is found without them.
    """
    if space.fingerprint != writer.space.fingerprint:
        raise ValueError("the writer was opened with another space")
    opened = [one if isinstance(one, Source) else open_source(one, settings.limits) for one in sources]
    opened = list({source.uri: source for source in opened}.values())
    committer = Committer(writer, commit_items, commit_seconds, on_commit)
    began, gauge = time.monotonic(), Gauge()
    track = space.towers[Modality.AUDIO].preparation if Modality.AUDIO in space.towers else None
    decoders = Decoders(settings.workers, settings.limits, gauge=gauge, track=track)
    encoding = Encoding(space, decoders.release, gauge)
    reader = Reader(opened, settings.limits)
    counting = Counting(opened if progress is not None else ())
    try:
        run = _Run(reader, Planner(writer, decoders, settings.limits), encoding, committer, counting, progress, gauge)
        with _rarely_swept():
            try:
                run.to_the_end(len(opened))
            except KeyboardInterrupt:
                committer.commit()  # what is through; nothing, where a commit was what was interrupted
                raise
        with gauge.during("write"):
            committer.build_shards(run.building)
    finally:
        counting.close()
        reader.close()
        decoders.close()
        encoding.close()
    committer.report.encoded = encoding.points
    for source in opened:
        committer.report.passed.update(source.passed)
    committer.report.seconds, committer.report.held = time.monotonic() - began, gauge.held()
    return committer.report


@contextmanager
def _rarely_swept() -> Iterator[None]:
    """Keep what is there already, half a million objects of torch, out of the garbage collector's rounds."""
    if gc.get_freeze_count():  # somebody else's, who will thaw it
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Run:
    """The main thread: plans what was read, hands it on, commits what is done, in the order of reading."""

    def __init__(
        self,
        reader: Reader,
        planner: Planner,
        encoding: Encoding,
        committer: Committer,
        counting: Counting,
        progress: Progress | None,
        gauge: Gauge,
    ) -> None:
        self._reader, self._planner, self._encoding, self._committer = reader, planner, encoding, committer
        self._flying: deque[Work] = deque()
        self._flying_bytes = 0
        self._uris: set[str] = set()  # of uncommitted work
        self._read: deque[Read] = deque()  # read, and not yet planned
        self._counting, self._progress, self._gauge = counting, progress, gauge
        self._began, self._told = time.monotonic(), 0.0

    def to_the_end(self, sources: int) -> None:
        while sources:
            reads, end = self._next_reads()
            if reads:
                self._start(reads)
            if end is not None:
                self._flush()
                self._committer.finish(end.source)
                sources -= 1
            elif self._read and self._read[0].found.uri in self._uris:
                self._flush()  # the same URI again: only the catalog can tell what it is by now
            else:
                self._land(wait=not reads)
            self._tell()
        self._tell(last=True)

    def _next_reads(self) -> tuple[list[Read], End | None]:
        """A handful of reads with URIs that are not in flight, as far as there is room for them."""
        if not self._read:
            found = self._reader.channel.get(TICK_SECONDS) if self._has_room() else None
            if found is None or isinstance(found, End):
                return [], found
            if isinstance(found, BaseException):
                raise found
            self._read.extend(found)
        reads: list[Read] = []
        while self._read and self._has_room() and self._read[0].found.uri not in self._uris:
            read = self._read.popleft()
            reads.append(read)
            self._uris.add(read.found.uri)
            self._flying_bytes += len(read.raw)
        return reads, None

    def _has_room(self) -> bool:
        return len(self._flying) < FLYING_ITEMS and self._flying_bytes < FLYING_BYTES

    def _start(self, reads: Sequence[Read]) -> None:
        for work in self._planner.plan(reads):
            self._flying.append(work)
            if work.pieces is not None:
                self._encoding.put(work)
        self._committer.report.stages["read"] += len(reads)

    def _land(self, *, wait: bool) -> None:
        """Pass on what is done, oldest first; with `wait`, give the encoder a moment when nothing is."""
        encoding = self._encoding
        with encoding.progress:
            if wait and self._flying and not _is_done(self._flying[0]) and encoding.failure is None:
                encoding.progress.wait(TICK_SECONDS * 5)
            if encoding.failure is not None:
                raise encoding.failure
        while self._flying and _is_done(self._flying[0]):
            work = self._flying.popleft()
            self._flying_bytes -= work.size
            work.settle()
            if self._committer.take(work):
                self._commit()
        self._committer.report.stages["encoded"] = encoding.points
        if self._committer.is_late():
            self._commit()

    def _commit(self) -> None:
        with self._gauge.during("write"):
            works = self._committer.commit()
        for work in works:
            self._uris.discard(work.uri)
            self._planner.landed(work)

    def _flush(self) -> None:
        while self._flying:
            self._land(wait=True)
            self._tell()
        self._commit()

    def building(self, modality: Modality, points: int) -> None:
        self._tell(last=True, doing=f"building what searches fast: {points:,} {modality} points")

    def _tell(self, *, last: bool = False, doing: str = "") -> None:
        now = time.monotonic()
        if self._progress is not None and (last or now - self._told >= PROGRESS_SECONDS):
            self._told = now
            stages, total = self._committer.report.stages, self._counting.total
            total = stages["done"] if last else total
            self._progress(Moment(stages["done"], total, now - self._began, dict(stages), self._gauge.held(), doing))


def _is_done(work: Work) -> bool:
    return work.done or (work.twin is not None and work.twin.done) or work.kind is not Kind.PUT
