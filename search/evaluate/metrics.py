"""Recall@k and MRR from ranks, with the interval that another draw of questions would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A share of the questions, or a mean over them, and its bootstrap interval."""

    value: float
    low: float
    high: float
    queries: int

    def as_dict(self) -> dict[str, float | int]:
        return {"value": self.value, "low": self.low, "high": self.high, "queries": self.queries}


def worth(ranks: NDArray[np.int64], k: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """What each question counts: recall@k is 1 with a relevant item among the first k, MRR 1 / first rank."""
    found = ranks > 0
    counts = {f"recall@{n}": (found & (ranks <= n)).astype(np.float64) for n in k}
    return counts | {"mrr": np.where(found, 1.0 / np.maximum(ranks, 1), 0.0)}


def estimates(ranks: NDArray[np.int64], k: Sequence[int], seed: int) -> dict[str, Estimate]:
    """Every metric with a percentile bootstrap interval over the questions: the same seed, the same interval."""
    counts = worth(ranks, k)
    table = np.stack(list(counts.values()), axis=1)  # (queries, metrics)
    rng = np.random.default_rng(seed)
    draws = (rng.integers(len(table), size=len(table)) for _ in range(RESAMPLES))
    means = np.stack([table[draw].mean(axis=0) for draw in draws])  # (resamples, metrics)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail], axis=0)
    return {
        name: Estimate(float(table[:, at].mean()), float(low[at]), float(high[at]), len(table))
        for at, name in enumerate(counts)
    }
