"""Steering away where nothing was learned: a negative part is taken out as a direction, with a strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors

# Times a negative part's weight. Chosen on the toybox's validation split: the least at which what is unwanted comes at
# most a fifth as often among the first ten, in pictures as in captions. More of it costs more of what is wanted.
STRENGTH = 1.25


def plainly_without(direction: Vectors, weight: float) -> NDArray[np.float64]:
    """−s·w·n, which is added to a target of length one.

    More than the projection ⟨z, n⟩·n is taken: without it what is unwanted would be neither sought nor shunned, and
    would come as often as by chance.
    """
    return -STRENGTH * weight * direction.astype(np.float64)


def left_over(target: NDArray[np.float64], directions: Sequence[Vectors]) -> float:
    """How much of the target is not in the directions steered away from: 0 where "this, but not this" was asked."""
    span, _ = np.linalg.qr(np.stack(directions).T.astype(np.float64))  # (dim, directions)
    return float(np.linalg.norm(target - span @ (span.T @ target)))
