"""From evidence to a chance: monotone curves as knots, fitted by Platt's logistic or by isotonic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hearsee.search.calibration.evidence import Numbers

Truth = NDArray[np.bool_]  # (hits,): relevant or not
KNOTS = 65  # of a curve that is a formula
BIN_HITS = 25  # averaged before the isotonic fit: one lucky hit makes no chance of 1
MOST_BINS = 200
RIDGE = 1e-4  # keeps the weights of a perfect separation finite
STEPS = 50
CLIP = 1e-6  # no chance is 0 or 1


@dataclass(frozen=True)
class Curve:
    """Straight between its knots and flat beyond them; chances never fall as evidence rises."""

    knots: tuple[float, ...]  # evidence, ascending
    chances: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in pairwise(self.knots)) and all(a <= b for a, b in pairwise(self.chances))
        bounded = all(0 <= chance <= 1 for chance in self.chances) and all(abs(knot) < np.inf for knot in self.knots)
        if not (rising and bounded and len(self.knots) == len(self.chances) > 0):
            raise ValueError("the knots of a curve must rise, and so must its chances, from 0 to 1")

    def __call__(self, evidence: Numbers) -> Numbers:
        return np.interp(evidence, self.knots, self.chances)


def platt(evidence: Numbers, truth: Truth) -> Curve:
    """The logistic curve of greatest likelihood that does not fall."""
    weights = logistic(evidence[:, None], truth)
    slope, offset = max(0.0, float(weights[0])), float(weights[1])
    if slope == 0:
        offset = _logit(truth.mean())
    low, high = _ends(evidence)
    knots = np.linspace(low, high, KNOTS)
    return _curve(knots, _sigmoid(slope * knots + offset))


def isotonic(evidence: Numbers, truth: Truth) -> Curve:
    """The best rising steps (pool adjacent violators over bins of equal size), joined by straight lines."""
    order = np.argsort(evidence, kind="stable")
    count = int(np.clip(len(order) // BIN_HITS, 1, MOST_BINS))
    bins = np.array_split(order, count)
    centres = np.array([evidence[one].mean() for one in bins])
    sums = np.array([truth[one].sum() for one in bins], np.float64)
    counts = np.array([len(one) for one in bins], np.float64)
    heights = pool((sums + 0.5) / (counts + 1), counts)  # half a hit each way: no bin is certain
    return _curve(centres, heights)


def pool(values: Sequence[float] | Numbers, weights: Sequence[float] | Numbers) -> Numbers:
    """Pool adjacent violators: the non-decreasing values nearest to these in weighted squares."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many values
    for value, weight in zip(values, weights, strict=True):
        mean, mass, size = float(value), float(weight), 1
        while blocks and blocks[-1][0] >= mean:
            before, its_mass, its_size = blocks.pop()
            mean = (before * its_mass + mean * mass) / (its_mass + mass)
            mass, size = mass + its_mass, size + its_size
        blocks.append((mean, mass, size))
    return np.repeat([mean for mean, _, _ in blocks], [size for _, _, size in blocks])


def logistic(features: Numbers, truth: Truth) -> Numbers:
    """Weights and, last, the offset of a logistic regression, by Newton's steps on scaled features."""
    centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    rows = np.column_stack([(features - centre) / scale, np.ones(len(features))])
    weights = np.zeros(rows.shape[1])
    penalty = np.diag([RIDGE * len(rows)] * features.shape[1] + [1e-9])
    for _ in range(STEPS):
        chances = _sigmoid(rows @ weights)
        slope = rows.T @ (chances - truth) + penalty @ weights
        bend = (rows * (chances * (1 - chances))[:, None]).T @ rows + penalty
        step = np.linalg.solve(bend, slope)
        weights -= np.clip(step, -3, 3)
        if np.abs(step).max() < 1e-8:
            break
    raw = weights[:-1] / scale
    return np.append(raw, weights[-1] - raw @ centre)


def _curve(knots: Numbers, chances: Numbers) -> Curve:
    """Knots that coincide are one; the chance of the last of them counts."""
    chances = np.maximum.accumulate(np.clip(chances, CLIP, 1 - CLIP))
    last = np.append(np.diff(knots) > 0, True)
    return Curve(tuple(knots[last].tolist()), tuple(chances[last].tolist()))


def _ends(evidence: Numbers) -> tuple[float, float]:
    low, high = float(evidence.min()), float(evidence.max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _sigmoid(values: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))


def _logit(chance: float) -> float:
    chance = float(np.clip(chance, CLIP, 1 - CLIP))
    return float(np.log(chance / (1 - chance)))
