"""Whether chances come true: hits in bins of chance, and the mean gap between what was said and what was so."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hearsee.search.calibration.curves import Truth
from hearsee.search.calibration.evidence import Numbers

BINS = 10


@dataclass(frozen=True)
class Bin:
    low: float
    high: float
    hits: int
    said: float  # mean chance
    true: float  # share that was relevant

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def reliability(chances: Numbers, truth: Truth, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of equal width; those that hold no hit are left out."""
    place = np.minimum((chances * bins).astype(np.int64), bins - 1)
    rows = []
    for number in range(bins):
        inside = place == number
        if inside.any():
            said, true = float(chances[inside].mean()), float(truth[inside].mean())
            rows.append(Bin(number / bins, (number + 1) / bins, int(inside.sum()), said, true))
    return tuple(rows)


def calibration_error(chances: Numbers, truth: Truth, bins: int = BINS) -> float:
    """Expected calibration error: |said − true| of each bin, weighed by its hits."""
    rows = reliability(chances, truth, bins)
    hits = sum(row.hits for row in rows)
    return sum(row.hits * abs(row.said - row.true) for row in rows) / hits if hits else 0.0


def log_loss(chances: Numbers, truth: Truth) -> float:
    """Mean surprise in nats: lower tells relevant from irrelevant better."""
    return float(-np.log(np.where(truth, chances, 1 - chances)).mean())
