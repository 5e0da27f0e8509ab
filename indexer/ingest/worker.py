"""A decoding process: bytes in, pieces out, on pipes; it may die of what it is given.

Run as `python -P -m hearsee.indexer.ingest.worker`. A message is the length of a JSON header, the header, and as many
raw bytes as its "sizes" add up to. The first message sets the limits; each one after it is a job. The pieces of a
long item come in several messages, of which all but the last say "more"; only what is asked for is decoded, because
a pipe that nobody reads from is soon full.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.kinds import Piece
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepared
from hearsee.core.modality import Modality

LENGTH = struct.Struct(">I")  # of the header, in bytes
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
NICE = 10  # below the tower, which needs all cores at once: decoding takes what it leaves, and all while it waits
_PARTS = 64  # written by one call; systems take 1,024 at the most


def main() -> None:
    jobs, answers = _own_pipes()
    limits = Limits(**(_receive(jobs) or [{}])[0])
    _confine(limits)
    _send(answers, {"ready": True, "sizes": []})
    while (message := _receive(jobs)) is not None:
        header, raw = message
        if not _answer(header, raw, limits, answers):
            return  # after running out of memory a fresh process is safer


def _answer(header: dict[str, Any], raw: bytes, limits: Limits, answers: BinaryIO) -> bool:
    """Do one job and say how it went; False when this process should not do another."""
    try:
        group, size = list[Piece](), 0
        for piece in prepared(header["preparation"], Modality(header["modality"]), raw, limits, header.get("track")):
            if size >= limits.group_bytes:
                more, arrays = packed(group)
                _send(answers, {**more, "more": True}, arrays)
                group, size = [], 0
            group.append(piece)
            size += np.asarray(piece.data).nbytes
        _send(answers, *packed(group))
    except BadMedia as error:
        _send(answers, {"bad": str(error), "sizes": []})
    except BadInput as error:
        _send(answers, {"failed": str(error), "sizes": []})
    except MemoryError:
        _send(answers, {"memory": True, "sizes": []})
        return False
    return True


def packed(pieces: Sequence[Piece]) -> tuple[dict[str, Any], list[memoryview]]:
    """The header and the raw arrays of an answer; arrays that lie in order are not copied."""
    arrays = [np.ascontiguousarray(piece.data) for piece in pieces]
    spans = [None if piece.span is None else [piece.span.start, piece.span.end, piece.span.unit] for piece in pieces]
    header = {
        "dtypes": [array.dtype.str for array in arrays],
        "shapes": [list(array.shape) for array in arrays],
        "spans": spans,
        "modalities": [piece.modality for piece in pieces],
        "sizes": [array.nbytes for array in arrays],
    }
    return header, [array.reshape(-1).view(np.uint8).data for array in arrays]


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for ourselves: what libraries read or print goes elsewhere."""
    jobs, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return os.fdopen(jobs, "rb"), os.fdopen(answers, "wb", buffering=0)


def _confine(limits: Limits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = limits.worker_bytes if hard == resource.RLIM_INFINITY else min(hard, limits.worker_bytes)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _receive(jobs: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    length = jobs.read(LENGTH.size)
    if len(length) < LENGTH.size:
        return None  # the parent is gone
    header: dict[str, Any] = json.loads(jobs.read(LENGTH.unpack(length)[0]))
    size = sum(header.pop("sizes", ()))
    raw = jobs.read(size)
    return (header, raw) if len(raw) == size else None


def _send(answers: BinaryIO, header: dict[str, Any], parts: Sequence[memoryview] = ()) -> None:
    text = json.dumps(header).encode()
    left = deque([memoryview(LENGTH.pack(len(text)) + text), *parts])
    while left:
        sent = os.writev(answers.fileno(), list(islice(left, _PARTS)))
        while left and len(left[0]) <= sent:
            sent -= len(left.popleft())
        if sent:
            left[0] = left[0][sent:]


if __name__ == "__main__":
    main()
