"""Recall between modalities, where every item that shows the same shared attributes is a right answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.toybox.scene import HEARD, SEEN, Scene

# What the two sides of a direction share: a sound has no colour.
SHARED: dict[str, tuple[str, ...]] = {
    "text->image": SEEN,
    "image->text": SEEN,
    "text->audio": HEARD,
    "audio->text": HEARD,
    "image->audio": HEARD,
    "audio->image": HEARD,
}
CUTS = (1, 5, 10)
RESAMPLES = 1000


@dataclass(frozen=True)
class Figure:
    """A mean over queries with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    queries: int


def measure(vectors: Mapping[str, NDArray[np.floating]], scenes: Sequence[Scene]) -> dict[str, dict[str, Figure]]:
    """Recall@1, @5 and @10 in each direction; row i of every modality shows scene i."""
    rows = {str(modality): unit(vectors[modality]) for modality in Modality}
    figures = {}
    for direction, shared in SHARED.items():
        asking, answering = direction.split("->")
        ranks = first_ranks(rows[asking], rows[answering], alike(scenes, shared))
        figures[direction] = {f"recall@{cut}": _figure(ranks <= cut) for cut in CUTS}
    return figures


def alike(scenes: Sequence[Scene], shared: Sequence[str]) -> NDArray[np.bool_]:
    """Which scenes agree in all shared attributes: (scenes, scenes)."""
    kinds: dict[tuple[object, ...], int] = {}
    keys = [tuple(getattr(scene, name) for name in shared) for scene in scenes]
    numbers = np.array([kinds.setdefault(key, len(kinds)) for key in keys])
    same: NDArray[np.bool_] = numbers[:, None] == numbers[None, :]
    return same


def first_ranks(asking: Vectors, answering: Vectors, right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The rank, from 1, of each query's first right answer; wrong answers with an equal score go first."""
    cosines = asking @ answering.T  # (queries, answers)
    best = np.where(right, cosines, -np.inf).max(axis=1, keepdims=True)
    ranks: NDArray[np.int64] = 1 + (~right & (cosines >= best)).sum(axis=1)
    return ranks


def first_precision(asking: Vectors, answering: Vectors, right: NDArray[np.bool_], first: int = 10) -> Figure:
    """The share of right answers among the first ten, or among as many as there are; queries with none are left out."""
    cosines = unit(asking) @ unit(answering).T
    there = right.any(axis=1)
    order = np.argsort(-cosines[there], axis=1, kind="stable")[:, :first]
    hits = np.take_along_axis(right[there], order, axis=1)
    room = np.minimum(right[there].sum(axis=1), first)  # (queries,)
    shares = (hits & (np.arange(hits.shape[1]) < room[:, None])).sum(axis=1) / room
    rng = np.random.default_rng(0)
    means = shares[rng.integers(len(shares), size=(RESAMPLES, len(shares)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Figure(float(shares.mean()), float(low), float(high), len(shares))


def _figure(hits: NDArray[np.bool_]) -> Figure:
    rng = np.random.default_rng(0)
    # A mean of n yes-or-no answers resampled with replacement is a binomial draw.
    means = rng.binomial(len(hits), hits.mean(), RESAMPLES) / len(hits)
    low, high = np.percentile(means, [2.5, 97.5])
    return Figure(float(hits.mean()), float(low), float(high), len(hits))
