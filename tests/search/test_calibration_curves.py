"""Curves and reliability against values worked by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsee.search.calibration.curves import Curve, isotonic, logistic, platt, pool
from hearsee.search.calibration.evidence import Evidence
from hearsee.search.calibration.reliability import calibration_error, log_loss, reliability

small = st.floats(-5, 5, allow_nan=False)


def test_pooling_worked_by_hand() -> None:
    np.testing.assert_allclose(pool([1, 3, 2, 4], [1, 1, 1, 1]), [1, 2.5, 2.5, 4])
    np.testing.assert_allclose(pool([3, 1, 2], [1, 1, 2]), [2, 2, 2])
    np.testing.assert_allclose(pool([2, 1], [3, 1]), [1.75, 1.75])  # weights count


@given(st.lists(st.tuples(small, st.floats(0.1, 10)), min_size=1, max_size=12))
def test_no_rising_sequence_is_nearer_than_the_pooled_one(pairs: list[tuple[float, float]]) -> None:
    values, weights = np.array([v for v, _ in pairs]), np.array([w for _, w in pairs])
    pooled = pool(values, weights)
    assert np.all(np.diff(pooled) >= -1e-12)

    # The minimax formula: max over starts before, of min over ends behind, of the mean between.
    def mean(start: int, end: int) -> float:
        return float(np.average(values[start : end + 1], weights=weights[start : end + 1]))

    n = len(values)
    exact = [max(min(mean(i, j) for j in range(at, n)) for i in range(at + 1)) for at in range(n)]
    np.testing.assert_allclose(pooled, exact, atol=1e-9)


def test_a_logistic_truth_is_found_again() -> None:
    rng = np.random.default_rng(0)
    evidence = rng.uniform(-1, 1, 20_000)
    chances = 1 / (1 + np.exp(-(6 * evidence - 2)))
    truth = rng.random(20_000) < chances
    slope, offset = logistic(evidence[:, None], truth)
    # At the greatest likelihood the errors balance: their sum, and their sum weighed by the evidence, are nought.
    errors = truth - 1 / (1 + np.exp(-(slope * evidence + offset)))
    assert abs(errors.mean()) < 1e-4
    assert abs((errors * evidence).mean()) < 1e-3
    np.testing.assert_allclose([slope, offset], [6, -2], rtol=0.06)
    for fit in (platt, isotonic):
        curve = fit(evidence, truth)
        assert np.abs(curve(evidence) - chances).mean() < 0.015
        assert calibration_error(curve(evidence), truth) < 0.01


@pytest.mark.parametrize("fit", [platt, isotonic])
@given(data=st.lists(st.tuples(small, st.booleans()), min_size=1, max_size=80))
def test_curves_never_fall_and_never_leave_zero_to_one(fit, data: list[tuple[float, bool]]) -> None:  # type: ignore[no-untyped-def]
    curve = fit(np.array([e for e, _ in data]), np.array([t for _, t in data]))
    chances = curve(np.linspace(-1e6, 1e6, 999))
    assert np.isfinite(chances).all()
    assert np.all(np.diff(chances) >= 0)
    assert 0 < chances[0] <= chances[-1] < 1


def test_evidence_that_misleads_gives_a_flat_curve() -> None:
    evidence = np.arange(1000.0)
    truth = evidence < 300
    for fit in (platt, isotonic):
        np.testing.assert_allclose(fit(evidence, truth)(evidence), 0.3, atol=0.01)


def test_a_perfect_separation_stays_finite_and_below_certainty() -> None:
    evidence = np.linspace(0, 1, 400)
    for fit in (platt, isotonic):
        chances = fit(evidence, evidence > 0.5)(evidence)
        assert chances[0] < 0.05
        assert 0.95 < chances[-1] < 1


@pytest.mark.parametrize(
    ("knots", "chances"),
    [((), ()), ((1.0,), ()), ((1.0, 1.0), (0.1, 0.2)), ((0.0, 1.0), (0.2, 0.1)), ((0.0,), (1.5,)), ((0.0,), (np.nan,))],
)  # fmt: skip
def test_a_curve_that_is_none_is_refused(knots: tuple[float, ...], chances: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must rise"):
        Curve(knots, chances)


@pytest.mark.parametrize("weights", [(-1, 2), (0, 0), (float("nan"), 1), (float("inf"), 1)])
def test_evidence_never_counts_against_a_cosine(weights: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="weights of evidence"):
        Evidence(*weights)


@given(small, small, st.floats(0, 9), st.floats(0.01, 9), small, st.floats(0.001, 2))
def test_evidence_rises_with_the_cosine_of_one_query(
    low: float, high: float, cosine: float, margin: float, mean: float, spread: float
) -> None:
    evidence = Evidence(cosine, margin)
    slope, offset = evidence.line(mean, spread)
    assert slope > 0
    one = evidence.of(np.array([low, high]), np.array([mean] * 2), np.array([spread] * 2))
    np.testing.assert_allclose(one, slope * np.array([low, high]) + offset, rtol=1e-6, atol=1e-6)


def test_reliability_worked_by_hand() -> None:
    chances = np.array([0.05, 0.15, 0.15, 0.95, 0.95, 1.0])
    truth = np.array([False, False, True, True, True, False])
    bins = reliability(chances, truth)
    assert [(one.low, one.hits) for one in bins] == [(0.0, 1), (0.1, 2), (0.9, 3)]
    assert [one.true for one in bins] == pytest.approx([0, 0.5, 2 / 3])
    error = (0.05 * 1 + abs(0.15 - 0.5) * 2 + abs(2.9 / 3 - 2 / 3) * 3) / 6
    assert calibration_error(chances, truth) == pytest.approx(error)
    assert log_loss(np.array([0.25, 0.5]), np.array([True, False])) == pytest.approx(-(np.log(0.25) + np.log(0.5)) / 2)
