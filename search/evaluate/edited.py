"""Whether rules for edits and steering away are better than what answers now, on things never learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.edits import EDIT, WITHOUT
from hearsee.core.errors import BadInput
from hearsee.core.fuser import Arrays
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.facts import Facts, Numbers
from hearsee.indexer.align.lessons import EditLesson, WithoutLesson, askable, edits_of, without_of
from hearsee.search.evaluate.guarding import SURE
from hearsee.search.fusion import EncodedPart, MeanFusion

FIRST = 10  # hits that count when something is steered away from
Worth = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """What a rule is worth, and whether that is surely more than what answers now."""

    role: str
    questions: int
    before: float
    after: float
    low: float  # of the gain, 95 %
    high: float

    @property
    def better(self) -> bool:
        return self.low > 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"better": self.better}


def verdicts(facts: Facts, now: Mapping[str, Arrays], rules: Mapping[str, Arrays], seed: int = 0) -> dict[str, Verdict]:
    """By role. Edits: how often the right one comes first. Steering away: of the first ten hits, the share of what else
    was asked for, nothing of a hit that has what is not wanted."""
    found = {}
    for role, questions in ((EDIT, _edits), (WITHOUT, _withouts)):
        # Each thing that asks counts once, whatever it was asked for: its questions are no independent ones.
        owners, worth = [], []
        for asking, one in questions(facts, now.get(role), rules.get(role), np.random.default_rng(seed)):
            owners.append(asking)
            worth.append(one)
        if role in rules and worth:
            found[role] = _verdict(role, np.concatenate(owners), np.concatenate(worth))
    return found


def _verdict(role: str, owners: Numbers, worth: Worth) -> Verdict:
    """worth: (questions, 2), with what answers now and with the rule."""
    _, place, counts = np.unique(owners, return_inverse=True, return_counts=True)
    gains = np.bincount(place.reshape(-1), worth[:, 1] - worth[:, 0]) / counts
    before, after = worth.mean(axis=0).tolist()
    error = SURE * float(gains.std(ddof=1)) / len(gains) ** 0.5 if len(gains) > 1 else float("inf")
    return Verdict(role, len(worth), before, after, float(gains.mean()) - error, float(gains.mean()) + error)


def _edits(
    facts: Facts, now: Arrays | None, rule: Arrays | None, rng: np.random.Generator
) -> Iterator[tuple[Numbers, Worth]]:
    things = np.arange(len(facts))
    for asker in facts.askers():
        for wanted in facts.items:
            told = (facts.values[facts.pairs[:, 0]] != facts.values[facts.pairs[:, 1]]) & ~facts.shows[wanted]
            pairs = facts.pairs[~told.any(axis=1)]
            lesson = edits_of(facts, asker, wanted, pairs, things, rng)
            if len(lesson.target):
                yield pairs[:, 0], np.stack([_firsts(lesson, asker[0], wanted, one) for one in (now, rule)], axis=1)


def _withouts(
    facts: Facts, now: Arrays | None, rule: Arrays | None, rng: np.random.Generator
) -> Iterator[tuple[Numbers, Worth]]:
    things = np.arange(len(facts))
    shunned = [(Modality.TEXT, key) for key in range(len(facts.keys))]
    shunned += [(modality, 0) for modality in facts.items if modality is not Modality.TEXT and facts.shows[modality][0]]
    for told in shunned:
        for asker in facts.askers():
            for wanted in facts.items:
                rows = askable(facts, asker, wanted, told[1])
                if len(rows):
                    lesson = without_of(facts, asker, wanted, told, rows, things, rng)
                    yield rows, np.stack([_kept(lesson, asker[0], wanted, one) for one in (now, rule)], axis=1)


def _firsts(lesson: EditLesson, asker: str, wanted: Modality, rule: Arrays | None) -> Worth:
    targets = []
    for at, row in enumerate(lesson.target):
        parts = [EncodedPart(_kind(asker), 1.0, False, row)]
        for words, there in zip(lesson.words, lesson.there, strict=True):
            if there[at]:
                parts.append(EncodedPart(lesson.modality, 1.0, False, words[at], edit=True, rule=rule))
        targets.append(_fused(parts, wanted))
    best = (np.stack(targets) @ lesson.answers.T).argmax(axis=1)
    first: Worth = lesson.right[np.arange(len(best)), best].astype(np.float64)
    return first


def _kept(lesson: WithoutLesson, asker: str, wanted: Modality, rule: Arrays | None) -> Worth:
    kind = _kind(asker)
    targets = [
        _fused([EncodedPart(kind, 1.0, False, row), EncodedPart(lesson.modality, 1.0, True, away, rule=rule)], wanted)
        for row, away in zip(lesson.target, lesson.words[0], strict=True)
    ]
    cosines = np.stack(targets) @ lesson.answers.T
    first = np.argsort(-cosines, axis=1)[:, :FIRST]
    worth: Worth = np.take_along_axis(np.where(lesson.unwanted, 0.0, lesson.kept), first, axis=1).mean(axis=1)
    return worth


def _fused(parts: list[EncodedPart], wanted: Modality) -> Vectors:
    try:
        return MeanFusion().fuse(parts, wanted)
    except BadInput:  # "this, but not this" is refused: it counts as not changed
        return parts[0].vector


def _kind(asker: str) -> Modality:
    """Short texts ask, too."""
    return Modality(asker) if asker in set(Modality) else Modality.TEXT
