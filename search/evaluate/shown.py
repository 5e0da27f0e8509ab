"""What can be told from the vectors of a modality: a sound has no colour, and no space knows who took a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap, Vectors

FOLDS = 5
RIDGE = 0.1  # of the mean square of a dimension
TOLD = 0.1  # share of what a guess gets wrong, that must be got right
SURE = 3.0  # standard errors: many keys are tried


def shown_by(rows: Vectors, values: NDArray[np.int64]) -> Bitmap:
    """For each column of values, whether held-out things are told by their vectors far better than by a guess: (keys,).

    Told by a straight rule, as a search could: least squares from vectors to values, in folds.
    """
    fold = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    return np.array([_shown(rows.astype(np.float64), column, fold) for column in values.T], np.bool_)


def _shown(rows: NDArray[np.float64], values: NDArray[np.int64], fold: NDArray[np.int64]) -> bool:
    right, guessed = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    for number in range(FOLDS):
        inside, known = fold == number, fold != number
        if not (inside.any() and known.any()):
            return False
        told = _classes(rows[known], values[known], rows[inside])
        right[inside] = told == values[inside]
        names, counts = np.unique(values[known], return_counts=True)
        guessed[inside] = names[counts.argmax()] == values[inside]
    gain = right.astype(np.float64) - guessed
    least = max(TOLD * float(1 - guessed.mean()), SURE * float(gain.std()) / len(gain) ** 0.5)
    return bool(gain.mean() > least)


def _classes(rows: NDArray[np.float64], values: NDArray[np.int64], asked: NDArray[np.float64]) -> NDArray[np.int64]:
    """The value of each row asked about: least squares onto one column for each value."""
    centre = rows.mean(axis=0)
    names, place = np.unique(values, return_inverse=True)
    wanted = np.eye(len(names))[place.reshape(-1)]
    middle = wanted.mean(axis=0)
    near = rows - centre
    square = near.T @ near
    ridge = RIDGE * np.trace(square) / len(square) + 1e-9
    weights = np.linalg.solve(square + ridge * np.eye(len(square)), near.T @ (wanted - middle))
    found: NDArray[np.int64] = names[((asked - centre) @ weights + middle).argmax(axis=1)]
    return found
