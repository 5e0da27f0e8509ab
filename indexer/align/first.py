"""Heads to start from, found at once: the main directions of one modality, and ridge regression of the others to them.

With few pairs this is most of what can be learned; training goes on from there where validation says it helps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hearsee.core.errors import BadInput
from hearsee.core.head import Head
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.data import Ids, Table, paired_groups
from hearsee.indexer.align.recall import answers, mean_recall, projected

RIDGES = (0.3, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
FOLDS = 5
MOST = 5000  # groups by whose folds a ridge is chosen; of more, some
ANCHOR = 0.8  # what a pair that is known from elsewhere weighs beside one that was seen
SHRINK, POWER = 0.3, 0.25  # how far strong directions are held back: all the way they would be noise
SAMPLE = 50_000  # groups looked at


Anchors = Mapping[str, Vectors]  # by modality, row i of each says the same as row i of the others: no group needs to


def chosen_ridge(table: Table, dim: int, anchors: Anchors | None = None) -> float:
    """Chosen by folds of the groups that are learned from: there are many times as many of them as stop the training.

    Few groups to choose by choose by chance, and a ridge that is wrong costs more than training can make good.
    """
    known = paired_groups(table)
    known = known[:: 1 + len(known) // MOST]
    part = np.random.default_rng(80).permutation(len(known)) % FOLDS
    worth = np.zeros(len(RIDGES))
    for fold in range(FOLDS):
        learned, asked = table.only(known[part != fold]), table.only(known[part == fold])
        if not len(paired_groups(learned)) or asked.vectors.keys() - learned.vectors.keys():
            continue
        turns: dict[str, Vectors] = {}
        for at, ridge in enumerate(RIDGES):
            heads = first_heads(learned, dim, ridge, anchors, turns)
            worth[at] += mean_recall(answers(projected(heads, asked), asked))
    return RIDGES[int(np.argmax(worth))]


def first_heads(
    table: Table, dim: int, ridge: float, anchors: Anchors | None = None, turns: dict[str, Vectors] | None = None
) -> dict[str, Head]:
    """A linear head for each modality; `turns` keeps what does not depend on the ridge, for the next one."""
    known = paired_groups(table)
    known = known[:: 1 + len(known) // SAMPLE]
    means = {modality: _Means.of(table, modality, known) for modality in sorted(table.vectors)}
    shared = np.sum([one.there for one in means.values()], axis=0) > 1
    left = sorted(means, key=lambda name: (-int((means[name].there & shared).sum()), name == "text", name))
    goals = np.zeros((len(known), dim), np.float32)  # where the groups are told to lie, by what was mapped so far
    fixed = _centred(anchors or {}, means)
    fixed_goals = np.zeros((max(map(len, fixed.values()), default=0), dim), np.float32)
    turns = {} if turns is None else turns
    heads: dict[str, Head] = {}
    while left:
        reached = goals.any(axis=1)
        # The next is the one that most groups lead to.
        name = max(left, key=lambda one: int((means[one].there & reached).sum())) if heads else left[0]
        left.remove(name)
        mine = means[name]
        both = mine.there & reached
        if both.any():
            rows, there = mine.rows[both], goals[both]
            if name in fixed and fixed_goals.any():
                rows = np.concatenate([rows, ANCHOR * fixed[name]])
                there = np.concatenate([_units(there), ANCHOR * _units(fixed_goals)])
            else:
                there = _units(there)
            turn = _regression(rows, there, ridge)
        else:
            if name not in turns:
                turns[name] = main_directions(mine.whole, dim)
            turn = turns[name]
        heads[name] = Head(turn, {"centre": mine.centre, "bias": np.zeros(dim, np.float32)})
        mapped = mine.rows @ turn
        goals[mine.there] += _units(mapped[mine.there])
        if name in fixed:
            fixed_goals += _units(fixed[name] @ turn)
    return heads


def _units(rows: Vectors) -> Vectors:
    long: Vectors = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)
    return long


def _centred(anchors: Anchors, means: Mapping[str, _Means]) -> dict[str, Vectors]:
    """Unit rows less their own middle: they may be of another kind than what the modality's rows are of."""
    counts = {len(rows) for rows in anchors.values()}
    if len(counts) > 1:
        raise BadInput(
            f"anchors of {' and '.join(f'{count:,}' for count in sorted(counts))} rows: give as many of each"
        )
    found = {}
    for name in anchors.keys() & means.keys():
        rows = unit(np.asarray(anchors[name], np.float32), f"{name} anchors")
        if rows.shape[1] != means[name].rows.shape[1]:
            wide = means[name].rows.shape[1]
            raise BadInput(f"{name} anchors of {rows.shape[1]} numbers and vectors of {wide}: they are of two towers")
        found[name] = rows - rows.mean(axis=0)
    return found if len(found) > 1 else {}


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
