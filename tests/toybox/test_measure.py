"""Recall worked by hand: what counts as right depends on what the two sides share."""

from __future__ import annotations

import numpy as np
import pytest

from hearsee.toybox.measure import SHARED, alike, first_ranks, measure
from hearsee.toybox.scene import HEARD, SEEN, Scene

RED = Scene("bell", 1, "small", "left", "near", "red")
BLUE = Scene("bell", 1, "small", "left", "near", "blue")
OWL = Scene("owl", 1, "small", "left", "near", "red")


def test_colour_counts_only_where_it_is_shared() -> None:
    scenes = [RED, BLUE, OWL]
    assert alike(scenes, HEARD).tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    np.testing.assert_array_equal(alike(scenes, SEEN), np.eye(3, dtype=bool))


def test_ranks_by_hand_and_ties_go_against_us() -> None:
    asking = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    answering = np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8]], np.float32)
    right = np.array([[True, False, False], [True, False, False]])
    # First: the right answer ties with a wrong one. Second: one wrong is nearer, one ties at zero.
    assert first_ranks(asking, answering, right).tolist() == [2, 3]


def test_a_sound_that_is_perfect_but_colour_blind_is_right() -> None:
    scenes = [RED, BLUE, OWL]
    coloured, blind = np.eye(3, dtype=np.float32), np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], np.float32)
    figures = measure({"image": coloured, "text": coloured, "audio": blind}, scenes)
    assert set(figures) == set(SHARED)
    assert all(cuts["recall@1"].value == 1.0 for cuts in figures.values())


def test_intervals_hold_the_value_and_chance_is_low() -> None:
    rng = np.random.default_rng(0)
    things = ("bell", "owl", "drum", "car")
    scenes = [Scene(things[i % 4], 1 + i % 3, "small", "left", "near", "red") for i in range(300)]
    figures = measure({name: rng.standard_normal((300, 16)) for name in ("image", "audio", "text")}, scenes)
    for cuts in figures.values():
        one = cuts["recall@1"]
        assert one.low <= one.value <= one.high
        assert one.queries == 300
        assert one.value == pytest.approx(1 / 12, abs=0.06)
        assert cuts["recall@10"].value >= cuts["recall@5"].value >= one.value
