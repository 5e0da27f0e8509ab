"""Exact search over rows kept as float16: half the memory, cosines within 1e-4 for rows of 64 dimensions and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors
from hearsee.indexer.shards import Found
from hearsee.indexer.shards.allowed import Allowed, Filter, Rows
from hearsee.indexer.shards.filtering import score_rows
from hearsee.indexer.shards.gathering import best_of_halves
from hearsee.indexer.shards.scoring import best_by_blocks, checked, directed, floats, nothing
from hearsee.indexer.shards.viewing import viewed

Halves = NDArray[np.float16]

FEW_QUERIES = 24  # from here on, converting the rows once for all queries beats FAISS's scan for each
FEW = 0.05  # up to this share of rows, gathering the allowed ones is quicker than passing over the others
BLOCK_ROWS = 16_384


class HalfShard:
    """Exact search over unit rows of float16. Scores are cosines: higher is nearer, best first."""

    def __init__(self, index: faiss.IndexScalarQuantizer, matrix: Halves) -> None:
        self.index = index  # what other kinds refine with; nobody adds to it
        self.matrix = matrix  # (rows, dim), what the index reads

    @classmethod
    def filled(cls, rows: int, dim: int, fill: Callable[[Halves], None]) -> Self:
        """Let `fill` write the rows straight into what the index reads, so that they are never held twice."""
        index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        matrix: Halves = np.empty((0, dim), "<f2")
        if rows:
            index, matrix = viewed(index, (rows, dim), "<f2")
        fill(matrix)
        matrix.flags.writeable = False
        return cls(index, matrix)

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """Keep unit rows; a row that is zero or not a number has no direction and is refused."""

        def fill(matrix: Halves) -> None:
            for start in range(0, len(vectors), BLOCK_ROWS):
                matrix[start : start + BLOCK_ROWS] = directed(vectors[start : start + BLOCK_ROWS], start)

        rows, dim = vectors.shape
        return cls.filled(rows, dim, fill)

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def dim(self) -> int:
        return int(self.index.d)

    @property
    def bytes(self) -> int:
        return int(self.matrix.nbytes)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return floats(self.matrix[rows])

    def alone(self, point: Vectors, k: int, rows: Rows, allowed: Allowed | None) -> Found:
        """The k best of some rows for one query; those of a filter, where one is given."""
        return best_of_halves(self.matrix, point, k, rows, allowed)

    def nearest(self, points: Vectors, k: int, allowed: Filter | None = None) -> Found:
        """The best k of the allowed rows, or all of them where there are fewer."""
        points = checked(points, self.dim)
        given = None if allowed is None else Allowed.of(allowed)
        rows = None if given is None else given.rows(int(FEW * len(self)))
        if rows is not None and len(rows) and len(points) and k > 0:
            return score_rows(self, points, k, rows, given)
        count = len(self) if given is None else given.count
        k = min(k, count)
        if k <= 0 or not len(points):
            return nothing(len(points))
        if len(points) < FEW_QUERIES and 4 * k < count:
            params = faiss.SearchParameters(sel=given.selector) if given is not None else None  # type: ignore[call-arg]
            return Found(*self.index.search(points, k, params=params))
        if given is None:
            return best_by_blocks(points, k, count, lambda a, b: floats(self.matrix[a:b]))
        rows = np.flatnonzero(given.bitmap)
        found = best_by_blocks(points, k, count, lambda start, stop: self.take(rows[start:stop]))
        return Found(found.scores, rows[found.rows])
