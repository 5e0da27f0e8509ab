"""The parent's end of one decoding process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any

import numpy as np

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.kinds import Piece, Span
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.indexer.ingest.worker import LENGTH

_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Else each item's arrays are fetched from the system and given back, page by page: a third of the work.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
}
_PIPE_BYTES = 2**20
_SPARE_BYTES = 2**18
_PARTS = 64  # written by one call; systems take 1,024 at the most


class Late(Exception):  # a state, not an error for users
    """No whole answer came in time."""


class Died(Exception):
    """The process ended before its answer was whole."""


class Process:
    """Starts a worker, feeds it without ever blocking, and takes its answers in the order of the jobs."""

    def __init__(self, limits: Limits) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "hearsee.indexer.ingest.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders grumble there about media that are quarantined anyway
            env={**os.environ, **_ENVIRONMENT},
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._in, self._out = self._child.stdin.fileno(), self._child.stdout.fileno()
        for pipe in (self._in, self._out):
            os.set_blocking(pipe, False)
            _widen(pipe)
        self._ready = False
        self._unsent: deque[memoryview] = deque()
        # Each call of the system hands the interpreter to another thread, so one reads all that has come.
        self._buffer = memoryview(bytearray(_SPARE_BYTES))
        self._spare = self._buffer[:0]  # read and not yet asked for
        self._queue({**asdict(limits), "sizes": []}, b"")

    def ready(self, deadline: float) -> None:
        """Wait for a process that has just been started; at once after that."""
        if not self._ready:
            (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline))
            self._ready = bool(json.loads(self._read(length, deadline)).get("ready"))

    def send(self, jobs: Iterable[tuple[Modality, str, bytes]], track: str | None = None) -> None:
        """Hand over jobs (modality, preparation, bytes); they travel while answers are awaited.

        `track` prepares the sounds of those that are films.
        """
        for modality, preparation, raw in jobs:
            job = {"modality": modality.value, "preparation": preparation, "sizes": [len(raw)], "track": track}
            self._queue(job, raw)
        self._write()

    def answer(self, deadline: float) -> tuple[list[Piece], bool]:
        """Pieces of the oldest job, and whether it has more of them.

        BadMedia when that is the answer, or how it ends; Late or Died when there is none.
        """
        (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline))
        header = json.loads(self._read(length, deadline))
        if "bad" in header:
            raise BadMedia(header["bad"])
        if "failed" in header:
            raise BadInput(header["failed"])
        if "memory" in header:
            raise MemoryError
        pieces = []
        shaped = zip(header["dtypes"], header["shapes"], header["spans"], header["modalities"], strict=True)
        for dtype, shape, span, modality in shaped:
            data = np.empty(shape, np.dtype(dtype))
            self._fill(data.reshape(-1).view(np.uint8).data, deadline)
            place = None if span is None else Span(*span)
            pieces.append(Piece(data, place, None if modality is None else Modality(modality)))
        return pieces, header.get("more", False)

    def how_it_died(self) -> str:
        code = self._child.wait()
        if code == -signal.SIGKILL:
            return "it was killed"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """Make every wait for an answer end; may be called from another thread."""
        self._child.kill()

    def close(self) -> None:
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._child.wait()

    def _queue(self, header: dict[str, Any], raw: bytes) -> None:
        text = json.dumps(header).encode()
        self._unsent += [memoryview(LENGTH.pack(len(text)) + text), memoryview(raw)]

    def _write(self) -> None:
        try:
            while self._unsent:
                sent = os.writev(self._in, list(islice(self._unsent, _PARTS)))
                while self._unsent and len(self._unsent[0]) <= sent:
                    sent -= len(self._unsent.popleft())
                if sent:
                    self._unsent[0] = self._unsent[0][sent:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent.clear()  # the reading side finds out how it died

    def _read(self, size: int, deadline: float) -> bytes:
        buffer = bytearray(size)
        self._fill(memoryview(buffer), deadline)
        return bytes(buffer)

    def _fill(self, target: memoryview, deadline: float) -> None:
        there = min(len(target), len(self._spare))
        target[:there], self._spare = self._spare[:there], self._spare[there:]
        target = target[there:]
        while target:
            with contextlib.suppress(BlockingIOError):
                got = os.readv(self._out, [target, self._buffer])
                if got == 0:
                    raise Died
                self._spare = self._buffer[: max(0, got - len(target))]
                target = target[got:]
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                raise Late
            poll = select.poll()  # select() cannot take handles above 1023
            poll.register(self._out, select.POLLIN)
            if self._unsent:
                poll.register(self._in, select.POLLOUT)
            poll.poll(min(left, 60.0) * 1000)
            self._write()


def _widen(pipe: int) -> None:
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
