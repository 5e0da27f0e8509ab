"""Weights and negatives worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.search.fusion import EncodedPart, MeanFusion


def part(*vector: float, weight: float = 1.0, negative: bool = False) -> EncodedPart:
    return EncodedPart(Modality.TEXT, weight, negative, np.array(vector, np.float32))


def fuse(*parts: EncodedPart) -> list[float]:
    fused = MeanFusion().fuse(parts, Modality.IMAGE)
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-6)
    return [round(float(number), 4) for number in fused]


def test_one_part_is_itself_whatever_its_weight() -> None:
    assert fuse(part(0.6, 0.8, weight=7)) == [0.6, 0.8]


def test_equal_parts_meet_in_the_middle() -> None:
    assert fuse(part(1, 0), part(0, 1)) == [0.7071, 0.7071]


def test_weights_pull_by_their_ratio() -> None:
    assert fuse(part(1, 0, weight=3), part(0, 1, weight=4)) == [0.6, 0.8]
    assert fuse(part(1, 0, weight=0.3), part(0, 1, weight=0.4)) == [0.6, 0.8]


def test_a_negative_part_is_taken_out_with_its_weight() -> None:
    # (1, 0) - 1.25 * 0.8 * (0, 1)
    assert fuse(part(1, 0), part(0, 1, weight=0.8, negative=True)) == [0.7071, -0.7071]
    # (0.6, 0.8) - 1.25 * 0.64 * (0, 1) leaves only the first axis.
    assert fuse(part(0.6, 0.8), part(0, 1, weight=0.64, negative=True)) == [1, 0]


def test_a_score_is_the_weighted_sum_of_the_parts_cosines_up_to_one_factor() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((3, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    parts = [part(*rows[0], weight=2), part(*rows[1])]
    others = rng.standard_normal((20, 8)).astype(np.float32)
    sums = 2 * others @ rows[0] + others @ rows[1]
    factors = (others @ MeanFusion().fuse(parts, Modality.IMAGE)) / sums
    np.testing.assert_allclose(factors, factors[0], rtol=1e-4)


def test_the_order_of_parts_does_not_show() -> None:
    rng = np.random.default_rng(1)
    parts = [part(*row / np.linalg.norm(row)) for row in rng.standard_normal((5, 8))]
    one, other = (MeanFusion().fuse(list(order), Modality.AUDIO) for order in (parts, reversed(parts)))
    assert one.tobytes() == other.tobytes()


def test_parts_that_cancel_out_say_so() -> None:
    with pytest.raises(BadInput, match="cancel each other out"):
        fuse(part(1, 0), part(1, 0, negative=True))
    with pytest.raises(BadInput, match="cancel each other out"):
        fuse(part(1, 0), part(-1, 0))
