"""Search among the rows that a filter allows: all of them scored where they are few, a wider search where many."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Found, Shard
from hearsee.indexer.shards.allowed import Allowed, Rows
from hearsee.indexer.shards.scoring import best

GATHERED = 1 << 22  # numbers gathered at once: 16 MiB of float32
SPARE = 4  # rows asked for each row wanted: a filter may have emptied the places that were searched
ALIKE = 0.8  # a filter is taken for one at random where it allows at least this much of its share around a query
WIDER, FALL = 1.4, 0.2  # of rows allowed at random, the share s, WIDER · s^-FALL times the breadth finds as much
SHARED = 0.35  # of what a row costs one query, what it costs each further one: for a product it is made float32
TRIED, TURNS = 1_000, 5  # rows gathered, and turns, to measure what is quicker
LEAST, MOST = 0.002, 0.1  # of all rows: between these a measurement may choose


def score_rows(kept: Shard, points: Vectors, k: int, rows: Rows, allowed: Allowed | None = None) -> Found:
    """The k best of some rows: they are gathered once, whoever asks; for one query as the shard itself knows best.

    `allowed` is the filter that they are all the rows of, if they are.
    """
    if len(points) == 1 and (alone := getattr(kept, "alone", None)) is not None:
        found: Found = alone(points, min(k, len(rows)), rows, allowed)
        return found
    k, step = min(k, len(rows)), max(1, GATHERED // max(1, kept.dim, len(points)))
    if len(rows) <= step:
        scores, places = best(points @ kept.take(rows).T, k)
        return Found(scores, rows[places])
    blocks = [best(points @ kept.take(rows[i : i + step]).T, min(k, len(rows) - i)) for i in range(0, len(rows), step)]
    starts = range(0, len(rows), step)
    scores = np.concatenate([found for found, _ in blocks], axis=1)
    at = np.concatenate([places + start for (_, places), start in zip(blocks, starts, strict=True)], axis=1)
    scores, places = best(scores, k)
    return Found(scores, rows[np.take_along_axis(at, places, axis=1)])


def few(queries: int, worth: int, rows: int) -> int:
    """So many allowed rows are scored faster than searched for: `worth` are for one query, more for several."""
    return min(rows, ceil(worth * queries / (1 + SHARED * (queries - 1))))


def worth(kept: Shard, seek: Callable[[], object], dim: int) -> int:
    """How many rows are gathered and scored while one query is sought: measured, in turns, the best of each."""
    size = min(TRIED, len(kept))
    rows = np.sort(np.random.default_rng(0).choice(len(kept), size, replace=False))
    query = np.full((1, dim), dim**-0.5, np.float32)
    times = [(_seconds(seek), _seconds(lambda: score_rows(kept, query, 10, rows))) for _ in range(TURNS)]
    sought, gathered = min(time for time, _ in times), min(time for _, time in times)
    return round(min(max(size * sought / gathered, LEAST * len(kept)), MOST * len(kept)))


def _seconds(do: Callable[[], object]) -> float:
    begun = perf_counter()
    do()
    return perf_counter() - begun


def wider(breadth: int, share: float) -> int:
    """The breadth that finds as much among rows allowed at random, a share of all, as this does among all."""
    return ceil(breadth * WIDER / float(share**FALL))


class Neighbourhoods:
    """The rows of each list, one after the other, to see how a filter treats those that a query would look at."""

    def __init__(self, member: NDArray[np.int32], lists: int) -> None:
        self._member, self._lists = member, lists
        self._rows = np.argsort(member, kind="stable").astype(np.int32)
        self._ends = np.concatenate([[0], np.cumsum(np.bincount(member, minlength=lists))])

    def shares(self, allowed: Bitmap, nearest: NDArray[np.int64]) -> NDArray[np.float64]:
        """Which share of the rows in its nearest lists, (queries, lists), a filter allows to each query."""
        sizes = np.diff(self._ends)[nearest].sum(axis=1)
        if sizes.sum() < len(allowed):
            counts = np.array([self._allowed(allowed, lists) for lists in nearest])
        else:  # counted once for all queries
            counts = np.bincount(self._member[allowed], minlength=self._lists)[nearest].sum(axis=1)
        shares: NDArray[np.float64] = counts / np.maximum(1, sizes)
        return shares

    def holding(self, allowed: Bitmap, count: int) -> Bitmap:
        """Which lists hold any of so many allowed rows."""
        if 6 * count > len(allowed):
            return np.ones(self._lists, np.bool_)  # counting would take longer than looking through the others
        found: Bitmap = np.bincount(self._member[allowed], minlength=self._lists) > 0
        return found

    def _allowed(self, allowed: Bitmap, lists: NDArray[np.int64]) -> int:
        bounds = zip(self._ends[lists].tolist(), self._ends[lists + 1].tolist(), strict=True)
        return int(np.count_nonzero(allowed[np.concatenate([self._rows[start:stop] for start, stop in bounds])]))
