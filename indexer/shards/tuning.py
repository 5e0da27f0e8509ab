"""The cheapest effort whose recall is proved on real queries, one asking modality at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from math import sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Vectors
from hearsee.indexer.shards import Found, Shard
from hearsee.indexer.shards.filtering import worth
from hearsee.indexer.shards.proposing import Approximate, Effort, breadths

K = 10  # recall@10
Z = 1.645  # one-sided 95 %
TIE = 3e-6  # rows that score alike are alike: either is a right answer
QUERIES_AT_ONCE = 256
TRIED = 1 / 24  # of the widest: the breadth at which leans are compared
WIDEST_GROUP = 32  # rows of a query's own group that are looked past, at most

Groups = NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """Queries of one modality, and the group that each belongs to: answers of its own group do not count."""

    vectors: Vectors  # (queries, dim)
    groups: Groups | None = None  # none: the queries come from elsewhere


@dataclass(frozen=True)
class Tuned:
    """What was proved for one asking modality."""

    asking: str
    target: float
    recall: float
    low: float  # the lower end of its one-sided 95 % interval
    queries: int
    k: int
    effort: Effort | None  # none: no effort reached the target, so the answer is exact search

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Self:
        effort = row["effort"]
        return cls(**{**row, "effort": None if effort is None else Effort(**effort)})


def sample(asked: Asked, count: int, seed: int = 0) -> Asked:
    """At most `count` queries, no two of one group, so that they can be taken for independent."""
    order = np.random.default_rng(seed).permutation(len(asked.vectors))
    if asked.groups is not None:
        _, first = np.unique(asked.groups[order], return_index=True)
        order = order[np.sort(first)]
    chosen = order[:count]
    return Asked(asked.vectors[chosen], None if asked.groups is None else asked.groups[chosen])


def tune(
    shard: Approximate, asking: str, asked: Asked, target: float, k: int = K, row_groups: Groups | None = None
) -> Tuned:
    """The cheapest effort whose recall@k reaches the target at the lower end of its interval."""
    if not 0 < target <= 1:
        raise BadInput(f"a recall of {target} cannot be aimed at: give a number above 0 and up to 1")
    if not len(asked.vectors):
        raise BadInput(f"there is no {asking} query to measure recall with: give a file of queries")
    measure = _Measure(shard, asked, k, row_groups)
    best: Tuned | None = None
    ladder = _ladder(shard, measure)
    for refine in shard.refines:
        found = _narrowest(shard, measure, [replace(effort, refine=refine) for effort in ladder], target, best)
        if found is not None:
            effort, recalls = found
            recall, low = float(recalls.mean()), lower_bound(recalls)
            best = Tuned(asking, target, recall, low, len(recalls), k, effort)
    if best is None or best.effort is None:
        return Tuned(asking, target, 1.0, 1.0, len(asked.vectors), k, None)
    told, effort = (best, best.effort) if best.effort.enough is None else _also_alone(shard, measure, best, best.effort)
    return replace(told, effort=_weighed(shard, effort, asked, target, k))


def _also_alone(shard: Approximate, measure: _Measure, best: Tuned, effort: Effort) -> tuple[Tuned, Effort]:
    """With the narrowest breadth that reaches the target where every query gets the same, as those that come alone do;
    the recall told is the lower one."""
    same = [replace(effort, breadth=breadth, enough=None) for breadth in breadths(shard.widest)]
    found = _narrowest(shard, measure, same, best.target, None)
    alone, recalls = found or (same[-1], measure.recalls(same[-1]))
    recall, low = min((best.recall, best.low), (float(recalls.mean()), lower_bound(recalls)))
    return replace(best, recall=recall, low=low), replace(effort, alone=alone.breadth)


def _weighed(shard: Approximate, effort: Effort, asked: Asked, target: float, k: int) -> Effort:
    """With what filters need to know: how many rows are scored while it seeks once, and how far its codes err."""
    one = asked.vectors[:1]
    doubt = getattr(shard, "doubt", None)  # of kinds whose sketches may be sifted
    erring = 0.0 if doubt is None else doubt(asked.vectors, target)
    return replace(effort, few=worth(shard.kept, lambda: shard.nearest(one, k, effort=effort), shard.dim), doubt=erring)


def measure(shard: Approximate, asked: Asked, tuned: Tuned, row_groups: Groups | None = None) -> Tuned:
    """What an effort that was proved before reaches now, whether that is enough or not."""
    if tuned.effort is None or not len(asked.vectors):
        return tuned
    measure, effort = _Measure(shard, asked, tuned.k, row_groups), tuned.effort
    ways = [effort] if effort.enough is None else [effort, replace(effort, enough=None)]
    recalls = min((measure.recalls(way) for way in ways), key=np.mean)
    return replace(tuned, recall=float(recalls.mean()), low=lower_bound(recalls), queries=len(recalls))


def _ladder(shard: Approximate, measure: _Measure) -> list[Effort]:
    """Ever wider efforts, at the lean that finds most for one and the same breadth."""
    ladders = [shard.efforts(measure.asked.vectors, lean) for lean in shard.leans]
    if len(ladders) == 1:
        return ladders[0]
    tried = max(1, round(shard.widest * TRIED))

    def found(ladder: list[Effort]) -> float:
        effort = next(effort for effort in ladder if effort.breadth >= tried)
        return float(measure.recalls(replace(effort, refine=shard.refines[-1])).sum())

    return max(ladders, key=found)


def _narrowest(
    shard: Approximate, measure: _Measure, efforts: list[Effort], target: float, best: Tuned | None
) -> tuple[Effort, NDArray[np.float64]] | None:
    """The narrowest that reaches the target and is cheaper than the best; recall only grows with breadth."""
    ladder = efforts
    if best is not None and best.effort is not None:
        dearest = shard.cost(best.effort, measure.k)
        ladder = [effort for effort in ladder if shard.cost(effort, measure.k) < dearest]
    # Narrow ones are cheap to measure, so the climb starts there, in leaps, and then closes in.
    low, high, found = 0, 0, None
    while ladder and found is None:
        high = min(high, len(ladder) - 1)
        recalls = measure.recalls(ladder[high])
        if lower_bound(recalls) >= target:
            found = (ladder[high], recalls)
        elif high == len(ladder) - 1:
            return None
        else:
            low, high = high + 1, 2 * high + 1
    while low < high:
        middle = (low + high) // 2
        recalls = measure.recalls(ladder[middle])
        if lower_bound(recalls) >= target:
            found, high = (ladder[middle], recalls), middle
        else:
            low = middle + 1
    return found


def lower_bound(recalls: NDArray[np.float64]) -> float:
    """The lower end of the one-sided 95 % interval of a mean of recalls.

    Half of Z² perfect and half of Z² failed queries are added (Agresti and Coull), so that a few perfect ones
    do not prove perfection.
    """
    extra = Z * Z
    count = len(recalls) + extra
    mean = (recalls.sum() + extra / 2) / count
    variance = (np.square(recalls).sum() + extra / 2) / count - mean * mean
    return max(0.0, float(mean - Z * sqrt(max(0.0, variance) / count)))


def recall_of(found: NDArray[np.float32], exact: NDArray[np.float32], k: int) -> NDArray[np.float64]:
    """For each query the share of its k best scores that were found; equal scores are equally right."""
    found, exact = found[:, :k], exact[:, :k]
    right = np.count_nonzero(exact > -np.inf, axis=1)  # there may be fewer than k
    last = np.take_along_axis(np.pad(exact, ((0, 0), (0, 1))), np.maximum(right - 1, 0)[:, None], axis=1)
    hits = np.count_nonzero((found >= last - TIE) & (found > -np.inf), axis=1)
    shares: NDArray[np.float64] = np.where(right, np.minimum(hits, right) / np.maximum(1, right), 1.0)
    return shares


class _Measure:
    """Exact answers once, then the recall of any effort."""

    def __init__(self, shard: Approximate, asked: Asked, k: int, row_groups: Groups | None) -> None:
        self.k = k
        self._shard = shard
        self.asked = asked
        self._row_groups = row_groups if asked.groups is not None else None
        self._extra = 0
        if self._row_groups is not None:
            _, sizes = np.unique(self._row_groups, return_counts=True)
            self._extra = min(WIDEST_GROUP, int(sizes.max(initial=0)))
        self._exact = [self._scores(shard.kept, part, None) for part in self._parts()]

    def recalls(self, effort: Effort) -> NDArray[np.float64]:
        parts = zip(self._parts(), self._exact, strict=True)
        rows = []
        for part, exact in parts:
            asking = (exact > -np.inf).any(axis=1)  # a query that only its own group could answer proves nothing
            rows.append(recall_of(self._scores(self._shard, part, effort), exact, self.k)[asking])
        return np.concatenate(rows)

    def _parts(self) -> Iterator[slice]:
        for start in range(0, len(self.asked.vectors), QUERIES_AT_ONCE):
            yield slice(start, start + QUERIES_AT_ONCE)

    def _scores(self, shard: Shard | Approximate, part: slice, effort: Effort | None) -> NDArray[np.float32]:
        points = self.asked.vectors[part]
        ask = self.k + self._extra
        found = shard.nearest(points, ask) if effort is None else self._shard.nearest(points, ask, effort=effort)
        return self._of_others(found, part)

    def _of_others(self, found: Found, part: slice) -> NDArray[np.float32]:
        """The k best scores of other groups than the query's own."""
        if self._row_groups is None or self.asked.groups is None:
            return found.scores[:, : self.k]
        own = self._row_groups[found.rows] == self.asked.groups[part][:, None]
        scores = np.where(own, -np.inf, found.scores)
        ordered: NDArray[np.float32] = -np.sort(-scores, axis=1)[:, : self.k]
        return ordered
