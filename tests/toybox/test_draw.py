"""What a scene says must be seen in its picture: each attribute is read back from the pixels."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import ndimage  # type: ignore[import-untyped]

from hearsee.toybox.draw.background import SIDE, backdrop
from hearsee.toybox.draw.palette import BODIES, palette
from hearsee.toybox.draw.picture import picture
from hearsee.toybox.draw.things import DRAWINGS
from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SIDES, SIZES, THINGS, Scene

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
SCENE = Scene(thing="bell", count=1, size="large", side="middle", distance="near", colour="red")


def pixels(scene: Scene, seed: int = 0) -> Pixels:
    return np.asarray(picture(scene, np.random.default_rng(seed)), np.float64)


def drawn(scene: Scene, seed: int = 0) -> Mask:
    """Where the thing's colour shows: what changes when the scene is another colour and all else stays."""
    red, blue = (pixels(replace(scene, colour=colour), seed) for colour in ("red", "blue"))
    changed: Mask = np.abs(red - blue).max(axis=2) > 24
    return changed


def extent(mask: Mask) -> int:
    """The longer side of the box around what is drawn, in pixels."""
    rows, columns = np.nonzero(mask)
    return int(max(np.ptp(rows), np.ptp(columns))) + 1


def named_colour(scene: Scene, seed: int) -> str:
    """The colour that most filled pixels are near to, as that distance shows it."""
    haze = backdrop(np.random.default_rng(seed).random(56).tolist()[:16]).haze if scene.distance == "far" else None
    bodies = np.array([palette(name, haze, (0, 0, 0, 0))["body"][:3] for name in COLOURS], np.float64)
    seen = pixels(scene, seed)
    spread = ndimage.maximum_filter(seen, (2, 2, 1)) - ndimage.minimum_filter(seen, (2, 2, 1))
    fills = seen[drawn(scene, seed) & (spread.max(axis=2) < 26)]  # flat areas: no outlines
    apart = np.linalg.norm(fills[:, None] - bodies[None], axis=2)  # (pixels, colours)
    votes = np.bincount(apart.argmin(axis=1)[apart.min(axis=1) < 36], minlength=len(COLOURS))
    return COLOURS[int(votes.argmax())]


def test_there_is_one_drawing_for_each_thing() -> None:
    assert tuple(DRAWINGS) == THINGS
    assert len(set(DRAWINGS.values())) == len(THINGS)


@pytest.mark.parametrize("thing", THINGS)
def test_a_thing_fills_its_place_and_repeats_itself(thing: str) -> None:
    scene = replace(SCENE, thing=thing)
    first = picture(scene, np.random.default_rng(3))
    assert (first.mode, first.size) == ("RGB", (SIDE, SIDE))
    assert first.tobytes() == picture(scene, np.random.default_rng(3)).tobytes()
    assert first.tobytes() != picture(scene, np.random.default_rng(4)).tobytes()
    assert 30 <= extent(drawn(scene)) <= 60  # of 48 pixels, tilted, stretched and outlined


def test_any_two_things_look_different() -> None:
    seen = {thing: pixels(replace(SCENE, thing=thing)) for thing in THINGS}
    for one, other in combinations(THINGS, 2):
        assert (np.abs(seen[one] - seen[other]).max(axis=2) > 40).sum() > 150, (one, other)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("distance", DISTANCES)
def test_the_colour_is_the_named_one_on_every_thing(colour: str, distance: str) -> None:
    scene = replace(SCENE, colour=colour, distance=distance)
    wrong = {
        thing: named
        for seed, thing in enumerate(THINGS)
        if (named := named_colour(replace(scene, thing=thing), seed)) != colour
    }
    assert wrong == {}


def test_far_colours_stay_apart_from_near_ones() -> None:
    far = {name: palette(name, (225, 228, 232), (0, 0, 0, 0))["body"][:3] for name in BODIES}
    for name, shown in far.items():
        apart = {other: np.linalg.norm(np.subtract(shown, far[other])) for other in far if other != name}
        assert min(apart.values()) > 45, (name, apart)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("distance", DISTANCES)
def test_the_group_lies_on_its_side(count: int, size: str, distance: str) -> None:
    scene = replace(SCENE, count=count, size=size, distance=distance)
    for seed, thing in enumerate(THINGS[::3]):
        middles = [np.nonzero(drawn(replace(scene, thing=thing, side=side), seed))[1].mean() / SIDE for side in SIDES]
        assert middles[0] < 0.4 < 0.42 < middles[1] < 0.58 < 0.6 < middles[2], (thing, middles)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("count", COUNTS)
def test_as_many_are_drawn_as_are_counted(side: str, distance: str, count: int) -> None:
    for seed in range(6):
        for size in SIZES:
            scene = Scene("balloon", count, size, side, distance, "red")
            _, found = ndimage.label(drawn(scene, seed))
            assert found == count, (size, seed)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("thing", ["bell", "train", "frog"])
def test_size_and_distance_make_six_kinds_of_picture(count: int, thing: str) -> None:
    areas: dict[tuple[str, str], list[float]] = {}
    feet: dict[str, list[int]] = {distance: [] for distance in DISTANCES}
    for size in SIZES:
        for distance in DISTANCES:
            scene = replace(SCENE, thing=thing, count=count, size=size, distance=distance)
            masks = [drawn(scene, seed) for seed in range(12)]
            areas[size, distance] = [float(mask.sum()) for mask in masks]
            feet[distance] += [int(np.nonzero(mask)[0].max()) for mask in masks]
    assert max(feet["far"]) + 8 < min(feet["near"])  # where it stands tells near from far, whatever its size
    for distance in DISTANCES:
        small, medium, large = (areas[size, distance] for size in SIZES)
        assert max(small) < min(medium)
        assert max(medium) < min(large)
    for size in SIZES:
        assert max(areas[size, "far"]) < min(areas[size, "near"])


def test_far_things_are_hazy() -> None:
    for seed in range(8):
        near, far = (replace(SCENE, distance=distance) for distance in ("near", "far"))
        contrast = [np.ptp(pixels(scene, seed)[drawn(scene, seed)], axis=1).mean() for scene in (near, far)]
        assert contrast[1] < 0.85 * contrast[0]
