"""At which place the first relevant item comes, for every question, by exact search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors, unit

Labels = NDArray[np.int64]  # (rows,): rows with equal labels are relevant to each other; NONE is relevant to nothing
NONE = -1
BLOCK_SCORES = 2**23  # scores held at once: 32 MiB, whatever the size of the library


@dataclass(frozen=True)
class ItemPoints:
    """The items of one modality, ascending by id, and their points, side by side."""

    items: NDArray[np.int64]  # (items,), ascending ids
    starts: NDArray[np.int64]  # (items,), row of each item's first point
    points: Vectors  # (points, dim), unit rows

    @classmethod
    def of(cls, owners: NDArray[np.int64], points: Vectors) -> ItemPoints:
        """Order points by the item that owns them; an item's points keep their order."""
        if np.any(owners[1:] < owners[:-1]):
            order = np.argsort(owners, kind="stable")
            owners, points = owners[order], points[order]
        items, starts = np.unique(owners, return_index=True)
        return cls(items, starts.astype(np.int64), points)

    def asked(self, rows: NDArray[np.int64]) -> Vectors:
        """The items at these places as they ask: the mean of their unit points, as a query's parts are encoded."""
        if len(self.points) == len(self.items):
            return self.points[rows]
        sums = np.add.reduceat(self.points, self.starts, axis=0)[rows]  # (points, dim) -> (items, dim) -> (rows, dim)
        return unit(sums, "items that ask")


def first_ranks(
    queries: Vectors,
    labels: Labels,
    gallery: ItemPoints,
    item_labels: Labels,
    itself: NDArray[np.int64] | None = None,
    on_block: Callable[[int], None] = lambda _: None,
    block_scores: int = BLOCK_SCORES,
) -> NDArray[np.int64]:
    """1 where the best item is relevant, 2 where the second is the first relevant one, … and 0 where none is.

    An item scores as its best point does; equal scores are ordered by item id, as in a search. `itself` holds the
    place in the gallery of the item that asks, which is left out (NONE: it is not in there).
    """
    ranks = np.zeros(len(queries), np.int64)
    step = max(1, block_scores // max(1, len(gallery.points)))
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        scores = queries[block] @ gallery.points.T  # (queries, dim) · (dim, points) -> (queries, points)
        if len(gallery.points) != len(gallery.items):
            scores = np.maximum.reduceat(scores, gallery.starts, axis=1)  # (queries, items)
        if itself is not None:
            asking = np.flatnonzero(itself[block] != NONE)
            scores[asking, itself[block][asking]] = -np.inf
        ranks[block] = _ranks_in(scores, labels[block], item_labels)
        on_block(len(scores))
    return ranks


def _ranks_in(scores: Vectors, labels: Labels, item_labels: Labels) -> NDArray[np.int64]:
    relevant = (labels[:, None] == item_labels[None, :]) & (labels != NONE)[:, None] & np.isfinite(scores)
    best = np.where(relevant, scores, -np.inf)
    first = best.argmax(axis=1)  # the lowest id among the best, as ties are ordered
    top = best[np.arange(len(scores)), first][:, None]
    before = np.arange(scores.shape[1])[None, :] < first[:, None]
    ahead = (scores > top).sum(axis=1) + ((scores == top) & before).sum(axis=1)
    return np.where(relevant.any(axis=1), ahead + 1, 0)
