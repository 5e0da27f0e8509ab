"""Rows of float16 copied next to each other, where FAISS scores them as they are: converting them takes longer."""

from __future__ import annotations

import threading
from typing import Self

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors
from hearsee.indexer.shards import Found
from hearsee.indexer.shards.allowed import Allowed, Rows
from hearsee.indexer.shards.scoring import Memory, best

Halves = NDArray[np.float16]
ROOM = 1 << 20  # numbers held by each thread that asks: 2 MiB, which stay near the processor


class Room:
    """A small index with room for some rows: a thread's, overwritten by the next question, or a filter's own."""

    def __init__(self, dim: int, rows: int) -> None:
        self.rows = rows
        self.index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self.index.codes.resize(self.rows * dim * np.dtype(np.float16).itemsize)
        self.matrix: Halves = np.asarray(Memory(self.index, int(self.index.codes.data()), "<f2", (self.rows, dim)))
        self.search = getattr(self.index, "search_c")  # noqa: B009 FAISS's own, without numpy's checks of what is known

    @classmethod
    def of(cls, matrix: Halves, rows: Rows) -> Self:
        """With these rows of a matrix in it."""
        room = cls(matrix.shape[1], len(rows))
        room.fill(matrix, rows)
        return room

    def fill(self, matrix: Halves, rows: Rows) -> None:
        # "clip" never clips here: any other mode copies what it writes once more.
        np.take(matrix, rows, axis=0, out=self.matrix[: len(rows)], mode="clip")
        self.index.ntotal = len(rows)

    def best(self, points: Vectors, k: int, rows: Rows) -> Found:
        """The k best of the rows that lie in it, by these numbers of theirs."""
        k = min(k, len(rows))
        scores, places = np.empty((len(points), k), np.float32), np.empty((len(points), k), np.int64)
        pointer = faiss.swig_ptr
        self.search(len(points), pointer(points), k, pointer(scores), pointer(places))
        return Found(scores, rows[places])


class _Rooms(threading.local):
    def __init__(self) -> None:
        self.by_dim: dict[int, Room] = {}


_rooms = _Rooms()


def best_of_halves(matrix: Halves, points: Vectors, k: int, rows: Rows, allowed: Allowed | None = None) -> Found:
    """The k best of some of a matrix's rows; those of a filter that is asked again lie gathered already."""
    dim = matrix.shape[1]
    most = max(1, ROOM // max(1, dim))
    if len(rows) <= most and allowed is not None and (own := allowed.gathered(matrix, Room.of)) is not None:
        return own.best(points, k, rows)
    room = _rooms.by_dim.get(dim) or _rooms.by_dim.setdefault(dim, Room(dim, most))
    if len(rows) <= room.rows:
        return _best_of(room, matrix, points, k, rows)
    parts = [_best_of(room, matrix, points, k, rows[at : at + room.rows]) for at in range(0, len(rows), room.rows)]
    scores, places = best(np.concatenate([part.scores for part in parts], axis=1), min(k, len(rows)))
    return Found(scores, np.take_along_axis(np.concatenate([part.rows for part in parts], axis=1), places, axis=1))


def _best_of(room: Room, matrix: Halves, points: Vectors, k: int, rows: Rows) -> Found:
    room.fill(matrix, rows)
    return room.best(points, k, rows)
