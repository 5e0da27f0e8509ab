"""Fits one pair: held-out questions choose the evidence and the curve; what is there is told from what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from hearsee.search.calibration.curves import Curve, Truth, isotonic, logistic, platt
from hearsee.search.calibration.evidence import Evidence, Numbers
from hearsee.search.calibration.pair import PairCalibration, chances_by
from hearsee.search.calibration.population import Hits
from hearsee.search.calibration.presence import Lives, best_of, fit_presence, told_apart
from hearsee.search.calibration.reliability import calibration_error, log_loss, reliability

FOLDS = 5
FEWEST_QUESTIONS = 50  # answerable ones: with fewer a chance would be a guess
CURVES: dict[str, Callable[[Numbers, Truth], Curve]] = {"platt": platt, "isotonic": isotonic}
EVIDENCE = ("cosine", "margin", "both")


def fit_pair(asker: str, answering: str, hits: Hits, lives: Lives, seed: int = 0) -> PairCalibration | None:
    """The evidence of least surprise and the curve of least error, both held out; none where there is too little."""
    answerable = len(np.unique(hits.question[hits.answerable]))
    labels = np.unique(hits.label)
    if answerable < FEWEST_QUESTIONS or len(labels) < FOLDS or hits.truth.all() or not hits.truth.any():
        return None
    # Labels are dealt to the folds, not questions: nothing like a held-out question was fitted on.
    dealt = np.random.default_rng(seed).permutation(len(labels)) % FOLDS
    fold = dealt[np.searchsorted(labels, hits.label)]
    tried = {name: dict(_held_out(name, hits, fold)) for name in EVIDENCE}
    chosen = min(EVIDENCE, key=lambda name: min(log_loss(one, hits.truth) for one in tried[name].values()))
    # The best hit of a list is right more often than others of its evidence, so it has a curve of its own.
    first = hits.first
    method, best_method = (
        min(CURVES, key=lambda name: calibration_error(tried[chosen][name][which], hits.truth[which]))
        for which in (~first, first)
    )
    chances = np.where(first, tried[chosen][best_method], tried[chosen][method])
    evidence = weigh(chosen, hits)
    if lives.there.sum() < FEWEST_QUESTIONS:  # hardly anything is shown twice: the lists are all there is to judge by
        lives = best_of(hits)
    lost, told = told_apart(lives, dealt[np.searchsorted(labels, lives.label)])
    rest, best = (_curve(hits.some(which), evidence, name) for which, name in ((~first, method), (first, best_method)))
    return PairCalibration(
        asker=asker,
        answering=answering,
        evidence=evidence,
        curve=rest,
        best=best,
        method=f"{chosen}, {method}",
        best_method=best_method,
        presence=fit_presence(lives),
        questions=answerable,
        hits=len(hits),
        relevant=int(hits.truth.sum()),
        error=calibration_error(chances, hits.truth),
        first_error=calibration_error(chances[first], hits.truth[first]),
        lost=lost,
        told=told,
        table=reliability(chances, hits.truth),
        best_table=reliability(chances[first], hits.truth[first]),
    )


def weigh(name: str, hits: Hits) -> Evidence:
    """Cosine alone, margin alone, or what a logistic regression makes of both, as far as neither counts against."""
    if name == "both":
        features = np.column_stack([hits.scores, (hits.scores - hits.means) / hits.spreads])
        cosine, margin, _ = logistic(features, hits.truth).tolist()
        if cosine > 0 and margin > 0:
            return Evidence(cosine, margin)
        name = "cosine" if cosine > 0 else "margin"
    return Evidence(1.0, 0.0) if name == "cosine" else Evidence(0.0, 1.0)


def _held_out(name: str, hits: Hits, fold: NDArray[np.int64]) -> Iterator[tuple[str, Numbers]]:
    """For each curve the chance of every hit, by fits that did not see its label."""
    chances = {method: np.empty(len(hits)) for method in CURVES}
    for number in range(FOLDS):
        inside, known = fold == number, hits.some(fold != number)
        evidence = weigh(name, known)
        asked = hits.some(inside)
        for method in CURVES:
            rest, best = (_curve(known.some(which), evidence, method) for which in (~known.first, known.first))
            chances[method][inside] = chances_by(rest, best, asked.evidence(evidence), asked.first)
    yield from chances.items()


def _curve(hits: Hits, evidence: Evidence, method: str) -> Curve:
    """Where a list holds one item there are only best hits: then nothing else has a chance."""
    if not len(hits):
        return Curve((0.0,), (0.0,))
    return CURVES[method](hits.evidence(evidence), hits.truth)
