"""The best hit of a list has a curve of its own: it is right more often than others that stand out as far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsee.core.modality import Modality
from hearsee.search import open_library
from hearsee.search.calibration.chance import Scale
from hearsee.search.calibration.curves import Curve
from hearsee.search.calibration.evidence import Evidence
from hearsee.search.calibration.fit import calibrate
from hearsee.search.calibration.fitting import fit_pair
from hearsee.search.calibration.pair import PairCalibration, Presence
from hearsee.search.calibration.population import Hits
from hearsee.search.calibration.presence import best_of
from hearsee.search.calibration.reliability import calibration_error
from tests.search.worlds import clustered_library

IMAGE, AUDIO, TEXT = Modality
RISING, EVEN = Curve((0.0, 1.0), (0.0, 1.0)), Curve((0.0, 1.0), (0.6, 0.6))


def scale(rest: Curve, best: Curve) -> Scale:
    evidence, presence = Evidence(1.0, 0.0), Presence(1.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0))
    pair = PairCalibration(
        "text", "image", evidence, rest, best, "cosine, platt", "platt", presence, 1, 1, 1, 0.0, 0.0, 0.0, 0.0, (), (),
    )  # fmt: skip
    return Scale(pair, *evidence.line(0.0, 1.0), (1.0, 0.0))


def test_the_nearest_hit_goes_by_its_own_curve_wherever_it_stands() -> None:
    assert scale(RISING, EVEN).chances([0.5, 0.3, 0.1]) == pytest.approx([0.6, 0.3, 0.1])
    assert scale(RISING, EVEN).chances([0.1, 0.5, 0.3]) == pytest.approx([0.1, 0.6, 0.3])
    assert scale(RISING, EVEN).chances([]) == []
    # A best hit never counts for less than another of its cosine: a list stays in order.
    assert scale(RISING, EVEN).chances([0.9, 0.8]) == pytest.approx([0.9, 0.8])


def hits(questions: int, seed: int) -> Hits:
    """Ten hits a question; the first is nearly always right where anything is, and evidence tells hardly anything."""
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.uniform(0.2, 0.3, (questions, 10)), axis=1)[:, ::-1]
    truth = np.zeros((questions, 10), np.bool_)
    there = np.arange(questions) % 4 > 0
    truth[:, 0] = (rng.random(questions) < 0.9) & there
    truth[:, 1:] = (rng.random((questions, 9)) < 0.02) & there[:, None]
    first = np.zeros_like(truth)
    first[:, 0] = True
    question = np.repeat(np.arange(questions), 10)
    flat = np.ones(10 * questions)
    return Hits(
        scores.ravel(), 0 * flat, flat, truth.ravel(), first.ravel(), np.repeat(there, 10), question, question,
    )  # fmt: skip


def test_best_hits_come_true_where_one_curve_for_all_would_be_too_modest() -> None:
    known, fresh = hits(400, 0), hits(400, 1)
    pair = fit_pair("text", "image", known, best_of(known))
    assert pair is not None
    assert pair.first_error < 0.06
    chances = pair.chances(fresh.evidence(pair.evidence), fresh.first)
    assert calibration_error(chances, fresh.truth) < 0.02
    assert calibration_error(chances[fresh.first], fresh.truth[fresh.first]) < 0.06
    alike = pair.curve(fresh.evidence(pair.evidence))[fresh.first]
    assert calibration_error(alike, fresh.truth[fresh.first]) > 0.3
    assert sum(one.hits for one in pair.best_table) == 400


def test_a_search_says_what_its_best_hits_are_worth(tmp_path: Path) -> None:
    with open_library(clustered_library(tmp_path / "library", 160)) as opened:
        found = calibrate(opened)
    assert {pair.first_error < 0.08 for pair in found.pairs.values()} == {True}
    assert np.mean([pair.first_error for pair in found.pairs.values()]) < 0.06
