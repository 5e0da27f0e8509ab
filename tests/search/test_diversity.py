"""Maximal marginal relevance: worked by hand, and what holds for any hits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsee.core.errors import BadInput
from hearsee.core.vectors import unit
from hearsee.search.diversity import diverse, likeness
from hearsee.search.finishing import diversity as checked


def test_by_hand() -> None:
    """a and b are all but one thing, c is another, d is nothing like the question.

    d = ½: a comes first. Then b is worth ½·0.9 − ½·0.95 = −0.025, c ½·0.5 − ½·0.2 = 0.15, d 0 − 0: c. Then b has its
    −0.025 still and d 0: d, and b last.
    """
    alike = np.array([[1, 0.95, 0.2, 0], [0.95, 1, 0.2, 0], [0.2, 0.2, 1, 0], [0, 0, 0, 1]])
    relevance = [1.0, 0.9, 0.5, 0.0]
    assert diverse(relevance, alike, 4, 0.5) == [0, 2, 3, 1]
    assert diverse(relevance, alike, 4, 0.0) == [0, 1, 2, 3]
    assert diverse(relevance, alike, 4, 1.0) == [0, 3, 2, 1]
    assert diverse([10 * one + 3 for one in relevance], alike, 3, 0.5) == [0, 2, 3]  # any scale
    assert diverse([], np.empty((0, 0)), 5, 0.5) == []


@given(st.integers(1, 12), st.integers(1, 15), st.floats(0, 1), st.integers(0, 99))
def test_whatever_is_chosen(count: int, k: int, diversity: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    relevance = np.sort(rng.random(count))[::-1].tolist()
    alike = likeness(unit(rng.standard_normal((count, 4))), (["image", "audio"] * count)[:count])
    chosen = diverse(relevance, alike, k, diversity)
    assert len(chosen) == len(set(chosen)) == min(k, count)
    assert chosen[0] == 0  # the best hit stays the best
    assert chosen == diverse(relevance, alike, count, diversity)[: len(chosen)]  # more hits never change the first
    assert diverse(relevance, alike, count, 0.0) == list(range(count))


def test_a_copy_comes_after_what_is_as_relevant_but_different() -> None:
    points = unit(np.array([[1.0, 0], [1, 0], [0, 1]]))
    alike = likeness(points, ["image"] * 3)
    assert diverse([0.9, 0.8, 0.8], alike, 3, 0.3) == [0, 2, 1]
    assert likeness(points, ["image", "audio", "image"])[0].tolist() == [1, 0, 0]  # a sound is no copy of a picture


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan"), True, "0.5", 10**400])
def test_what_is_no_share_is_refused(bad: float) -> None:
    with pytest.raises(BadInput, match="it must be from 0"):
        checked(bad)
