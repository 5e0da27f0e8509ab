"""Candidates scored exactly: each query has its own."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors
from hearsee.indexer.shards.proposing import Kept, Padded
from hearsee.indexer.shards.scoring import Memory, best


class Refiner:
    """Scores candidates by the kept rows, float32 where they lie and float16 gathered for FAISS to convert."""

    def __init__(self, kept: Kept) -> None:
        self._index, self._dim = kept.index, kept.dim
        self._halves: NDArray[np.float16] | None = None
        if isinstance(kept.index, faiss.IndexScalarQuantizer) and len(kept):
            shape = (len(kept), kept.dim)
            self._halves = np.asarray(Memory(kept.index, int(kept.index.codes.data()), "<f2", shape))
            kind, metric = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            self._one = faiss.IndexFlatIP(self._dim)  # a list without a middle: rows are scored as they are
            self._scoring: Any = faiss.IndexIVFScalarQuantizer(self._one, self._dim, 1, kind, metric)
            self._scoring.by_residual, self._scoring.is_trained = False, True

    def best(self, units: Vectors, rows: NDArray[np.int64], k: int) -> Padded:
        """The k best of each query's candidates, best first; a row of -1 is none."""
        if self._halves is not None:
            return self._best_of_halves(self._halves, units, rows, k)
        scores, pointer = np.empty(rows.shape, np.float32), faiss.swig_ptr
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
            pointer(scores), pointer(units), self._index.get_xb(), pointer(rows), self._dim, *rows.shape
        )
        scores[rows < 0] = -np.inf
        scores, places = best(scores, k)
        return scores, np.take_along_axis(rows, places, axis=1)

    def _best_of_halves(self, halves: NDArray[np.float16], units: Vectors, rows: NDArray[np.int64], k: int) -> Padded:
        queries, width = rows.shape
        scores, found = np.full((queries, k), -np.inf, np.float32), np.full((queries, k), -1, np.int64)
        room = np.empty((width, self._dim), np.float16)
        scorer, pointer = self._scoring.get_InvertedListScanner(False, None, None), faiss.swig_ptr
        gathered, counts = pointer(room.view(np.uint8).ravel()), np.count_nonzero(rows >= 0, axis=1).tolist()
        for query, count in enumerate(counts):
            some = rows[query] if count == width else rows[query][rows[query] >= 0]
            # "clip" never clips here: any other mode copies what it writes once more.
            np.take(halves, some, axis=0, out=room[:count], mode="clip")
            scorer.set_query(pointer(units[query]))
            scorer.scan_codes(count, gathered, pointer(some), pointer(scores[query]), pointer(found[query]), k)
        order = np.argsort(-scores, axis=1, kind="stable")
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(found, order, axis=1)
