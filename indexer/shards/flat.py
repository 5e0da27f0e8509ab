"""Exact search: every allowed row is scored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Found

FEW = 0.1  # below this share of rows, gathering the allowed ones is cheaper than passing over the others
MANY = 8  # from so many queries on, one gathering of the allowed rows pays for a product of matrices
PRODUCT_ELEMENTS = 1 << 24  # gathered rows and scores held at once where all are kept: 64 MiB


class _Memory:
    """An index's rows as numpy sees them; whoever holds such an array keeps the index alive."""

    def __init__(self, index: faiss.IndexFlatIP, shape: tuple[int, int]) -> None:
        self.index = index
        self.__array_interface__ = {
            "version": 3,
            "typestr": "<f4",
            "shape": shape,
            "data": (int(index.get_xb()), False),
        }


class FlatShard:
    """Exact search over unit rows. Scores are cosines: higher is nearer, best first."""

    def __init__(self, index: faiss.IndexFlatIP, matrix: Vectors) -> None:
        self._index = index
        self._matrix = matrix  # (rows, dim), a view of the index's own memory

    @classmethod
    def filled(cls, rows: int, dim: int, fill: Callable[[Vectors], None]) -> Self:
        """Let `fill` write the rows straight into the index's memory, so that they are never held twice."""
        index = faiss.IndexFlatIP(dim)
        index.codes.resize(rows * dim * np.dtype(np.float32).itemsize)
        index.ntotal = rows
        matrix: Vectors = np.empty((0, dim), np.float32)
        if rows:
            matrix = np.asarray(_Memory(index, (rows, dim)))
        fill(matrix)
        matrix.flags.writeable = False
        return cls(index, matrix)

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        def fill(matrix: Vectors) -> None:
            matrix[:] = vectors

        rows, dim = vectors.shape
        return cls.filled(rows, dim, fill)

    def __len__(self) -> int:
        return len(self._matrix)

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return self._matrix[rows]

    def nearest(self, points: Vectors, k: int, allowed: Bitmap | None = None) -> Found:
        """The best k of the allowed rows, or all of them where there are fewer."""
        points = self._checked(points)
        count = len(self) if allowed is None else int(np.count_nonzero(allowed))
        k = min(k, count)
        if k <= 0 or not len(points):
            return Found(np.empty((len(points), 0), np.float32), np.empty((len(points), 0), np.int64))
        few = allowed is not None and count < FEW * len(self)
        # A product of matrices uses every core and the cache better than FAISS's scan, while its scores fit in memory.
        if allowed is None:
            product = len(points) * count <= PRODUCT_ELEMENTS
        else:
            product = len(points) >= MANY and count * (self.dim + len(points)) <= PRODUCT_ELEMENTS
        if 4 * k >= count or few or product:
            return self._score_all(points, k, allowed)
        if allowed is None:
            return Found(*self._index.search(points, k))
        # The bits must outlive the search: the selector points at them.
        bits = np.packbits(allowed, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(self), faiss.swig_ptr(bits))
        params = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        return Found(*self._index.search(points, k, params=params))

    def _score_all(self, points: Vectors, k: int, allowed: Bitmap | None) -> Found:
        rows = None if allowed is None else np.flatnonzero(allowed)
        matrix = self._matrix if rows is None else self._matrix[rows]
        step = max(1, PRODUCT_ELEMENTS // len(matrix))
        blocks = [_best(points[i : i + step] @ matrix.T, k) for i in range(0, len(points), step)]
        scores = np.concatenate([scores for scores, _ in blocks])
        found = np.concatenate([columns for _, columns in blocks])
        return Found(scores, found if rows is None else rows[found])

    def _checked(self, points: Vectors) -> Vectors:
        points = np.ascontiguousarray(points, np.float32)
        if points.ndim != 2 or points.shape[1] != self.dim:
            raise BadInput(f"queries have shape {points.shape}: this library takes (queries, {self.dim})")
        if not np.isfinite(points).all():
            raise BadInput("a query holds a number that is infinite or not a number: nothing is near it")
        return points


def _best(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k highest of each row, in order."""  # (queries, rows) -> (queries, k) twice
    if k < scores.shape[1]:
        columns = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
    else:
        columns = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    chosen = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-chosen, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1), np.take_along_axis(columns, order, axis=1)
