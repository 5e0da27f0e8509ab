"""What a listener could tell of a scene from its sound alone: every attribute but the colour."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SIDES, SIZES, THINGS, Scene
from hearsee.toybox.sound import FRAMES, RATE, VOICES, Voice, flac, sound

SCENE = Scene("bell", 2, "medium", "middle", "near", "red")
SCENES = st.builds(
    Scene,
    thing=st.sampled_from(THINGS),
    count=st.sampled_from(COUNTS),
    size=st.sampled_from(SIZES),
    side=st.sampled_from(SIDES),
    distance=st.sampled_from(DISTANCES),
    colour=st.sampled_from(COLOURS),
)


def heard(scene: Scene, seed: int = 0) -> NDArray[np.float32]:
    return sound(scene, np.random.default_rng(seed))


def energy(clip: NDArray[np.float32]) -> float:
    return float(np.mean(clip.astype(np.float64) ** 2))


def centroid(clip: NDArray[np.float32]) -> float:
    """The middle of the spectrum on a scale of octaves, as an ear would place it."""
    power = np.abs(np.fft.rfft(clip.sum(axis=1))) ** 2
    places = np.fft.rfftfreq(len(clip), 1.0 / RATE)
    audible = places > 60.0
    return float(np.average(np.log2(places[audible]), weights=power[audible]))


def strokes(clip: NDArray[np.float32]) -> int:
    """How often the level rises from quiet to loud, with at least a third of a second between."""
    frames = clip.mean(axis=1).reshape(-1, RATE // 100)
    window = np.hanning(9)
    level = np.convolve(np.sqrt((frames**2).mean(axis=1)), window / window.sum(), "same")
    loud = 0.35 * level.max()
    count, last, quiet = 0, -100, True
    for place, now in enumerate(level):
        if quiet and now > loud and place - last > 33:
            count, last, quiet = count + 1, place, False
        quiet = quiet or now < 0.6 * loud
    return count


def test_the_voices_are_exactly_the_things() -> None:
    assert sorted(VOICES) == sorted(THINGS)


@settings(max_examples=150, deadline=None)
@given(scene=SCENES, seed=st.integers(0, 2**32))
def test_any_scene_is_a_whole_clip_within_range_and_not_silent(scene: Scene, seed: int) -> None:
    clip = heard(scene, seed)
    assert clip.shape == (FRAMES, 2)
    assert clip.dtype == np.float32
    assert np.isfinite(clip).all()
    assert 0.01 < np.abs(clip).max() <= 1.0


@settings(max_examples=50, deadline=None)
@given(scene=SCENES, colour=st.sampled_from(COLOURS), seed=st.integers(0, 2**32))
def test_the_same_chances_sound_the_same_and_colour_is_not_heard(scene: Scene, colour: str, seed: int) -> None:
    assert np.array_equal(heard(scene, seed), heard(replace(scene, colour=colour), seed))


def test_what_was_played_before_changes_nothing() -> None:
    first = heard(SCENE, 5)
    for thing in THINGS:
        heard(replace(SCENE, thing=thing), 6)
    assert np.array_equal(first, heard(SCENE, 5))


def test_other_chances_sound_different() -> None:
    assert not np.array_equal(heard(SCENE, 1), heard(SCENE, 2))


@pytest.mark.parametrize("thing", THINGS)
def test_near_strokes_can_be_counted(thing: str) -> None:
    for count in COUNTS:
        for seed in range(3):
            scene = Scene(thing, count, SIZES[seed], SIDES[seed], "near", "red")
            assert strokes(heard(scene, seed)) == count, scene


@pytest.mark.parametrize("thing", THINGS)
def test_the_louder_side_is_the_scene_s_side(thing: str) -> None:
    for distance in DISTANCES:
        scene = replace(SCENE, thing=thing, distance=distance)
        lean = {}
        for side in SIDES:
            left, right = heard(replace(scene, side=side)).astype(np.float64).T
            lean[side] = 10 * np.log10(np.sum(right**2) / np.sum(left**2))  # dB
        assert lean["left"] < -5 < -3 < lean["middle"] < 3 < 5 < lean["right"], scene


@pytest.mark.parametrize("thing", THINGS)
def test_near_is_louder_than_far(thing: str) -> None:
    for seed in range(3):
        near, far = (heard(replace(SCENE, thing=thing, distance=distance), seed) for distance in ("near", "far"))
        assert energy(near) > 4 * energy(far)


@pytest.mark.parametrize("thing", ["rain", "hammer", "keyboard", "fire", "bicycle", "trumpet", "violin"])
def test_bright_things_are_duller_from_afar(thing: str) -> None:
    near, far = (heard(replace(SCENE, thing=thing, distance=distance)) for distance in DISTANCES)
    assert centroid(near) > centroid(far) + 0.1


def test_far_leaves_an_echo_that_differs_at_the_two_ears() -> None:
    near, far = (heard(replace(SCENE, thing="hammer", count=1, distance=distance), 3) for distance in ("near", "far"))
    likeness = [np.vdot(clip[:, 0], clip[:, 1]) / np.prod(np.linalg.norm(clip, axis=0)) for clip in (near, far)]
    assert likeness[0] > 0.95 > 0.9 > likeness[1]


@pytest.mark.parametrize("thing", THINGS)
def test_smaller_is_higher(thing: str) -> None:
    """By 0.7 octaves a step; far away the dull air flattens the difference for things that also thud."""
    for distance, least in (("near", 0.3), ("far", 0.15)):
        scene = replace(SCENE, thing=thing, distance=distance)
        small, medium, large = (centroid(heard(replace(scene, size=size), 4)) for size in SIZES)
        assert small > medium + least, distance
        assert medium > large + least, distance


def test_no_two_things_share_a_voice() -> None:
    """Over one stroke at the same pitch and chances, spectra through time are unlike for every two things."""
    voice = Voice(1.0, 4_800, (0.5,) * 16)
    pictures = []
    for thing in THINGS:
        stroke = VOICES[thing](voice)
        assert stroke.shape == (4_800,)
        power = np.abs(np.fft.rfft(stroke.reshape(10, 480), axis=1)) ** 2  # (moments, bins of 33 Hz)
        picture = np.log(power / power.max() + 1e-4).ravel()
        pictures.append((picture - picture.mean()) / picture.std())
    likeness = np.stack(pictures) @ np.stack(pictures).T / len(pictures[0])
    assert np.max(likeness - np.eye(len(THINGS))) < 0.95


@settings(max_examples=20, deadline=None)
@given(scene=SCENES, seed=st.integers(0, 2**32))
def test_flac_keeps_the_clip_to_16_bits(scene: Scene, seed: int) -> None:
    clip = heard(scene, seed)
    packed = flac(clip)
    assert packed[:4] == b"fLaC"
    back, rate = soundfile.read(io.BytesIO(packed), dtype="float32")
    assert rate == RATE
    assert np.max(np.abs(back - clip)) < 2.5 / 32_768
