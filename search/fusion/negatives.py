"""Steering away: a negative part is taken out of the target as a direction, with a strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors


def steer(
    added: NDArray[np.float64], places: Sequence[int], directions: Sequence[Vectors], strengths: Sequence[float]
) -> None:
    """z − Σ s·n in place, on what each part adds (parts, dim), whose sum z has length one.

    More than the projection ⟨z, n⟩·n is taken: without it what is unwanted would be neither sought nor shunned, and
    would come as often as by chance.
    """
    for place, direction, strength in zip(places, directions, strengths, strict=True):
        added[place] = -strength * direction.astype(np.float64)
