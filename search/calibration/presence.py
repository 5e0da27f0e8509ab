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
from hearsee.search.calibration.population import Hits, Questions, first_hits, item_scores
from hearsee.search.evaluate.ranks import BLOCK_SCORES, NONE, ItemPoints, Labels


@dataclass(frozen=True)
class Askers:
    """The items of one asking modality that each question is made of, and which of them show what it asks for."""

    vectors: Vectors  # (questions, dim)
    items: NDArray[np.int64]  # (questions,), ids
    behind: Background
    labels: Labels  # (background rows,): what these are relevant to
    kin: Labels  # (background rows,): the group that these belong to

    def own(self, questions: Questions) -> Truth:
        """What a question is made of, and its group, (questions, rows): it is asked as if it were new."""
        itself: Truth = self.items[:, None] == self.behind.items[None, :]
        return itself | _shared(questions.kin, self.kin)

    def same(self, questions: Questions) -> Truth:
        return _shared(questions.labels, self.labels)

    def known(self, left_out: Truth) -> Numbers:
        """Cosine of each question with the nearest item of its kind, (questions,)."""
        nearest: Numbers = np.where(left_out, -1.0, self.vectors @ self.behind.rows.T).max(axis=1)
        return nearest

    def taken(self, best: Vectors, items: NDArray[np.int64], left_out: Truth) -> Numbers:
        """Cosine of each best answer with the nearest item of the asking kind but itself, (questions,)."""
        itself = items[:, None] == self.behind.items[None, :]
        nearest: Numbers = np.where(left_out | itself, -1.0, best @ self.behind.rows.T).max(axis=1)
        return nearest


def _shared(one: Labels, other: Labels) -> Truth:
    both: Truth = (one[:, None] == other[None, :]) & (one != NONE)[:, None]
    return both


@dataclass(frozen=True)
class Lives:
    """One row for each question in each of its lives: the best answer, and how well both are known."""

    scores: Numbers
    means: Numbers
    spreads: Numbers
    known: Numbers  # how near items of their own kind come to the parts
    taken: Numbers  # how near items of the asking kind come to the best answer
    there: Truth  # something relevant is
    label: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def some(self, rows: Truth) -> Lives:
        return Lives(*(getattr(self, name)[rows] for name in COLUMNS))

    @property
    def features(self) -> Numbers:
        return np.column_stack([self.scores, (self.scores - self.means) / self.spreads, self.known, self.taken])


COLUMNS = ("scores", "means", "spreads", "known", "taken", "there", "label")
SIGNS = np.array([1.0, 1.0, 1.0, -1.0])  # what each feature may count as: for, or against


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
    found = []
    step = max(1, BLOCK_SCORES // max(1, len(gallery.points)))
    for start in range(0, len(questions), step):
        at = np.arange(start, min(start + step, len(questions)))
        mine = [Askers(one.vectors[at], one.items[at], one.behind, one.labels, one.kin) for one in askers]
        found += _three_lives(questions.some(at), mine, gallery, answers, kin, behind)
    return Lives(*(np.concatenate([getattr(one, name) for one in found]) for name in COLUMNS))


def _three_lives(
    questions: Questions,
    askers: Sequence[Askers],
    gallery: ItemPoints,
    answers: Labels,
    kin: Labels,
    behind: Background,
) -> list[Lives]:
    scores = item_scores(questions, gallery)  # (questions, items)
    scores[_shared(questions.kin, kin)] = -np.inf
    relevant = _shared(questions.labels, answers)
    bare = np.where(relevant, -np.inf, scores)
    own = [one.own(questions) for one in askers]
    unlike = [mine | one.same(questions) for one, mine in zip(askers, own, strict=True)]
    left: Truth = np.isfinite(np.where(relevant, scores, -np.inf).max(axis=1, initial=-np.inf))
    for more, mine in zip(unlike, own, strict=True):
        left &= (more & ~mine).any(axis=1)
    something: Truth = np.isfinite(bare.max(axis=1, initial=-np.inf))
    means, spreads = behind.level(questions.targets)
    # The best answer among the background, as a search that knows nothing else finds it.
    places = np.searchsorted(gallery.items, behind.items)
    near = questions.targets @ behind.rows.T
    lives = []
    for alive, left_out, chosen, truth in (
        (scores, own, left, True),
        (bare, own, something, False),
        (bare, unlike, something, False),
    ):
        rows = np.where(np.isfinite(alive[:, places]), near, -np.inf).argmax(axis=1)
        known = np.mean([one.known(out) for one, out in zip(askers, left_out, strict=True)], axis=0)
        best, items = behind.rows[rows], behind.items[rows]
        taken = np.mean([one.taken(best, items, out) for one, out in zip(askers, left_out, strict=True)], axis=0)
        top = first_hits(questions, gallery, alive)[0].max(axis=1, initial=-np.inf).astype(np.float64)
        there = np.full(len(top), truth)
        lives.append(Lives(top, means, spreads, known, taken, there, questions.labels).some(chosen))
    return lives


def best_of(hits: Hits) -> Lives:
    """The best hit of each list, with nothing known of the questions."""
    first, nothing = hits.some(hits.first), np.zeros(int(hits.first.sum()))
    return Lives(first.scores, first.means, first.spreads, nothing, nothing, first.answerable, first.label)


def fit_presence(lives: Lives) -> Presence:
    """A logistic regression of the features that count as they may, with its floor."""
    there, features = lives.there, lives.features * SIGNS
    used = list(range(len(SIGNS)))
    while True:
        weights = logistic(features[:, used], there)[:-1]
        kept = [at for at, weight in zip(used, weights.tolist(), strict=True) if weight > 0]
        if len(kept) == len(used) or not kept:
            break
        used = kept
    found = np.zeros(len(SIGNS))
    found[used] = np.maximum(weights, 0)
    if not found[:2].any():  # then by cosine alone: a better hit must never count for less
        found[0] = 1.0
    odds = features @ found
    best = np.sort(odds[there])
    usual = float(np.median(lives.known[there])), float(np.median(lives.taken[there]))
    cosine, margin, known, taken = found.tolist()
    return Presence(cosine, margin, known, taken, float(best[_allowed(len(best))]), usual)


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
