"""What training was worth on groups that it never saw: before, after, what was forgotten, and one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.indexer.align.recall import CUTS, Answers, Draws, Estimate

BETTER, NOT_BETTER, UNKNOWN = "better", "not better", "too little data to tell"
WORTH_HAVING = 0.02  # of recall: a gain that an interval cannot rule out is not called absent


@dataclass(frozen=True)
class Direction:
    """Recall of one direction by the old heads (by chance where there were none) and by the new ones."""

    name: str
    questions: int
    candidates: int
    before: Mapping[str, Estimate]  # recall@1, recall@5, recall@10
    after: Mapping[str, Estimate]
    gain: Mapping[str, Estimate]  # paired: the same groups drawn for both


@dataclass(frozen=True)
class Forgotten:
    """What became of the questions that the old heads answered right at the first place."""

    questions: int
    still_first: int
    still_among_ten: int


@dataclass(frozen=True)
class Step:
    """One look at validation."""

    epoch: int
    loss: float
    recall: float


@dataclass(frozen=True)
class Report:
    verdict: str
    sentence: str
    gain: Estimate  # of mean recall@1, @5 and @10 over all directions, paired
    directions: Sequence[Direction]
    forgotten: Forgotten | None  # none where there were no old heads
    groups: Mapping[str, int]  # learned from, stopped by, judged by
    history: Sequence[Step]
    best_epoch: int  # 0: training did not get beyond where it started
    seconds: float
    notes: Sequence[str]
    recipe: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Judgement:
    verdict: str
    sentence: str
    gain: Estimate
    directions: Sequence[Direction]
    forgotten: Forgotten | None


def judge(before: Sequence[Answers] | None, after: Sequence[Answers], seed: int = 0, what: str = "heads") -> Judgement:
    """Compares the same questions asked with the old heads (or towers: `what`) and with the new ones."""
    draws = Draws.of(after, seed)
    directions, gains = [], []
    for number, new in enumerate(after):
        old = new.by_chance() if before is None else before[number].worth()
        direction, gain = _direction(new, old, draws)
        directions.append(direction)
        gains.append(gain)
    mean = draws.estimate(np.mean(gains, axis=0))
    verdict = _verdict(mean)
    forgotten = None if before is None else _forgotten(before, after)
    groups = len(draws.known)
    return Judgement(verdict, _sentence(verdict, mean, groups, before is None, what), mean, directions, forgotten)


def _direction(new: Answers, old: NDArray[np.float64], draws: Draws) -> tuple[Direction, NDArray[np.float64]]:
    tables = {"before": old, "after": new.worth(), "gain": new.worth() - old}
    means = {name: draws.means(new.groups, worth) for name, worth in tables.items()}
    shown = {
        name: {f"recall@{k}": draws.estimate(mean[:, at]) for at, k in enumerate(CUTS)} for name, mean in means.items()
    }
    return Direction(new.name, len(new.ranks), new.candidates, **shown), means["gain"].mean(axis=1)


def _verdict(gain: Estimate) -> str:
    if gain.low > 0:
        return BETTER
    return NOT_BETTER if gain.high < WORTH_HAVING else UNKNOWN


def _sentence(verdict: str, gain: Estimate, groups: int, first: bool, what: str) -> str:
    old = "answers in random order" if first else f"the old {what}"
    measured = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) mean recall on {groups:,} held-out groups"
    if verdict == BETTER:
        return f"Better: the new {what} find more than {old}, {measured}."
    if verdict == NOT_BETTER:
        return f"Not better: the new {what} find no more than {old}, {measured}."
    return f"Too little data to tell: against {old} {measured}; more groups would narrow it."


def _forgotten(before: Sequence[Answers], after: Sequence[Answers]) -> Forgotten:
    knew = [old.ranks == 1 for old in before]
    now = np.concatenate([new.ranks[was] for new, was in zip(after, knew, strict=True)])
    return Forgotten(len(now), int((now == 1).sum()), int((now <= 10).sum()))
