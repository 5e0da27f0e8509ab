"""Where the first right answer comes, by exact search among a table's own items, and what another draw would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.head import Head
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.data import Ids, Table

CUTS = (1, 5, 10)
BLOCK_SCORES = 2**24
RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Answers:
    """What was found for each question of one direction; questions are items whose group has an answer."""

    asking: str
    answering: str
    candidates: int
    groups: Ids  # (questions,)
    ranks: Ids  # (questions,): 1 where the first answer is right
    right: Ids  # (questions,): how many candidates are

    @property
    def name(self) -> str:
        return f"{self.asking}->{self.answering}"

    def worth(self) -> NDArray[np.float64]:
        """(questions, cuts): 1 with a right answer among the first k."""
        return (self.ranks[:, None] <= np.array(CUTS)).astype(np.float64)

    def by_chance(self) -> NDArray[np.float64]:
        """(questions, cuts): the chance of that for answers in random order."""
        k, n = np.minimum(np.array(CUTS), self.candidates), self.candidates
        steps = np.arange(k.max())
        missing = np.clip((n - self.right[:, None] - steps) / np.maximum(n - steps, 1), 0, 1)  # (questions, steps)
        return 1 - np.cumprod(missing, axis=1)[:, k - 1]


def answers(rows: Mapping[str, Vectors], table: Table) -> list[Answers]:
    """Every direction between modalities; `rows` are the table's vectors in the shared space, as unit rows."""
    items = {modality: _Items.of(rows[modality], table, modality) for modality in sorted(rows)}
    found = []
    for asking, ask in items.items():
        for answering, answer in items.items():
            if asking == answering:
                continue
            known, right = np.unique(answer.groups, return_counts=True)
            at = np.flatnonzero(np.isin(ask.groups, known))
            if len(at):
                groups = ask.groups[at]
                ranks = _ranks(ask.asked()[at], groups, answer)
                count = right[np.searchsorted(known, groups)]
                found.append(Answers(asking, answering, len(answer.groups), groups, ranks, count))
    return found


def projected(heads: Mapping[str, Head], table: Table) -> dict[str, Vectors]:
    """The table's rows in the shared space."""
    return {
        modality: unit(heads[modality].apply(rows.astype(np.float32)), f"{modality} vectors")
        for modality, rows in table.vectors.items()
    }


def mean_recall(found: Sequence[Answers]) -> float:
    """One figure for choosing: recall@1, @5 and @10, each direction as much."""
    return float(np.mean([one.worth().mean() for one in found]))


@dataclass(frozen=True)
class Estimate:
    """A mean over questions, and the interval that another draw of groups would give."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Draws:
    """How often each group is drawn, the same for everything that is to be compared."""

    known: Ids
    counts: NDArray[np.float64]  # (resamples, groups)

    @classmethod
    def of(cls, found: Sequence[Answers], seed: int) -> Draws:
        known = np.unique(np.concatenate([one.groups for one in found]))
        rng = np.random.default_rng([seed, 78])
        counts = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), RESAMPLES)
        return cls(known, counts.astype(np.float64))

    def means(self, groups: Ids, worth: NDArray[np.float64]) -> NDArray[np.float64]:
        """(questions, …) -> the mean over all of them, then over each resample's, (1 + resamples, …)."""
        place = np.searchsorted(self.known, groups)
        sums = np.zeros((len(self.known), worth.shape[1]))
        np.add.at(sums, place, worth)
        number = np.bincount(place, minlength=len(self.known)).astype(np.float64)
        drawn = self.counts @ number
        resampled = (self.counts @ sums) / np.maximum(drawn, 1)[:, None]
        return np.concatenate([worth.mean(axis=0)[None], resampled])

    @staticmethod
    def estimate(means: NDArray[np.float64]) -> Estimate:
        tail = 100 * (1 - CONFIDENCE) / 2
        low, high = np.percentile(means[1:], [tail, 100 - tail])
        return Estimate(float(means[0]), float(low), float(high))


@dataclass(frozen=True)
class _Items:
    groups: Ids  # (items,)
    starts: Ids  # (items,): the first of each item's rows
    rows: Vectors  # (rows, dim)

    @classmethod
    def of(cls, rows: Vectors, table: Table, modality: str) -> _Items:
        order = np.argsort(table.items[modality], kind="stable")
        _, starts = np.unique(table.items[modality][order], return_index=True)
        return cls(table.groups[modality][order][starts], starts.astype(np.int64), rows[order])

    def asked(self) -> Vectors:
        """As a query's parts are encoded: the middle of an item's points."""
        if len(self.starts) == len(self.rows):
            return self.rows
        return unit(np.add.reduceat(self.rows, self.starts, axis=0), "items that ask")


def _ranks(asked: Vectors, groups: Ids, answer: _Items) -> Ids:
    ranks = np.zeros(len(asked), np.int64)
    step = max(1, BLOCK_SCORES // len(answer.rows))
    for start in range(0, len(asked), step):
        block = slice(start, start + step)
        scores = asked[block] @ answer.rows.T  # (questions, rows)
        if len(answer.starts) != len(answer.rows):
            scores = np.maximum.reduceat(scores, answer.starts, axis=1)  # an item is as near as its nearest point
        right = groups[block][:, None] == answer.groups[None, :]
        best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
        # A wrong answer that scores the same comes first: equal vectors for everything must not look like success.
        ranks[block] = 1 + ((scores >= best) & ~right).sum(axis=1)
    return ranks
