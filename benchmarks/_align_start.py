"""Where the heads of `align.py` start: the answer of ridge regression, found at once from all training pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks._align_vectors import Floats
from benchmarks._align_words import unit_rows
from hearsee.core.head import Head
from hearsee.indexer.align.data import Table


@dataclass(frozen=True)
class Ridge:
    dim: int  # of the shared space
    ridge: float
    shrink: float  # share of the mean strength that every direction is given
    power: float  # 0: directions keep their strength; 0.5: all are as strong


@dataclass(frozen=True)
class Anchors:
    """Names whose place among the vectors is known from the encoder itself, centred; they count so much each."""

    asking: Floats
    answering: Floats
    weight: float


def ridge_heads(table: Table, asking: str, answering: str, ridge: Ridge, anchors: Anchors | None) -> dict[str, Head]:
    """The answering rows are turned to their main directions; the asking ones are mapped there by regression.

    A group with several rows speaks by their mean.
    """
    groups = np.unique(table.groups[answering])
    asked, shown = (unit_rows(table.vectors[name].astype(np.float32)) for name in (asking, answering))
    told, seen = asked.mean(axis=0), shown.mean(axis=0)
    turn = _main_directions(shown - seen, ridge)
    goals = unit_rows(_means(shown - seen, table.groups[answering], groups) @ turn)
    rows = _means(asked - told, table.groups[asking], groups)
    if anchors is not None:
        rows = np.concatenate([rows, anchors.weight * anchors.asking])
        goals = np.concatenate([goals, anchors.weight * unit_rows(anchors.answering @ turn)])
    inner = rows @ rows.T + ridge.ridge * np.eye(len(rows), dtype=np.float32)  # groups squared: there are few
    matrix = (rows.T @ np.linalg.solve(inner, goals)).astype(np.float32)
    nothing = np.zeros(turn.shape[1], np.float32)
    return {
        asking: Head(matrix, {"centre": told, "bias": nothing}),
        answering: Head(turn, {"centre": seen, "bias": nothing}),
    }


def _means(rows: Floats, of: NDArray[np.int64], groups: NDArray[np.int64]) -> Floats:
    place = np.searchsorted(groups, of)
    sums = np.zeros((len(groups), rows.shape[1]), np.float32)
    np.add.at(sums, place, rows)
    counts = np.bincount(place, minlength=len(groups)).astype(np.float32)
    means: Floats = sums / counts[:, None]
    return means


def _main_directions(rows: Floats, ridge: Ridge) -> Floats:
    """(numbers, dim): each direction divided by its strength, and a share of the mean strength, to a power."""
    _, strength, directions = np.linalg.svd(rows, full_matrices=False)
    strength = strength**2
    scale = np.power(strength + ridge.shrink * strength.mean(), -ridge.power)
    turn: Floats = (directions[: ridge.dim].T * (scale / scale.max())[: ridge.dim]).astype(np.float32)
    return turn
