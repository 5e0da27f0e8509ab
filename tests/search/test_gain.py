"""nDCG by hand and against trec_eval."""

from __future__ import annotations

import math

import numpy as np
import pytest
import pytrec_eval

from hearsee.search.evaluate.gain import ndcg


def test_by_hand() -> None:
    """Worth 3 at rank 2 and 1 at rank 3; the best order has them at ranks 1 and 2."""
    assert ndcg([9, 1, 2], {1: 3, 2: 1}, 10) == pytest.approx((3 / math.log2(3) + 1 / 2) / (3 + 1 / math.log2(3)))
    assert ndcg([1, 2], {1: 3, 2: 1}, 10) == 1
    assert ndcg([2, 1], {1: 3, 2: 1}, 1) == pytest.approx(1 / 3)
    assert ndcg([5], {1: 3}, 10) == ndcg([], {1: 3}, 10) == ndcg([1], {}, 10) == 0


@pytest.mark.parametrize("seed", range(5))
def test_as_trec_eval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gains = {int(item): int(rng.integers(1, 5)) for item in rng.choice(40, 15, replace=False)}
    order = rng.permutation(40).tolist()
    judge = pytrec_eval.RelevanceEvaluator({"q": {str(item): gain for item, gain in gains.items()}}, {"ndcg_cut_10"})
    run = {str(item): float(-rank) for rank, item in enumerate(order)}
    assert ndcg(order, {item: float(gain) for item, gain in gains.items()}, 10) == pytest.approx(
        judge.evaluate({"q": run})["q"]["ndcg_cut_10"]
    )
