"""How far a hit stands out: its cosine, and its margin over what the library answers to this very query anyway."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.gallery import Source
from hearsee.indexer.snapshot import Snapshot

BACKGROUND_NUMBERS = 1 << 19  # of the points that stand for all: 4,096 of 128 dimensions, 2 MiB to read for a product
LEAST_SPREAD = 1e-3  # of cosines: what lies closer together is rounding

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Background:
    """Points of one modality, spread evenly over the library: the same snapshot gives the same ones."""

    rows: Vectors  # (rows, dim), unit
    items: NDArray[np.int64]  # (rows,), ids of the items that they are of

    def level(self, targets: Vectors) -> tuple[Numbers, Numbers]:
        """Mean and spread of each target's cosines with the background, (queries,) each."""
        cosines = targets @ self.rows.T  # (queries, dim) · (dim, rows) -> (queries, rows)
        return cosines.mean(axis=1, dtype=np.float64), np.maximum(cosines.std(axis=1, dtype=np.float64), LEAST_SPREAD)

    def look(self, target: Vectors, left_out: Collection[int]) -> tuple[float, float, int | None]:
        """One target's level, and the place of the nearest of these; none where all are left out."""
        cosines = self.rows @ target
        mean, spread = float(cosines.mean(dtype=np.float64)), float(cosines.std(dtype=np.float64))
        for item in left_out:
            cosines[self.items == item] = -np.inf
        best = int(cosines.argmax())
        return mean, max(spread, LEAST_SPREAD), best if cosines[best] > -np.inf else None


@dataclass(frozen=True)
class Evidence:
    """cosine · s + margin · (s − mean) / spread: for one query it rises with the cosine s, whatever the weights."""

    cosine: float
    margin: float

    def __post_init__(self) -> None:
        if not (self.cosine >= 0 and self.margin >= 0 and 0 < self.cosine + self.margin < np.inf):
            raise ValueError(f"weights of evidence are {self.cosine} and {self.margin}: not below 0, not both 0")

    def line(self, mean: float, spread: float) -> tuple[float, float]:
        """Slope and offset of evidence over cosine, for a query of this level."""
        return self.cosine + self.margin / spread, -self.margin * mean / spread

    def of(self, scores: Numbers, means: Numbers, spreads: Numbers) -> Numbers:
        return self.cosine * scores + self.margin * (scores - means) / spreads


def background(snapshot: Snapshot, modality: Modality, most: int | None = None) -> Background | None:
    """At most so many live points of a modality; none where it has no items."""
    gallery = snapshot.parts.get(modality)
    if gallery is None or not gallery.points:
        return None
    most = min(most or max(1, BACKGROUND_NUMBERS // gallery.dim), gallery.points)
    chosen = np.unique(np.linspace(0, gallery.points - 1, most).astype(np.int64))
    taken, items, before = [], [], 0
    for source in gallery.sources:
        mine = chosen[(chosen >= before) & (chosen < before + source.live)] - before
        taken.append(_live_rows(source)(mine))
        items.append(source.live_items[mine])
        before += source.live
    return Background(np.concatenate(taken), np.concatenate(items))


def _live_rows(source: Source) -> Callable[[NDArray[np.int64]], Vectors]:
    if source.alive is None:
        return source.shard.take
    live = np.flatnonzero(source.alive)
    return lambda rows: source.shard.take(live[rows])
