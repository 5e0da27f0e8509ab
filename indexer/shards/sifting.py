"""Filters that forbid what is near to a query: all allowed rows are sketched, and scored from the most promising on.

How far sketches err was measured when the shard was proved. Rows are scored exactly until the least sketch among them
lies so far below the k-th best score that hardly any row below it could belong there; where even thousands of scored
rows do not tell, the answer is left to exact search.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Found, Shard
from hearsee.indexer.shards.allowed import Allowed, Filter
from hearsee.indexer.shards.codebook import lists_of, turned
from hearsee.indexer.shards.filtering import Neighbourhoods, score_rows
from hearsee.indexer.shards.scoring import best

STEPS = (256, 768)  # rows scored before the question is put whether that is enough
COMPARED = 32  # of the best: how far their scores lie from their sketches, on average
LEAST = 0.04  # of all rows: fewer that are allowed are scored faster than sketched
AT_ONCE = 8  # queries sifted one by one; more are answered faster by products of matrices
ROWS, ASKING = 1_000, 16  # to measure how far sketches err


class Kept(Shard, Protocol):
    @property
    def index(self) -> Any: ...


@dataclass(frozen=True, eq=False)
class Sieve:
    """The lists of a shard, and how far their sketches may err; any number of threads may use it."""

    kept: Kept
    index: Any
    around: Neighbourhoods

    def among(self, points: Vectors, k: int, allowed: Filter, doubt: float) -> Found:
        """The k best of the allowed rows, as exact search finds them but for a share that the proof allows."""
        given = Allowed.of(allowed)
        count = given.count
        fits = 4 * k <= STEPS[0] and count >= max(LEAST * len(self.kept), STEPS[0])
        if not (doubt and fits and len(points) <= AT_ONCE):
            return self.kept.nearest(points, k, given)
        holding = self.around.holding(given.bitmap, count)
        scores, rows = np.empty((len(points), k), np.float32), np.empty((len(points), k), np.int64)
        for place in range(len(points)):
            point = points[place : place + 1]
            found = self._sifted(point, k, min(count, STEPS[-1]), given, holding, doubt)
            found = self.kept.nearest(point, k, given) if found is None else found
            scores[place], rows[place] = found.scores[0], found.rows[0]
        return Found(scores, rows)

    def _sifted(
        self, point: Vectors, k: int, depth: int, allowed: Allowed, holding: Bitmap, doubt: float
    ) -> Found | None:
        length = float(np.linalg.norm(point))
        if not length:
            return None
        sketches, order = self.sketched(point / np.float32(length), depth, allowed, holding)
        found = Found(np.empty((1, 0), np.float32), np.empty((1, 0), np.int64))
        start = 0
        for stop in STEPS:
            stop = min(stop, len(order))
            found = _better(found, score_rows(self.kept, point, max(k, COMPARED), order[start:stop]), max(k, COMPARED))
            start = stop
            sketch = sketches[(order[:stop] == found.rows[0][:, None]).argmax(axis=1)]
            above = float((found.scores[0] / length - sketch).mean()) + doubt
            if found.scores[0, k - 1] / length >= sketches[stop - 1] + above:
                return Found(found.scores[:, :k], found.rows[:, :k])
        return None

    def sketched(
        self, unit: Vectors, depth: int, allowed: Allowed, holding: Bitmap
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best sketches of the allowed rows in the lists that hold any, and their rows, best first."""
        ivf, looked = lists_of(self.index), turned(self.index, unit)
        held = np.flatnonzero(holding)
        adds = (looked @ self._tells)[:, held]  # (1, lists)
        order = np.argsort(-adds[0])  # what comes first raises the bar for the rest
        adds, lists = np.ascontiguousarray(adds[:, order]), held[order][None, :]
        told = faiss.SearchParametersIVF(nprobe=len(held), sel=allowed.selector)  # type: ignore[call-arg]
        scores, rows = np.empty((1, depth), np.float32), np.empty((1, depth), np.int64)
        pointers = [faiss.swig_ptr(one) for one in (lists, adds, scores, rows)]
        ivf.search_preassigned_c(1, faiss.swig_ptr(looked), depth, *pointers, False, told, None)
        found = int(np.count_nonzero(rows >= 0))
        return scores[0, :found], rows[0, :found]

    @cached_property
    def _tells(self) -> Vectors:
        """What each list adds to a query's score of any of its rows, as a product."""  # (directions, lists)
        ivf = lists_of(self.index)
        quantizer: Any = faiss.downcast_index(ivf.quantizer)
        tells = faiss.downcast_index(quantizer.refine_index)
        return np.ascontiguousarray(tells.reconstruct_n(0, int(ivf.nlist)).T)

    def doubt(self, queries: Vectors, target: float) -> float:
        """How far above its sketch, beyond the average, a score lies in half of the share that a target lets miss."""
        if target == 1 or not len(self.kept):
            return 0.0
        rows = np.random.default_rng(0).choice(len(self.kept), min(ROWS, len(self.kept)), replace=False)
        allowed = Allowed.only(np.sort(rows), len(self.kept))
        everywhere = np.ones(int(lists_of(self.index).nlist), np.bool_)
        spreads = []
        for query in queries[:ASKING]:
            sketches, order = self.sketched(query[None, :], len(rows), allowed, everywhere)
            spreads.append(np.var(self.kept.take(order) @ query - sketches))
        return float(np.sqrt(np.mean(spreads))) * NormalDist().inv_cdf((1 + target) / 2)


def _better(one: Found, other: Found, k: int) -> Found:
    scores, rows = np.concatenate([one.scores, other.scores], axis=1), np.concatenate([one.rows, other.rows], axis=1)
    scores, places = best(scores, min(k, rows.shape[1]))
    return Found(scores, np.take_along_axis(rows, places, axis=1))
