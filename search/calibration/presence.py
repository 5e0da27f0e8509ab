"""Whether anything relevant is there at all: told by the best hit, and by how well the library knows such questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors
from hearsee.search.calibration.curves import Truth, logistic
from hearsee.search.calibration.evidence import Background, Numbers
from hearsee.search.calibration.pair import LOST, Presence
from hearsee.search.calibration.population import Hits, Questions, item_scores
from hearsee.search.evaluate.ranks import BLOCK_SCORES, NONE, ItemPoints, Labels


@dataclass(frozen=True)
class Askers:
    """The items of one asking modality that each question is made of, and which of them show what it asks for."""

    vectors: Vectors  # (questions, dim)
    items: NDArray[np.int64]  # (questions,), ids
    behind: Background
    labels: Labels  # (background rows,): what these are relevant to
    kin: Labels  # (background rows,): the group that these belong to

    def known(self, questions: Questions) -> tuple[Numbers, Numbers, Truth]:
        """Cosine of each question with the nearest of its kind: among all, and among those that show something else.

        What a question is made of, and its group, do not count: it is asked as if it were new. Last, whether the
        library has another item of its kind for the same.
        """
        cosines = self.vectors @ self.behind.rows.T  # (questions, background rows)
        own = self.items[:, None] == self.behind.items[None, :]
        own |= (questions.kin[:, None] == self.kin[None, :]) & (questions.kin != NONE)[:, None]
        same = questions.labels[:, None] == self.labels[None, :]
        there = np.where(own, -1.0, cosines).max(axis=1)
        return there, np.where(own | same, -1.0, cosines).max(axis=1), (same & ~own).any(axis=1)


@dataclass(frozen=True)
class Lives:
    """One row for each question in each of its lives: the best answer, and how well such questions are known."""

    scores: Numbers
    means: Numbers
    spreads: Numbers
    known: Numbers
    there: Truth  # something relevant is
    label: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def some(self, rows: Truth) -> Lives:
        return Lives(*(getattr(self, name)[rows] for name in COLUMNS))

    @property
    def features(self) -> Numbers:
        return np.column_stack([self.scores, (self.scores - self.means) / self.spreads, self.known])


COLUMNS = ("scores", "means", "spreads", "known", "there", "label")


def lives_of(
    questions: Questions,
    askers: Sequence[Askers],
    gallery: ItemPoints,
    answers: Labels,
    kin: Labels,
    behind: Background,
) -> Lives:
    """Every question asked as if its group were new: as it is, without what is relevant, and where that is unknown too.

    As it is only where something relevant is left, and where each of its parts has another like it: a question whose
    like the library never saw would teach that it need not know any.
    """
    known = [one.known(questions) for one in askers]
    there, unknown = (np.mean([one[at] for one in known], axis=0) for at in (0, 1))
    again = np.all([one[2] for one in known], axis=0)
    means, spreads = behind.level(questions.targets)
    nothing = np.empty(0)
    rows = [Lives(nothing, nothing, nothing, nothing, nothing.astype(np.bool_), nothing.astype(np.int64))]
    step = max(1, BLOCK_SCORES // max(1, len(gallery.points)))
    for start in range(0, len(questions), step):
        at = np.arange(start, min(start + step, len(questions)))
        some = questions.some(at)
        scores = item_scores(some, gallery)
        scores[(some.kin[:, None] == kin[None, :]) & (some.kin != NONE)[:, None]] = -np.inf
        relevant = some.labels[:, None] == answers[None, :]
        bare = np.where(relevant, -np.inf, scores).max(axis=1, initial=-np.inf)
        best = scores.max(axis=1, initial=-np.inf)
        left = (relevant & np.isfinite(scores)).any(axis=1) & again[at]
        lives = (
            (best, there, left, True),
            (bare, there, np.isfinite(bare), False),
            (bare, unknown, np.isfinite(bare), False),
        )
        for top, knows, chosen, truth in lives:
            mine = at[chosen]
            columns = top[chosen].astype(np.float64), means[mine], spreads[mine], knows[mine]
            rows.append(Lives(*columns, np.full(len(mine), truth), questions.labels[mine]))
    return Lives(*(np.concatenate([getattr(row, name) for row in rows]) for name in COLUMNS))


def best_of(hits: Hits) -> Lives:
    """The best hit of each list, with nothing known of the questions."""
    first = hits.some(hits.first)
    return Lives(first.scores, first.means, first.spreads, np.zeros(len(first)), first.answerable, first.label)


def fit_presence(lives: Lives) -> Presence:
    """A logistic regression of as many features as count for and not against, with its floor."""
    there = lives.there
    used = [0, 1, 2]
    while True:
        weights = logistic(lives.features[:, used], there)
        against = [at for at, weight in zip(used, weights[:-1].tolist(), strict=True) if weight <= 0]
        if not against or len(used) == 1:
            break
        used = [at for at in used if at not in against] or [0]
    found = np.zeros(3)
    found[used] = np.maximum(weights[:-1], 0)
    if not found[:2].any():  # then by cosine alone: a better hit must never count for less
        found[0] = 1.0
    cosine, margin, known = found.tolist()
    odds = lives.features @ found
    best = np.sort(odds[there])
    usual = float(np.median(lives.known[there]))
    return Presence(cosine, margin, known, float(best[_allowed(len(best))]), usual)


def _allowed(questions: int) -> int:
    """How many of the answerable questions may lie below the floor, a standard error on the safe side."""
    most = LOST * questions
    return int(max(most - most**0.5, 0))


def told_apart(
    lives: Lives, folds: NDArray[np.int64], fit: Callable[[Lives], Presence] = fit_presence
) -> tuple[float, float]:
    """Shares of answerable and of unanswerable questions below a floor that did not see them."""
    below = np.zeros(len(lives), np.bool_)
    for number in np.unique(folds):
        inside = folds == number
        found = fit(lives.some(~inside))
        below[inside] = lives.features[inside] @ found.weights < found.floor
    return float(below[lives.there].mean()), float(below[~lives.there].mean())
