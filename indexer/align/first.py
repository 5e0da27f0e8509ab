"""Heads to start from, found at once: the main directions of one modality, and ridge regression of the others to them.

With few pairs this is most of what can be learned; training goes on from there where validation says it helps.
"""

from __future__ import annotations

import numpy as np

from hearsee.core.head import Head
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.data import Ids, Table, paired_groups

RIDGES = (0.3, 1.5, 10.0)  # validation chooses
SHRINK, POWER = 0.3, 0.25  # how far strong directions are held back: all the way they would be noise
SAMPLE = 50_000  # groups looked at


def first_heads(table: Table, dim: int, ridge: float) -> dict[str, Head]:
    """A linear head for each modality."""
    known = paired_groups(table)
    known = known[:: 1 + len(known) // SAMPLE]
    means = {modality: _Means.of(table, modality, known) for modality in sorted(table.vectors)}
    shared = np.sum([one.there for one in means.values()], axis=0) > 1
    left = sorted(means, key=lambda name: (-int((means[name].there & shared).sum()), name == "text", name))
    goals = np.zeros((len(known), dim), np.float32)  # where the groups are told to lie, by what was mapped so far
    heads: dict[str, Head] = {}
    while left:
        reached = goals.any(axis=1)
        # The next is the one that most groups lead to.
        name = max(left, key=lambda one: int((means[one].there & reached).sum())) if heads else left[0]
        left.remove(name)
        mine = means[name]
        both = mine.there & reached
        turn = _regression(mine.rows[both], goals[both], ridge) if both.any() else main_directions(mine.whole, dim)
        heads[name] = Head(turn, {"centre": mine.centre, "bias": np.zeros(dim, np.float32)})
        mapped = mine.rows @ turn
        goals[mine.there] += mapped[mine.there] / (np.linalg.norm(mapped[mine.there], axis=1, keepdims=True) + 1e-9)
    return heads


def main_directions(rows: Vectors, dim: int) -> Vectors:
    """(numbers, dim): rows turned to where they differ most, each direction held back by a power of its strength."""
    _, strength, directions = np.linalg.svd(rows, full_matrices=False)
    strength = strength**2
    usual = strength.sum() / max(1, int((strength > 1e-9 * strength.max()).sum()))
    scale = (strength + SHRINK * usual + 1e-12) ** -POWER
    turned = directions[:dim].T * (scale / scale.max())[:dim]
    return np.pad(turned, ((0, 0), (0, max(0, dim - turned.shape[1])))).astype(np.float32)


def _regression(rows: Vectors, goals: Vectors, ridge: float) -> Vectors:
    """(numbers, dim) that carries rows to goals; by whichever of rows and numbers there are fewer."""
    goals = goals / (np.linalg.norm(goals, axis=1, keepdims=True) + 1e-9)
    count, numbers = rows.shape
    if count < numbers:
        inner = rows @ rows.T + ridge * np.eye(count, dtype=np.float32)
        return np.asarray(rows.T @ np.linalg.solve(inner, goals), np.float32)
    inner = rows.T @ rows + ridge * np.eye(numbers, dtype=np.float32)
    return np.asarray(np.linalg.solve(inner, rows.T @ goals), np.float32)


class _Means:
    """One modality's middle row of each group, centred; zeros where a group has none."""

    def __init__(self, rows: Vectors, there: np.ndarray[tuple[int], np.dtype[np.bool_]], centre: Vectors) -> None:
        self.rows, self.there, self.centre = rows, there, centre

    @property
    def whole(self) -> Vectors:
        return self.rows[self.there]

    @classmethod
    def of(cls, table: Table, modality: str, known: Ids) -> _Means:
        here = np.isin(table.groups[modality], known)
        rows = unit(table.vectors[modality][here].astype(np.float32), f"{modality} vectors")
        place = np.searchsorted(known, table.groups[modality][here])
        counts = np.bincount(place, minlength=len(known))
        centre = rows.mean(axis=0)
        sums = np.zeros((len(known), rows.shape[1]), np.float32)
        np.add.at(sums, place, rows - centre)
        return cls(np.asarray(sums / np.maximum(counts, 1)[:, None], np.float32), counts > 0, centre)
