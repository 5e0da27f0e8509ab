"""Queries of several parts to learn fusion from: groups whose parts are dropped, spoiled, noised or swapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors

Mix: TypeAlias = tuple[Modality, ...]  # the modalities of a query's parts, in the order of Modality
Labels: TypeAlias = Callable[[Mix, Modality], NDArray[np.int64]]


@dataclass(frozen=True)
class Groups:
    """Shared-space vectors of things that are shown several ways; a row of zeros is an item that a group lacks.

    `answers` must not be among `asked` where a mix holds the wanted modality, or the item would find itself: with
    `apart` false such questions are left out.
    """

    asked: Mapping[Modality, Vectors]  # (groups, copies, d); the copies are renderings of one thing
    answers: Mapping[Modality, Vectors]  # (groups, d)
    labels: Labels  # (groups,) for a mix and what is wanted: equal numbers are right answers to each other
    spoiled: Mapping[Modality, Vectors]  # (groups, versions, d), from media made worse; no versions: latents only
    apart: bool

    def __len__(self) -> int:
        return len(next(iter(self.answers.values())))

    def whole(self, mix: Mix, wanted: Modality | None = None) -> NDArray[np.int64]:
        """The groups that hold every part of the mix, and an answer where one is wanted."""
        there = np.ones(len(self), np.bool_) if wanted is None else self.answers[wanted].any(axis=1)
        for modality, copy in places(mix):
            there = there & self.asked[modality][:, copy].any(axis=1)
        return np.flatnonzero(there)


def chosen(groups: Groups, rows: NDArray[np.int64]) -> Groups:
    """Some of the groups."""
    return Groups(
        {modality: table[rows] for modality, table in groups.asked.items()},
        {modality: table[rows] for modality, table in groups.answers.items()},
        lambda mix, wanted: groups.labels(mix, wanted)[rows],
        {modality: table[rows] for modality, table in groups.spoiled.items()},
        groups.apart,
    )


@dataclass(frozen=True)
class Damage:
    """How the parts of a batch are made worse: shares of the queries, and of the ways."""

    share: float = 0.5  # of the queries
    wrong: float = 0.4  # of the damaged: another group's part; else spoiled or noised
    twice: float = 0.15  # of the damaged with three parts or more: a second part too


def places(mix: Mix) -> list[tuple[Modality, int]]:
    """Each part's modality and which copy it is: the second picture of a query is the second copy."""
    return [(modality, mix[:at].count(modality)) for at, modality in enumerate(mix)]


def questions(groups: Groups, sizes: Sequence[int] = (2, 3)) -> list[tuple[Mix, Modality]]:
    """Every mix of these sizes with every wanted modality that the groups can be asked."""
    known = [modality for modality in Modality if modality in groups.asked]
    mixes = [mix for size in sizes for mix in combinations_with_replacement(known, size)]
    return [
        (mix, wanted)
        for mix in mixes
        for wanted in Modality
        if all(mix.count(modality) <= groups.asked[modality].shape[1] for modality in mix)
        and wanted in groups.answers
        and (groups.apart or wanted not in mix)
        and len(groups.whole(mix, wanted)) > 1
    ]


def asked(
    groups: Groups, mix: Mix, rows: NDArray[np.int64], damage: Damage, rng: np.random.Generator
) -> tuple[Vectors, NDArray[np.bool_]]:
    """The parts of these groups' queries, (rows, parts, d), some made worse, and which those are, (rows, parts)."""
    parts = np.stack([groups.asked[modality][rows, copy] for modality, copy in places(mix)], axis=1)
    bad = _chosen(len(rows), len(mix), damage, rng)
    for at, (modality, copy) in enumerate(places(mix)):
        hit = np.flatnonzero(bad[:, at])
        parts[hit, at] = _worse(groups, modality, copy, rows[hit], damage, rng)
    return parts, bad


@dataclass(frozen=True)
class Batch:
    """Queries of one mix for one modality, and which of their parts are bad."""

    mix: Mix
    wanted: Modality
    rows: NDArray[np.int64]  # (q,), the groups that ask
    parts: Vectors  # (q, p, d)
    bad: NDArray[np.bool_]  # (q, p)


def batches(groups: Groups, size: int, steps: int, damage: Damage, rng: np.random.Generator) -> Iterator[Batch]:
    """One batch after the other; every question comes as often."""
    known = questions(groups)
    for step in range(steps):
        if step % len(known) == 0:
            order = rng.permutation(len(known))
        mix, wanted = known[int(order[step % len(known)])]
        there = groups.whole(mix, wanted)
        rows = rng.choice(there, min(size, len(there)), replace=False)
        yield Batch(mix, wanted, rows, *asked(groups, mix, rows, damage, rng))


def _chosen(rows: int, parts: int, damage: Damage, rng: np.random.Generator) -> NDArray[np.bool_]:
    """In a share of the rows one part, in a few of those two; one part at least stays good."""
    order = rng.random((rows, parts)).argsort(axis=1)
    hit = rng.random(rows) < damage.share
    bad = np.zeros((rows, parts), np.bool_)
    bad[np.flatnonzero(hit), order[hit, 0]] = True
    if parts > 2:
        again = hit & (rng.random(rows) < damage.twice)
        bad[np.flatnonzero(again), order[again, 1]] = True
    return bad


def _worse(
    groups: Groups, modality: Modality, copy: int, rows: NDArray[np.int64], damage: Damage, rng: np.random.Generator
) -> Vectors:
    """Another group's part, or a spoiled version, or (where there are none) one drawn towards noise: (rows, d)."""
    table = groups.asked[modality][:, copy]
    present = np.flatnonzero(table.any(axis=1))
    strangers = table[present[rng.integers(len(present), size=len(rows))]]
    versions = groups.spoiled.get(modality)
    if versions is not None and versions.shape[1]:
        spoiled = versions[rows, rng.integers(versions.shape[1], size=len(rows))]
    else:
        level = rng.uniform(0.5, 1, (len(rows), 1)).astype(np.float32)
        noise = rng.standard_normal((len(rows), table.shape[1]), np.float32)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        spoiled = (1 - level) * table[rows] + level * noise
        spoiled /= np.linalg.norm(spoiled, axis=1, keepdims=True)
    return np.where(rng.random((len(rows), 1)) < damage.wrong, strangers, spoiled).astype(np.float32)
