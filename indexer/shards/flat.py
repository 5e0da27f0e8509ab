"""Exact search: every allowed row is scored."""

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
from hearsee.indexer.shards.scoring import best, best_by_products, checked, directed, nothing
from hearsee.indexer.shards.viewing import viewed

FEW = 0.05  # up to this share of rows, gathering the allowed ones is quicker than passing over the others
SOME = 4  # from so many queries on, a product of matrices beats FAISS's scan for each
FAISS_MULTIPLIES = 128_000  # numbers in a batch of queries from which FAISS multiplies matrices itself
MANY = 8  # from so many queries on, one gathering of the allowed rows pays for a product of matrices
SHORT = 2_000  # numbers that are sorted faster than parted and sorted
BLOCK_ROWS = 16_384
PRODUCT_ELEMENTS = 1 << 24  # gathered rows and scores held at once where all are kept: 64 MiB


class FlatShard:
    """Exact search over unit rows. Scores are cosines: higher is nearer, best first."""

    def __init__(self, index: faiss.IndexFlatIP, matrix: Vectors) -> None:
        self.index = index  # what other kinds refine with; nobody adds to it
        self._matrix = matrix  # (rows, dim), what the index reads

    @classmethod
    def filled(cls, rows: int, dim: int, fill: Callable[[Vectors], None]) -> Self:
        """Let `fill` write the rows straight into what the index reads, so that they are never held twice."""
        index = faiss.IndexFlatIP(dim)
        matrix: Vectors = np.empty((0, dim), "<f4")
        if rows:
            index, matrix = viewed(index, (rows, dim), "<f4")
        fill(matrix)
        matrix.flags.writeable = False
        return cls(index, matrix)

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """Keep unit rows; a row that is zero or not a number has no direction and is refused."""

        def fill(matrix: Vectors) -> None:
            for start in range(0, len(vectors), BLOCK_ROWS):
                matrix[start : start + BLOCK_ROWS] = directed(vectors[start : start + BLOCK_ROWS], start)

        rows, dim = vectors.shape
        return cls.filled(rows, dim, fill)

    def __len__(self) -> int:
        return len(self._matrix)

    @property
    def dim(self) -> int:
        return int(self.index.d)

    @property
    def bytes(self) -> int:
        return int(self._matrix.nbytes)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return self._matrix[rows]

    def alone(self, point: Vectors, k: int, rows: Rows, _: Allowed | None) -> Found:
        """The k best of some rows for one query, scored where they lie."""
        scores, pointer = np.empty(len(rows), np.float32), faiss.swig_ptr
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
            pointer(scores), pointer(point), self.index.get_xb(), pointer(rows), self.dim, 1, len(rows)
        )
        order = np.argsort(-scores, kind="stable")[:k] if len(rows) < SHORT else best(scores[None, :], k)[1][0]
        return Found(scores[order][None, :], rows[order][None, :])

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
        product = len(points) >= MANY and count * (self.dim + len(points)) <= PRODUCT_ELEMENTS
        if 4 * k >= count or (product and given is not None):
            return self._score_all(points, k, given)
        if given is None:
            # FAISS scans once for each query, on one core; from so many on it multiplies matrices too, and as fast.
            scans = len(points) < SOME and (faiss.omp_get_max_threads() == 1 or count > PRODUCT_ELEMENTS)
            if scans or points.size >= FAISS_MULTIPLIES:
                return Found(*self.index.search(points, k))
            return self._score_all(points, k, None) if len(points) < SOME else best_by_products(points, k, self._matrix)
        params = faiss.SearchParameters(sel=given.selector)  # type: ignore[call-arg]
        return Found(*self.index.search(points, k, params=params))

    def _score_all(self, points: Vectors, k: int, allowed: Allowed | None) -> Found:
        rows = None if allowed is None else np.flatnonzero(allowed.bitmap)
        matrix = self._matrix if rows is None else self._matrix[rows]
        step = max(1, PRODUCT_ELEMENTS // len(matrix))
        blocks = [best(points[i : i + step] @ matrix.T, k) for i in range(0, len(points), step)]
        scores = np.concatenate([scores for scores, _ in blocks])
        found = np.concatenate([columns for _, columns in blocks])
        return Found(scores, found if rows is None else rows[found])
