"""No combination is in two splits, and every split shows every thing and every attribute."""

from __future__ import annotations

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SIDES, SIZES, THINGS
from hearsee.toybox.splits import SPLITS, combinations, draw_scene, split_of


def test_splits_are_disjoint_and_cover_everything() -> None:
    sizes = {split: len(combinations(split)) for split in SPLITS}
    together = set().union(*(combinations(split) for split in SPLITS))
    assert sum(sizes.values()) == len(together) == len(THINGS) * 4 * 3 * 3 * 2
    assert 0.66 < sizes["train"] / len(together) < 0.74
    assert 0.17 < sizes["held-out"] / len(together) < 0.23


@pytest.mark.parametrize("split", SPLITS)
def test_each_split_shows_every_value_of_every_attribute(split: str) -> None:
    columns = list(zip(*combinations(split), strict=True))
    for column, values in zip(columns, (THINGS, COUNTS, SIZES, SIDES, DISTANCES), strict=True):
        assert set(column) == set(values)


@pytest.mark.parametrize("split", SPLITS)
def test_a_drawn_scene_is_of_its_split_whatever_the_seed(split: str) -> None:
    scenes = [draw_scene(split, np.random.default_rng(seed)) for seed in range(500)]
    assert {split_of(scene) for scene in scenes} == {split}
    assert {scene.colour for scene in scenes} == set(COLOURS)


def test_the_assignment_never_changes() -> None:
    # Worked out once; another answer would leak held-out combinations into weights that are already trained.
    assert [len(combinations(split)) for split in SPLITS] == [2369, 371, 716]
    assert combinations("held-out")[0] == ("bell", 1, "small", "right", "near")


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(BadInput, match="'test'"):
        draw_scene("test", np.random.default_rng(0))
