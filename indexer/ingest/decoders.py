"""A pool of decoding processes: each item has a deadline, a process that dies takes one item with it."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from hearsee.core.errors import BadMedia, HearseeError
from hearsee.core.media.kinds import Piece
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.indexer.ingest.gauge import Gauge
from hearsee.indexer.ingest.process import Died, Late, Process
from hearsee.indexer.ingest.rest import Rest

Pieces: TypeAlias = list[Piece]
# Jobs that a process holds: the next ones travel while it works on the first. Many small ones, because its thread here
# may wait for the interpreter longer than a process takes for a few of them; few large ones, which others could take.
AHEAD, AHEAD_LARGE = 16, 3
AHEAD_BYTES = 2**20  # what more than AHEAD_LARGE jobs may hold together
START_SECONDS = 60.0  # for a process to come up on a busy machine
START_HINT = "run `python -m hearsee.indexer.ingest.worker < /dev/null` to see why"


@dataclass
class _Job:
    number: int  # in the order of submission
    modality: Modality
    preparation: str
    raw: bytes
    done: Future[Pieces]
    rest: Rest | None


class Decoders:
    """Decodes in the order of submission, as many at a time as there are processes; started when first needed.

    Every result must be given back with `release`, in the order of submission: prepared arrays that nobody has
    released hold the processes up, so that memory stays bounded.
    """

    def __init__(
        self,
        workers: int,
        limits: Limits,
        *,
        max_bytes: int = 64 * 2**20,
        gauge: Gauge | None = None,
        track: str | None = None,  # what prepares the sounds of films
    ) -> None:
        self._track = track
        self._limits, self._gauge = limits, gauge or Gauge()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._room = _Room(max_bytes)
        self._submitted = 0
        self._closing = False
        self._running: set[Process] = set()
        self._rests: set[Rest] = set()  # of items whose first pieces are out
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._serve, name=f"decoder-{n}", daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, modality: Modality, preparation: str, raw: bytes, rest: Rest | None = None) -> Future[Pieces]:
        """All of its pieces; or, of a long item, the first of them, and the others through `rest`, where it is given.

        Only the pieces in the result are to be released.
        """
        done: Future[Pieces] = Future()
        self._gauge.enter("decode")
        self._jobs.put(_Job(self._submitted, modality, preparation, raw, done, rest))
        self._submitted += 1
        return done

    def release(self, pieces: Pieces) -> None:
        self._room.release(_size(pieces))

    def close(self) -> None:
        """End all processes; what was not decoded is cancelled."""
        with self._lock:
            self._closing = True
            for process in self._running:
                process.kill()
            for rest in self._rests:
                rest.close()
        self._room.open_wide()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        while not self._jobs.empty():
            if (job := self._jobs.get()) is not None:
                job.done.cancel()

    def _serve(self) -> None:
        """One process at a time, until the pool closes."""
        held: deque[_Job] = deque()  # jobs the process has, oldest first
        process: Process | None = None
        try:
            while self._take(held, process):
                if process is None:
                    # Started by this thread on purpose: the process dies with the thread that started it.
                    process = self._begin()
                    process.send(((job.modality, job.preparation, job.raw) for job in held), self._track)
                self._room.wait(held[0].number)
                if self._closing or not self._settle(held, process):
                    self._end(process)
                    process = None
        finally:
            if process is not None:
                self._end(process)
            for job in held:
                job.done.cancel()

    def _begin(self) -> Process:
        process = Process(self._limits)
        with self._lock:
            self._running.add(process)
            if self._closing:  # between `close` killing them all and this one
                process.kill()
        return process

    def _end(self, process: Process) -> None:
        with self._lock:
            self._running.discard(process)
        process.close()

    def _take(self, held: deque[_Job], process: Process | None) -> bool:
        """Fill up what the process holds, when half is done; wait only when it holds nothing. False: time to go."""
        if len(held) > AHEAD // 2:
            return not self._closing
        had, size = len(held), sum(len(job.raw) for job in held)
        while not self._closing and (len(held) < AHEAD_LARGE or (len(held) < AHEAD and size < AHEAD_BYTES)):
            try:
                job = self._jobs.get(block=not held)
            except queue.Empty:
                break
            if job is None:
                self._closing = True
                break
            held.append(job)
            size += len(job.raw)
        if process is not None and len(held) > had:
            process.send(((job.modality, job.preparation, job.raw) for job in islice(held, had, None)), self._track)
        return not self._closing

    def _start(self, process: Process) -> None:
        try:
            process.ready(time.monotonic() + START_SECONDS)
        except (Late, Died) as error:
            how = process.how_it_died() if isinstance(error, Died) else f"nothing heard for {START_SECONDS:g} s"
            raise HearseeError(f"a decoding process does not start ({how}): {START_HINT}") from None

    def _settle(self, held: deque[_Job], process: Process) -> bool:
        """Wait for the oldest job's answer; False when the process is of no more use."""
        seconds = self._limits.decode_seconds
        pieces: Pieces = []
        error: Exception | None = None
        alive = True
        try:
            self._start(process)
            pieces = self._heard_out(held[0], process, seconds)
        except MemoryError:
            gigabytes = self._limits.worker_bytes / 2**30
            alive, error = False, BadMedia(f"decoding needed more than {gigabytes:.3g} GB of memory")
        except Late:
            alive, error = False, BadMedia(f"decoding took longer than {seconds:g} s")
        except Died:
            alive, error = False, BadMedia(f"crashed the decoder ({process.how_it_died()})")
        except Exception as other:
            error = other
            alive = isinstance(other, BadMedia)
        job = held.popleft()
        self._gauge.leave("decode")
        if job.rest is not None and job.rest.coming:
            job.rest.end(error)
            with self._lock:
                self._rests.discard(job.rest)
        elif error is not None:
            job.done.set_exception(error)
        else:
            self._room.hold(_size(pieces))
            job.done.set_result(pieces)
        return alive

    def _heard_out(self, job: _Job, process: Process, seconds: float) -> Pieces:
        """The pieces of the oldest job; none, where they were handed on as they came."""
        pieces: Pieces = []
        more = True
        while more:
            began = time.monotonic()
            group, more = process.answer(began + seconds)
            seconds -= time.monotonic() - began  # only waiting for the process counts, not for who takes its pieces
            if job.rest is None:
                pieces += group
            elif job.rest.coming:
                job.rest.put(group)
            elif more:
                self._begin_rest(job.rest)
                job.raw = b""  # the process has all of it, and who dies now is not given it again
                self._room.hold(_size(group))
                job.done.set_result(group)
            else:
                pieces = group
        return pieces

    def _begin_rest(self, rest: Rest) -> None:
        rest.coming = True
        with self._lock:
            self._rests.add(rest)
            if self._closing:  # between `close` closing them all and this one
                rest.close()


class _Room:
    """How many bytes of prepared arrays wait to be released; the oldest job always gets through."""

    def __init__(self, most: int) -> None:
        self._most, self._held, self._released = most, 0, 0
        self._change = threading.Condition()

    def wait(self, number: int) -> None:
        with self._change:
            self._change.wait_for(lambda: self._held < self._most or number <= self._released)

    def hold(self, size: int) -> None:
        with self._change:
            self._held += size

    def release(self, size: int) -> None:
        with self._change:
            self._held -= size
            self._released += 1
            self._change.notify_all()

    def open_wide(self) -> None:
        with self._change:
            self._most = 2**63
            self._change.notify_all()


def _size(pieces: Pieces) -> int:
    return sum(piece.data.nbytes for piece in pieces)
