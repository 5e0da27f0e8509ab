"""The encoding thread: prepared pieces in, vectors out, in the order in which work was handed over."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as Late

import numpy as np

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.ingest.channel import Channel
from hearsee.indexer.ingest.gauge import Gauge
from hearsee.indexer.ingest.work import Work

BATCH = 256  # pieces for one call of a tower, which sorts them by length and cuts batches to its own taste
GATHER = 256  # pieces looked at together, so that batches of each modality are full
GATHER_FIRST = 32  # before it is known how quick the tower is
GATHER_LEAST = 8  # however slow the tower is: eight at once are as quick, piece by piece, as more
GATHER_MOST_SECONDS = 2.0  # of encoding: what is done should be committed, and told, soon
LARGEST = float(np.finfo(np.float16).max)  # segments store half precision
QUICK_SECONDS = 0.004  # of all cores together, for a piece: so quick a tower is not what an ingest waits for
GATHER_SECONDS = 0.1  # how long a full gathering is waited for, unless encoding the last one took longer than that


class Encoding:
    """Encodes put work in one thread of its own; `finished` is called after each gathering."""

    def __init__(self, space: Space, release: Callable[[list[Piece]], None], gauge: Gauge | None = None) -> None:
        self.failure: BaseException | None = None
        self.points = 0
        self.progress = threading.Condition()
        self._space, self._release, self._gauge = space, release, gauge or Gauge()
        self._work: Channel[Work] = Channel(2**31)
        self._closed = False
        self._last_seconds = 0.0  # what the last gathering took to encode
        self._most = GATHER_FIRST  # pieces of the next one
        self._threads = _TorchThreads()
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)
        self._thread.start()

    def put(self, work: Work) -> None:
        self._work.put(work)

    def close(self) -> None:
        self._closed = True
        self._work.close()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        # Torch takes every core here, or as many as its user says; the decoding processes stand back (see worker.py).
        # For a quick tower it takes half of them: reading, decoding and committing have as much to do.
        try:
            while (first := self._work.get()) is not None:
                gathered = self._gather(first)
                self._timed(gathered)
                for work, pieces in gathered:
                    work.pieces = None
                    self._release(pieces)
                works = [work for work, _ in gathered]
                del gathered, pieces
                if (last := works[-1]).goes_on:
                    self._tell_done(works[:-1])
                    self._go_on(last)
                self._tell_done(works)
        except BaseException as error:
            with self.progress:
                self.failure = None if self._closed else error
                self.progress.notify_all()
        finally:
            self._threads.restore()

    def _tell_done(self, works: Sequence[Work]) -> None:
        with self.progress:
            for work in works:
                work.done = True
            self.progress.notify_all()

    def _go_on(self, work: Work) -> None:
        """Encode what follows the first pieces of a long item while it is decoded: all of it, or nothing is kept."""
        assert work.rest is not None
        try:
            for pieces in work.rest:
                if work.error is None:  # else only heard out, so that its process comes to the next one
                    self._timed([(work, pieces)])
        except BadMedia as error:
            work.error = str(error)
        work.rest = None
        if work.error is not None:
            self.points -= work.points
            work.drop()

    def _timed(self, gathered: Sequence[tuple[Work, list[Piece]]]) -> None:
        began = time.monotonic()
        with self._gauge.during("encode"):
            self._encode(gathered)
        self._last_seconds = time.monotonic() - began
        pieces = sum(len(some) for _, some in gathered)
        self._threads.suit(self._last_seconds / max(1, pieces))
        in_time = int(pieces * GATHER_MOST_SECONDS / max(self._last_seconds, 1e-6))
        self._most = min(GATHER, max(GATHER_LEAST, in_time))

    def _gather(self, first: Work) -> list[tuple[Work, list[Piece]]]:
        """Decoded work, in order: as much as fills the batches or is ready in time."""
        gathered = [(first, self._pieces(first, None))]
        # A tower that takes long for a few pieces gains nothing from more of them, and would idle until they are there.
        patience = GATHER_SECONDS if self._last_seconds < GATHER_SECONDS else 0.0
        until = time.monotonic() + patience
        points = len(gathered[0][1])
        while len(gathered) < self._most and points < self._most and not gathered[-1][0].goes_on:
            work = self._work.peek(until - time.monotonic())
            if work is None:
                break
            try:
                pieces = self._pieces(work, max(0.0, until - time.monotonic()))
            except Late:
                break
            self._work.get()
            gathered.append((work, pieces))
            points += len(pieces)
        return gathered

    def _pieces(self, work: Work, timeout: float | None) -> list[Piece]:
        """The decoded pieces; none, and an error in the work, when it could not be decoded."""
        assert work.pieces is not None
        try:
            return work.pieces.result(timeout)
        except BadMedia as error:
            work.error = str(error)
        except CancelledError:
            raise BadInput("the ingest was stopped") from None
        return []

    def _encode(self, gathered: Sequence[tuple[Work, list[Piece]]]) -> None:
        for modality in Modality:
            mine = [(work, [piece for piece in pieces if _of(piece, work) is modality]) for work, pieces in gathered]
            mine = [(work, some) for work, some in mine if some]
            if mine:
                self._encode_modality(modality, mine)

    def _encode_modality(self, modality: Modality, mine: Sequence[tuple[Work, list[Piece]]]) -> None:
        tower = self._space.tower(modality)
        pieces = [piece for _, some in mine for piece in some]
        try:
            rows = np.concatenate([tower.encode(pieces[at : at + BATCH]) for at in range(0, len(pieces), BATCH)])
        except (BadInput, BadMedia, ValueError, ArithmeticError):
            rows = None  # one of them is bad: find out which
        at = 0
        for work, some in mine:
            try:
                own = tower.encode(some) if rows is None else rows[at : at + len(some)]
                vectors, spans = _checked(own, len(some)), [piece.span for piece in some]
                work.extend(modality, vectors, spans)
                self.points += len(some)
            except (BadInput, BadMedia, ValueError, ArithmeticError) as error:
                work.error = f"its tower cannot encode it: {error}"
            at += len(some)


def _of(piece: Piece, work: Work) -> Modality:
    return work.entry.modality if piece.modality is None else piece.modality


def _checked(rows: Vectors, points: int) -> Vectors:
    if len(rows) != points:
        raise BadInput(f"{len(rows)} vectors for {points} points")
    if not (np.abs(rows) <= LARGEST).all() or not rows.any(axis=1).all():
        raise BadInput("a vector that is zero, infinite or not a number")
    return rows


class _TorchThreads:
    """How many cores torch, once it is loaded, uses in this thread."""

    def __init__(self) -> None:
        self._all = 0  # as it came; 0: not asked yet
        self._now = 0

    def suit(self, seconds: float) -> None:
        """Half of the cores where a piece takes few seconds, else all."""
        if (torch := sys.modules.get("torch")) is None:
            return
        if not self._all:
            self._all = self._now = torch.get_num_threads()
        wanted = (
            self._all if seconds * self._now > QUICK_SECONDS else max(1, min(self._all, (os.cpu_count() or 2) // 2))
        )
        if wanted != self._now:
            torch.set_num_threads(wanted)
            self._now = wanted

    def restore(self) -> None:
        if self._now != self._all and (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(self._all)
