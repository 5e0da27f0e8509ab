"""Late fusion: each part is answered by itself, and the ranked lists are merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.search.fusion.blend import EncodedPart, fuse_by
from hearsee.search.fusion.mean import MeanFusion

DAMPING = 60.0  # of reciprocal ranks, as in the paper that proposed them: the first places differ little
DEPTH = 100  # places of each list that take part

Scores: TypeAlias = NDArray[np.floating]
Merge: TypeAlias = Callable[[Scores, NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class LateFusion:
    """Says that lists are to be merged; what has to be one vector (a score, a share of it) is of the weighted mean."""

    def contributions(
        self, vectors: Vectors, modalities: Sequence[Modality], weights: NDArray[np.float64], wanted: Modality
    ) -> NDArray[np.floating]:
        return MeanFusion().contributions(vectors, modalities, weights, wanted)

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return fuse_by(self, parts, wanted)


def reciprocal_ranks(scores: Scores, weights: NDArray[np.float64], depth: int = DEPTH) -> NDArray[np.float64]:
    """(queries, parts, items) scores, (parts,) weights -> (queries, items): Σ weight / (60 + rank) within the depth."""
    depth = min(depth, scores.shape[2])
    first = np.argpartition(-scores, depth - 1, axis=2)[..., :depth]
    order = np.argsort(-np.take_along_axis(scores, first, axis=2), axis=2, kind="stable")
    earned = np.zeros(scores.shape)
    np.put_along_axis(earned, np.take_along_axis(first, order, axis=2), 1 / (DAMPING + 1 + np.arange(depth)), axis=2)
    merged: NDArray[np.float64] = np.einsum("p,qpi->qi", weights, earned)
    return merged


def standard_scores(scores: Scores, weights: NDArray[np.float64], depth: int = DEPTH) -> NDArray[np.float64]:
    """(queries, parts, items), (parts,) -> (queries, items): each list's first scores scaled to 0..1, then summed."""
    depth = min(depth, scores.shape[2])
    floor = -np.partition(-scores, depth - 1, axis=2)[..., depth - 1 : depth]  # (queries, parts, 1)
    spread = np.maximum(scores.max(axis=2, keepdims=True) - floor, 1e-9)
    merged: NDArray[np.float64] = np.einsum("p,qpi->qi", weights, np.clip((scores - floor) / spread, 0, 1))
    return merged


def merged_places(
    lists: Sequence[Sequence[tuple[float, int, int]]], weights: Sequence[float], k: int
) -> list[tuple[float, int, int]]:
    """Ranked places (score, item id, point id) of each part as one list by reciprocal rank, ties by item id.

    An item's score is what it earned, out of what it would have earned by being first in every list: 0 to 1.
    """
    earned: dict[int, float] = {}
    shown: dict[int, tuple[float, int]] = {}
    for places, weight in zip(lists, weights, strict=True):
        for rank, (score, item, point) in enumerate(places, 1):
            earned[item] = earned.get(item, 0.0) + weight / (DAMPING + rank)
            if item not in shown or score > shown[item][0]:
                shown[item] = (score, point)
    most = sum(weights) / (DAMPING + 1)
    best = sorted(earned, key=lambda item: (-earned[item], item))[:k]
    return [(earned[item] / most, item, shown[item][1]) for item in best]
