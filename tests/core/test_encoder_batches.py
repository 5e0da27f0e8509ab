"""Batches by length: what is padded little goes together, every piece comes back in its place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsee.core.encoders.device import Run, batches, in_order
from hearsee.core.errors import BadInput
from hearsee.core.vectors import Vectors


@given(st.lists(st.integers(1, 77), max_size=80), st.integers(1, 40), st.integers(1, 10))
def test_every_piece_is_in_one_batch_that_is_neither_too_large_nor_padded_much(
    lengths: list[int], size: int, fewest: int
) -> None:
    found = list(batches(len(lengths), size, lengths, fewest))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    for batch in found:
        held = [lengths[place] for place in batch]
        assert 1 <= len(batch) <= size
        assert held == sorted(held)
        # behind the first few, nothing is longer than the shortest by more than an eighth
        assert all(8 * length <= 9 * held[0] for length in held[fewest:])
    for before, after in pairwise(found):
        full = len(before) == size
        assert full or (len(before) >= fewest and 8 * lengths[after[0]] > 9 * lengths[before[0]])


def test_without_lengths_batches_are_full_and_in_order() -> None:
    assert list(batches(7, 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches(0, 3)) == []


def test_rows_come_back_in_the_given_order_while_one_batch_is_in_flight() -> None:
    steps: list[str] = []
    lengths = [9, 1, 5, 1, 9, 30]

    def encode(places: Sequence[int]) -> Sequence[int]:
        steps.append("set to work")
        return places

    def land(places: Sequence[int]) -> Vectors:
        steps.append("waited for")
        return np.asarray([[lengths[place], 1.0] for place in places], np.float32)

    rows = in_order(len(lengths), encode, 2, lengths, 2, land)
    np.testing.assert_allclose(rows[:, 0] / rows[:, 1], lengths, rtol=1e-5)
    assert steps == ["set to work", "set to work", "waited for", "set to work", "waited for", "waited for"]


def test_a_batch_has_one_piece_or_more() -> None:
    assert Run(device="cpu").size == 32
    assert Run(device="cpu", batch=5).size == 5
    assert (Run(device="cpu").fewest, Run(device="meta").fewest) == (8, 32)
    with pytest.raises(BadInput, match="a batch of 0 pieces"):
        Run(batch=0)
