"""Which combinations of attributes are for training, validation and held-out: the same in every run, for every seed."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from itertools import product
from typing import TypeAlias

import numpy as np

from hearsee.core.errors import BadInput
from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SIDES, SIZES, THINGS, Scene

SPLITS = ("train", "validation", "held-out")
_BOUNDS = {"train": range(70), "validation": range(70, 80), "held-out": range(80, 100)}  # per cent of combinations

Combination: TypeAlias = tuple[str, int, str, str, str]  # thing, count, size, side, distance


def split_of(scene: Scene) -> str:
    """The split that the scene's heard attributes belong to; colour plays no part."""
    where = _place((scene.thing, scene.count, scene.size, scene.side, scene.distance))
    return next(split for split, bounds in _BOUNDS.items() if where in bounds)


@cache
def combinations(split: str) -> tuple[Combination, ...]:
    """Every combination of the split, in the order of the attribute tables."""
    if split not in _BOUNDS:
        raise BadInput(f"unknown split {split!r}: use one of {', '.join(SPLITS)}")
    everything = product(THINGS, COUNTS, SIZES, SIDES, DISTANCES)
    return tuple(combination for combination in everything if _place(combination) in _BOUNDS[split])


def draw_scene(split: str, rng: np.random.Generator) -> Scene:
    """A scene of the split, every combination and every colour equally likely."""
    choices = combinations(split)
    thing, count, size, side, distance = choices[int(rng.integers(len(choices)))]
    return Scene(thing, count, size, side, distance, COLOURS[int(rng.integers(len(COLOURS)))])


def _place(combination: Combination) -> int:
    """0 to 99, from a hash that no seed and no Python version changes."""
    return int.from_bytes(blake2b("/".join(map(str, combination)).encode(), digest_size=8).digest()) % 100
