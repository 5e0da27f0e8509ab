"""The ladder of fusion: what each way to fuse finds, for every mix of parts and everything that may be wanted.

The protocol. A question takes one item of each modality of the mix from one group and looks for items that are right
for that group. In a share of the questions parts are made worse (`indexer.align.mixes`). What asks is never its own
answer: where the wanted modality is one of the mix's, answers come from other renderings (the toybox keeps some apart),
or the group's own item is left out and only questions with another right item are asked. Half of the groups, drawn by
the seed, are validation: they choose the best single part, the fixed weights and the winner; every figure is of the
other half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hearsee.core.fuser import ATTENTIONS, EARLY, Learned
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.mixes import Damage, Groups, Mix, asked
from hearsee.indexer.choices import Choice, Guard, mix_name
from hearsee.search.evaluate.guarding import calm_weights, guard_of, surely_worse
from hearsee.search.evaluate.metrics import Estimate, estimates
from hearsee.search.evaluate.ranks import BLOCK_SCORES, NONE, ItemPoints, Labels, first_ranks
from hearsee.search.fusion import (
    GUARDED,
    AttentionFusion,
    Blend,
    FixedFusion,
    GuardedFusion,
    MeanFusion,
    SlerpFusion,
    learned_blends,
)
from hearsee.search.fusion.late import Merge, reciprocal_ranks, standard_scores

CORRUPTED = (0.0, 0.5)  # shares of the questions with a part made worse
CUTS = (1, 10)
SINGLE, MEAN, SLERP, FIXED = "best single", "mean", "slerp", "fixed"
BLENDS = (MEAN, FIXED, SLERP, EARLY, *ATTENTIONS)
UNDER_GUARD = {f"{kind}{GUARDED}": kind for kind in ATTENTIONS}  # attention itself is never kept without
KEPT_LATE, RANKED = "late", "late, ranks"  # what a search can merge by is ranks
LATE: dict[str, Merge] = {RANKED: reciprocal_ranks, "late, scores": standard_scores}
CANDIDATES = (MEAN, FIXED, SLERP, EARLY, *UNDER_GUARD, KEPT_LATE)  # the plainest first; late asks once for every part
MARGIN = 0.005  # R@1 on validation that a less plain way must win by: 1 of 200 questions
MIN_QUESTIONS = 20  # below that halves would say nothing


@dataclass(frozen=True)
class Answers:
    """Everything of one modality that may be answered with."""

    items: ItemPoints
    own: NDArray[np.int64]  # (groups,): the place of what the group asks with; NONE where it is not among the items
    labels: Callable[[Mix], Labels]  # (items,)


@dataclass(frozen=True)
class Rung:
    """One way to fuse, for one mix, one wanted modality and one share of questions made worse."""

    mix: str
    wanted: str
    corrupted: float
    method: str
    queries: int
    metrics: Mapping[str, Estimate]  # r@1, r@10

    def as_dict(self) -> dict[str, Any]:
        about = {"mix": self.mix, "wanted": self.wanted, "corrupted": self.corrupted, "method": self.method}
        figures = {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in self.metrics.items()}
        return about | {"queries": self.queries} | figures


@dataclass(frozen=True)
class Ladder:
    rungs: list[Rung]
    choices: list[Choice]


def climb(
    groups: Groups,
    answers: Mapping[Modality, Answers],
    learned: Learned | None,
    *,
    sizes: Sequence[int] = (2, 3),
    corrupted: Sequence[float] = CORRUPTED,
    damage: Damage | None = None,
    limit: int = 1000,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Ladder:
    """Every method over every question that the groups can be asked; `limit` groups a mix at the most."""
    rungs: list[Rung] = []
    choices: list[Choice] = []
    known = list(_questions(groups, answers, sizes))
    for number, (mix, wanted, rows) in enumerate(known):
        rng = np.random.default_rng([seed, crc32(f"{mix_name(mix)}->{wanted}".encode())])
        rows = rng.permutation(rows)[:limit]
        race = _Race(groups, answers[wanted], mix, wanted, rows, learned)
        for share in corrupted:
            race.run(share, damage or Damage(), rng)
        rungs += race.rungs(seed)
        choices.append(race.choice())
        progress(f"{mix_name(mix)} -> {wanted}", number + 1, len(known))
    return Ladder(rungs, choices)


def _questions(
    groups: Groups, answers: Mapping[Modality, Answers], sizes: Sequence[int]
) -> Iterator[tuple[Mix, Modality, NDArray[np.int64]]]:
    """Mixes, what is wanted, and the groups that hold all parts and have something right to find."""
    known = [modality for modality in Modality if modality in groups.asked]
    mixes = [mix for size in sizes for mix in combinations_with_replacement(known, size)]
    for mix, wanted in product(mixes, answers):
        if any(mix.count(modality) > groups.asked[modality].shape[1] for modality in mix):
            continue
        if mix.count(wanted) > 1 and not groups.apart:  # the second copy would find itself
            continue
        rows = groups.whole(mix)
        values, counts = np.unique(answers[wanted].labels(mix), return_counts=True)
        found = dict(zip(values.tolist(), counts.tolist(), strict=True))
        own = (answers[wanted].own[rows] != NONE) & (wanted in mix)
        labels = groups.labels(mix, wanted)[rows]
        right = np.array([found.get(label, 0) for label in labels.tolist()]) - own
        rows = rows[(right > 0) & (labels != NONE)]
        if len(rows) >= MIN_QUESTIONS:
            yield mix, wanted, rows


class _Race:
    """All methods over the questions of one mix and one wanted modality."""

    def __init__(
        self,
        groups: Groups,
        answers: Answers,
        mix: Mix,
        wanted: Modality,
        rows: NDArray[np.int64],
        learned: Learned | None,
    ) -> None:
        self._groups, self._answers, self._mix, self._wanted, self._rows = groups, answers, mix, wanted, rows
        self._labels = groups.labels(mix, wanted)[rows]
        self._item_labels = answers.labels(mix)
        own = answers.own[rows]
        self._itself = own if wanted in mix and bool((own != NONE).any()) else None
        self._half = len(rows) // 2  # validation first, then test; the rows are in drawn order
        self._blends: dict[str, Blend] = {MEAN: MeanFusion(), SLERP: SlerpFusion(), **learned_blends(learned)}
        self._parts: dict[float, Vectors] = {}
        self._ranks: dict[tuple[float, str], NDArray[np.int64]] = {}

    def run(self, share: float, damage: Damage, rng: np.random.Generator) -> None:
        """Ask everything but what validation must choose first."""
        damaged = Damage(share, damage.wrong, damage.twice)
        parts = self._parts[share] = asked(self._groups, self._mix, self._rows, damaged, rng)[0]
        for name, blend in self._blends.items():
            self._ranks[share, name] = self._asked(blended(blend, parts, self._mix, self._wanted))
        for at in range(len(self._mix)):
            self._ranks[share, f"{SINGLE} {at}"] = self._asked(parts[:, at])
        for name, merge in LATE.items():
            self._ranks[share, name] = self._merged(parts, merge)

    def rungs(self, seed: int) -> Iterator[Rung]:
        self._guards()
        for share in self._parts:
            single = max(range(len(self._mix)), key=lambda at: self._validation(f"{SINGLE} {at}"))
            self._ranks[share, SINGLE] = self._ranks[share, f"{SINGLE} {single}"]
            self._ranks[share, FIXED] = self._asked(
                blended(FixedFusion(self._fixed()), self._parts[share], self._mix, self._wanted)
            )
        for share, method in product(self._parts, (SINGLE, *BLENDS, *UNDER_GUARD, *LATE)):
            if (share, method) in self._ranks:
                ranks = self._ranks[share, method][self._half :]
                metrics = {
                    f"r@{cut}": one for cut, one in zip(CUTS, estimates(ranks, CUTS, seed).values(), strict=False)
                }
                yield Rung(mix_name(self._mix), self._wanted, share, method, len(ranks), metrics)

    def choice(self) -> Choice:
        """What won on validation."""
        for share in self._parts:
            self._ranks[share, KEPT_LATE] = self._ranks[share, RANKED]
        ways = [way for way in CANDIDATES if (next(iter(self._parts)), way) in self._ranks]
        firsts = {share: {way: self._ranks[share, way][: self._half] == 1 for way in ways} for share in self._parts}
        figures = {way: self._validation(way) for way in ways}
        won = least_regretted(firsts)
        return Choice(self._mix, self._wanted, won, self._fixed(), figures, self._guards().get(won))

    def _guards(self) -> dict[str, Guard]:
        """When each attention may speak up, by validation questions in which nothing is made worse."""
        if not hasattr(self, "_guarded"):
            half, whole = slice(0, self._half), Damage(share=0.0)
            parts = asked(self._groups, self._mix, self._rows[half], whole, np.random.default_rng(0))[0]
            found = {name: self._blends.get(kind) for name, kind in UNDER_GUARD.items()}
            attentions = {name: blend for name, blend in found.items() if isinstance(blend, AttentionFusion)}
            self._guarded: dict[str, Guard] = {}
            if not attentions:
                return self._guarded

            def right(blend: Blend) -> NDArray[np.bool_]:
                first: NDArray[np.bool_] = self._asked(blended(blend, parts, self._mix, self._wanted), half) == 1
                return first

            calm = calm_weights(self._mix, simplex(len(set(self._mix))), lambda weights: right(FixedFusion(weights)))
            known = right(FixedFusion(calm))
            self._guarded = {
                name: guard_of(blend, parts, self._mix, self._wanted, calm, known & ~right(blend))
                for name, blend in attentions.items()
            }
            for (name, guard), share in product(self._guarded.items(), self._parts):
                blend = GuardedFusion(attentions[name], guard)
                targets = blended(blend, self._parts[share], self._mix, self._wanted)
                self._ranks[share, name] = self._asked(targets)
        return self._guarded

    def _validation(self, method: str) -> float:
        return float(np.mean([self._first(self._ranks[share, method][: self._half]) for share in self._parts]))

    @staticmethod
    def _first(ranks: NDArray[np.int64]) -> float:
        return float((ranks == 1).mean())

    def _fixed(self) -> dict[Modality, float]:
        """The weights of each modality that validation answers best, of a grid; equal ones where nothing beats them."""
        if not hasattr(self, "_weights"):
            kinds = tuple(dict.fromkeys(self._mix))
            grid = sorted(simplex(len(kinds)), key=lambda point: float(np.var(point)))
            half = slice(0, self._half)
            values = []
            for point in grid:
                blend = FixedFusion(dict(zip(kinds, point, strict=True)))
                found = [
                    self._first(self._asked(blended(blend, parts[half], self._mix, self._wanted), half))
                    for parts in self._parts.values()
                ]
                values.append(float(np.mean(found)))
            self._weights = dict(zip(kinds, grid[int(np.argmax(values))], strict=True))
        return self._weights

    def _asked(self, targets: Vectors, rows: slice = slice(None)) -> NDArray[np.int64]:
        itself = None if self._itself is None else self._itself[rows]
        return first_ranks(targets, self._labels[rows], self._answers.items, self._item_labels, itself)

    def _merged(self, parts: Vectors, merge: Merge) -> NDArray[np.int64]:
        """Each part's scores of all items, merged, and the rank of the first right one."""
        items = self._answers.items
        ranks = np.zeros(len(parts), np.int64)
        step = max(1, BLOCK_SCORES // max(1, parts.shape[1] * len(items.points)))
        for start in range(0, len(parts), step):
            block = slice(start, start + step)
            scores = parts[block] @ items.points.T  # (queries, parts, points)
            if len(items.points) != len(items.items):
                scores = np.maximum.reduceat(scores, items.starts, axis=2)
            if self._itself is not None:
                asking = np.flatnonzero(self._itself[block] != NONE)
                own = self._itself[block][asking]
                scores[asking, :, own] = scores[asking].min(axis=2)
            merged = merge(scores, np.ones(parts.shape[1]))  # (queries, items)
            if self._itself is not None:
                merged[asking, own] = 0
            right = self._labels[block][:, None] == self._item_labels[None, :]
            best = np.where(right, merged, 0).max(axis=1, keepdims=True)
            # Beyond the depth all scores are 0: there nothing was found.
            ranks[block] = np.where(best[:, 0] > 0, 1 + ((merged >= best) & ~right).sum(axis=1), 0)
        return ranks


def least_regretted(firsts: Mapping[float, Mapping[str, NDArray[np.bool_]]]) -> str:
    """By share made worse and way, the mean first and the plainest before others: whether each question was answered.

    The way that is never far below the best one, whatever share is made worse; of ways as good the plainest. What
    surely does worse than the mean while nothing is made worse is left out.
    """
    least = firsts[min(firsts)]
    ways = [way for way, found in least.items() if not surely_worse(found, least[MEAN])]
    found = {share: {way: float(by_way[way].mean()) for way in ways} for share, by_way in firsts.items()}
    regrets = {way: max(max(values.values()) - values[way] for values in found.values()) for way in ways}
    return next(way for way in ways if regrets[way] <= min(regrets.values()) + MARGIN)


def kept_as(method: str) -> str:
    """The rung that a library's choice stands on."""
    return RANKED if method == KEPT_LATE else method


def answers_apart(groups: Groups) -> dict[Modality, Answers]:
    """The groups' own answers as all there is to find, where they are not among what asks."""
    places = np.arange(len(groups))

    def answers(wanted: Modality) -> Answers:
        items = ItemPoints(places, places, groups.answers[wanted])
        return Answers(items, np.full(len(groups), NONE), lambda mix: groups.labels(mix, wanted))

    return {wanted: answers(wanted) for wanted in groups.answers}


def blended(blend: Blend, parts: Vectors, mix: Mix, wanted: Modality) -> Vectors:
    """(queries, parts, d) -> (queries, d) unit rows, all weights equal."""
    return unit(blend.contributions(parts, mix, np.ones(len(mix)), wanted).sum(axis=1), "fused queries")


def simplex(kinds: int, steps: int = 10) -> list[tuple[float, ...]]:
    """Weights that sum to one, equal ones among them; coarser for three kinds than for two."""
    steps = steps if kinds < 3 else 6
    points = [point for point in product(range(steps + 1), repeat=kinds) if sum(point) == steps]
    return [tuple(value / steps for value in point) for point in points] + [(1 / kinds,) * kinds]
