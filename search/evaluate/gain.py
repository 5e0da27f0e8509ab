"""Normalised discounted cumulative gain: how much of what is worth finding stands how high."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def ndcg(order: Sequence[int], gains: Mapping[int, float], k: int) -> float:
    """Σ gain / log2(1 + rank) over the first k, as a share of the best order's; 0 where nothing is worth finding.

    order: item ids, best first. gains: what each relevant item is worth, above 0.
    """
    found = [gains.get(item, 0.0) for item in order[:k]]
    best = sorted(gains.values(), reverse=True)[:k]
    whole = _discounted(best)
    return _discounted(found) / whole if whole > 0 else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return float(np.sum(np.asarray(gains) / np.log2(np.arange(2, len(gains) + 2))))
