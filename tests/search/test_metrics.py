"""Ranks and metrics against cases worked by hand, a plain sort, and trec_eval."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval

from hearsee.core.vectors import unit
from hearsee.search.evaluate.metrics import estimates, worth
from hearsee.search.evaluate.ranks import NONE, ItemPoints, first_ranks


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_ranks_worked_by_hand() -> None:
    """Four items on a quarter circle; the question points along the first axis."""
    turns = np.deg2rad([0, 30, 60, 90])
    points = np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
    gallery = ItemPoints.of(ints(5, 6, 7, 8), points)
    asked = np.array([[1, 0]] * 4, np.float32)
    # Relevant: the nearest; the third; the second and the fourth; nothing.
    labels, item_labels = ints(1, 2, 3, 9), ints(1, 3, 2, 3)
    assert first_ranks(asked, labels, gallery, item_labels).tolist() == [1, 3, 2, 0]
    # An item that asks is not an answer: what was second is first.
    assert first_ranks(asked[:1], ints(3), gallery, item_labels, itself=ints(0)).tolist() == [1]
    assert first_ranks(asked[:1], ints(1), gallery, item_labels, itself=ints(0)).tolist() == [0]
    assert first_ranks(asked[:1], ints(NONE), gallery, ints(NONE, 1, 1, 1)).tolist() == [0]


def test_an_item_counts_by_its_best_point_and_asks_by_the_mean_of_its_points() -> None:
    points = np.array([[0, 1], [1, 0], [0.6, 0.8]], np.float32)
    gallery = ItemPoints.of(ints(2, 4, 2), points)  # item 2 owns the first and the last point
    assert gallery.items.tolist() == [2, 4]
    ranks = first_ranks(np.array([[0.8, 0.6], [0, 1]], np.float32), ints(0, 0), gallery, ints(0, 1))
    assert ranks.tolist() == [1, 1]  # 0.96 against 0.8; 1.0 against 0
    np.testing.assert_allclose(gallery.asked(ints(0, 1)), [unit(np.array([[0.6, 1.8]]))[0], [1, 0]], atol=1e-6)


def test_equal_scores_are_ordered_by_item_id() -> None:
    same = np.ones((3, 1), np.float32)
    gallery = ItemPoints.of(ints(1, 2, 3), same)
    assert first_ranks(same, ints(7, 8, 9), gallery, ints(7, 8, 9)).tolist() == [1, 2, 3]


def test_metrics_worked_by_hand() -> None:
    counts = worth(ints(1, 2, 0, 4), (1, 5))
    assert counts["recall@1"].tolist() == [1, 0, 0, 0]
    assert counts["recall@5"].tolist() == [1, 1, 0, 1]
    assert counts["mrr"].mean() == pytest.approx((1 + 1 / 2 + 0 + 1 / 4) / 4)


@pytest.mark.parametrize("block", [1, 700, 2**23])
def test_ranks_agree_with_trec_eval(block: int) -> None:
    """Recall@k as success@k and MRR as the reciprocal rank, over several relevant items and points per item."""
    rng = np.random.default_rng(7)
    owners = np.sort(rng.integers(0, 60, 200))
    gallery = ItemPoints.of(owners, unit(rng.standard_normal((200, 8))))
    item_labels = rng.integers(0, 12, len(gallery.items))
    labels = rng.integers(0, 12, 40)
    asked = unit(rng.standard_normal((40, 8)))
    counts = worth(first_ranks(asked, labels, gallery, item_labels, block_scores=block), (1, 5, 10))

    scores = np.maximum.reduceat(asked @ gallery.points.T, gallery.starts, axis=1)
    run = {f"q{q}": {f"i{i}": float(s) for i, s in enumerate(row)} for q, row in enumerate(scores)}
    judged = {
        f"q{q}": {f"i{i}": int(label == other) for i, other in enumerate(item_labels)} for q, label in enumerate(labels)
    }
    judge = pytrec_eval.RelevanceEvaluator(judged, {"success.1,5,10", "recip_rank"})
    expected = judge.evaluate(run)
    for q in range(len(labels)):
        theirs = expected[f"q{q}"]
        assert counts["mrr"][q] == pytest.approx(theirs["recip_rank"], abs=1e-6)
        for k in (1, 5, 10):
            assert counts[f"recall@{k}"][q] == theirs[f"success_{k}"]


def test_intervals_hold_the_value_shrink_with_more_questions_and_repeat() -> None:
    few = estimates(np.tile(ints(1, 2, 0, 4), 10), (1,), seed=3)["recall@1"]
    many = estimates(np.tile(ints(1, 2, 0, 4), 1000), (1,), seed=3)["recall@1"]
    assert few.low < few.value == 0.25 < few.high
    assert many.high - many.low < (few.high - few.low) / 5
    # The normal approximation of a share of 0.25 over 4,000 questions.
    assert many.high - many.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 * 0.75 / 4000), rel=0.1)
    assert few == estimates(np.tile(ints(1, 2, 0, 4), 10), (1,), seed=3)["recall@1"]
    sure = estimates(np.ones(50, np.int64), (1,), seed=0)["recall@1"]
    assert (sure.low, sure.value, sure.high) == (1.0, 1.0, 1.0)
