"""The hits that chances are fitted on: of questions that can be answered, and of the same when they cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors
from hearsee.search.calibration.curves import Truth
from hearsee.search.calibration.evidence import Background, Evidence, Numbers
from hearsee.search.calibration.pair import DEPTH
from hearsee.search.evaluate.ranks import BLOCK_SCORES, NONE, ItemPoints, Labels
from hearsee.search.fusion.late import reciprocal_ranks


@dataclass(frozen=True)
class Questions:
    """What is asked, what would be right, and which items of the gallery the question itself is made of."""

    targets: Vectors  # (questions, dim), unit
    labels: Labels  # (questions,), never NONE
    itself: NDArray[np.int64]  # (questions, parts), places in the gallery, NONE where there is none
    kin: Labels  # (questions,), the group that asks; NONE where the group is what is asked for, or there is none
    apart: Vectors | None = None  # (questions, parts, dim), where each part is answered by itself and lists are merged

    def __len__(self) -> int:
        return len(self.targets)

    def some(self, rows: NDArray[np.int64]) -> Questions:
        apart = None if self.apart is None else self.apart[rows]
        return Questions(self.targets[rows], self.labels[rows], self.itself[rows], self.kin[rows], apart)


@dataclass(frozen=True)
class Hits:
    """One row for each hit of a question; `answerable` says in which of its two lives it was asked."""

    scores: Numbers
    means: Numbers  # of the question's cosines with the background
    spreads: Numbers
    truth: Truth
    first: Truth  # the hit of greatest cosine in its list
    answerable: Truth
    question: NDArray[np.int64]
    label: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def evidence(self, evidence: Evidence) -> Numbers:
        return evidence.of(self.scores, self.means, self.spreads)

    def some(self, rows: Truth | NDArray[np.int64]) -> Hits:
        return Hits(
            self.scores[rows], self.means[rows], self.spreads[rows], self.truth[rows], self.first[rows],
            self.answerable[rows], self.question[rows], self.label[rows],
        )  # fmt: skip


def hits_of(
    questions: Questions,
    gallery: ItemPoints,
    answers: Labels,
    background: Background,
    depth: int = DEPTH,
    on_block: Callable[[int], None] = lambda _: None,
) -> Hits:
    """Ask every question twice, exactly, and keep the first hits of each list."""
    found = []
    step = max(1, BLOCK_SCORES // max(1, len(gallery.points)))
    for start in range(0, len(questions), step):
        rows = np.arange(start, min(start + step, len(questions)))
        found += _asked_twice(questions.some(rows), rows, gallery, answers, background, depth)
        on_block(len(rows))
    return joined(found)


def item_scores(questions: Questions, gallery: ItemPoints) -> Vectors:
    """Cosine of each item's best point, (questions, items); what a question is made of is no answer to it."""
    scores = questions.targets @ gallery.points.T  # (questions, dim) · (dim, points) -> (questions, points)
    if len(gallery.points) != len(gallery.items):
        scores = np.maximum.reduceat(scores, gallery.starts, axis=1)
    for places in questions.itself.T:
        held = np.flatnonzero(places != NONE)
        scores[held, places[held]] = -np.inf
    return scores


def first_hits(
    questions: Questions, gallery: ItemPoints, alive: Vectors, depth: int = DEPTH
) -> tuple[Vectors, NDArray[np.int64]]:
    """Cosines and places of what a search shows of the living, (questions, depth), best first."""
    worth = alive
    if questions.apart is not None:
        lists = [item_scores(replace(questions, targets=rows), gallery) for rows in questions.apart.swapaxes(0, 1)]
        by_part = np.where(np.isfinite(alive)[:, None], np.stack(lists, axis=1), -np.inf)
        earned = reciprocal_ranks(by_part, np.ones(len(lists)))
        worth = np.where(np.isfinite(alive), earned, -np.inf)
    depth = min(depth, worth.shape[1])
    best = np.argpartition(-worth, depth - 1, axis=1)[:, :depth] if depth else np.empty((len(worth), 0), np.int64)
    order = np.argsort(-np.take_along_axis(worth, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    return np.take_along_axis(alive, best, axis=1), best


def _asked_twice(
    questions: Questions,
    numbers: NDArray[np.int64],
    gallery: ItemPoints,
    answers: Labels,
    background: Background,
    depth: int,
) -> list[Hits]:
    scores = item_scores(questions, gallery)
    relevant = questions.labels[:, None] == answers[None, :]
    level = background.level(questions.targets)
    answerable = (relevant & np.isfinite(scores)).any(axis=1)
    found = []
    bare = np.where(relevant, -np.inf, scores)
    for alive, rows in ((scores, np.flatnonzero(answerable)), (bare, np.arange(len(scores)))):
        cosines, places = first_hits(questions.some(rows), gallery, alive[rows], depth)
        right = np.take_along_axis(relevant[rows], places, axis=1)
        levels = level[0][rows], level[1][rows]
        found.append(_hits(cosines, right, numbers[rows], questions.labels[rows], levels, answerable=alive is scores))
    return found


def _hits(
    scores: Vectors,
    relevant: Truth,
    numbers: NDArray[np.int64],
    labels: Labels,
    level: tuple[Numbers, Numbers],
    answerable: bool,
) -> Hits:
    rows, ranks = np.nonzero(np.isfinite(scores))
    best = scores.argmax(axis=1) if scores.shape[1] else np.empty(len(scores), np.int64)
    return Hits(
        scores[rows, ranks].astype(np.float64), level[0][rows], level[1][rows], relevant[rows, ranks],
        ranks == best[rows], np.full(len(rows), answerable), numbers[rows], labels[rows],
    )  # fmt: skip


def joined(parts: Sequence[Hits]) -> Hits:
    columns = ("scores", "means", "spreads", "truth", "first", "answerable", "question", "label")
    return Hits(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))
