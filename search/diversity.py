"""Hits that differ: maximal marginal relevance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors

POOL = 50  # candidates at least; five for each hit asked for


def diverse(relevance: Sequence[float], likeness: NDArray[np.floating], k: int, diversity: float) -> list[int]:
    """Places of k candidates, chosen one by one: the largest (1 − d)·relevance − d·likeness to those chosen already.

    relevance: best first, any scale: it is stretched to run from 1 to 0. likeness: (candidates, candidates), 1 for the
    same thing, 0 for nothing in common. d = `diversity`: at 0 the order stays, at 1 only difference counts. Equal
    choices go to the earlier candidate.
    """
    count = len(relevance)
    stretched = _stretched(np.asarray(relevance, np.float64))
    near = np.zeros(count)  # likeness to the nearest one chosen
    free = np.ones(count, np.bool_)
    chosen: list[int] = []
    while len(chosen) < min(k, count):
        worth = np.where(free, (1 - diversity) * stretched - diversity * near, -np.inf)
        at = int(worth.argmax()) if chosen else 0
        chosen.append(at)
        free[at] = False
        near = np.maximum(near, likeness[at])
    return chosen


def likeness(points: Vectors, kinds: Sequence[str]) -> NDArray[np.float64]:
    """Cosines of unit rows (candidates, dim), none below 0; things of two kinds are never alike, whatever they show."""
    alike: NDArray[np.float64] = np.clip(points.astype(np.float64) @ points.T, 0.0, 1.0)
    names = np.asarray(kinds)
    alike[names[:, None] != names[None, :]] = 0.0
    return alike


def _stretched(relevance: NDArray[np.float64]) -> NDArray[np.float64]:
    span = relevance.max(initial=-np.inf) - relevance.min(initial=np.inf)
    return (relevance - relevance.min()) / span if span > 0 else np.zeros(len(relevance))
