"""Spoiled media: level 0 is what it was, level 1 holds nothing of it, and the shape stays."""

from __future__ import annotations

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Media, Picture, Sound, Words
from hearsee.toybox.corrupt import WAYS, spoiled
from hearsee.toybox.sound import RATE
from hearsee.toybox.write import group

ONE = group(7, "validation", 0)
MEDIA: dict[str, Media] = {
    "picture": Picture(ONE.picture),
    "sound": Sound(ONE.samples, RATE),
    "words": Words("two small red owls on the left, far away"),
}


def numbers(media: Media) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    match media:
        case Picture():
            return media.pixels.astype(np.float64) / 255
        case Sound():
            return media.samples.astype(np.float64)
        case Words():
            return np.array([ord(sign) for sign in media.text], np.float64)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["picture", "sound"])
def test_more_is_lost_the_higher_the_level(kind: str, way: str) -> None:
    before = numbers(MEDIA[kind])
    lost = []
    for level in (0.1, 0.6, 1.0):
        after = spoiled(MEDIA[kind], np.random.default_rng(0), level, way)
        assert type(after) is type(MEDIA[kind])
        assert numbers(after).shape == before.shape
        lost.append(float(np.abs(numbers(after) - before).mean()))
    assert lost[0] < lost[1] < lost[2] + 1e-9


@pytest.mark.parametrize("way", WAYS)
def test_words_lose_words_or_letters(way: str) -> None:
    assert spoiled(MEDIA["words"], np.random.default_rng(0), 0, way) == MEDIA["words"]
    after = spoiled(MEDIA["words"], np.random.default_rng(0), 1, way)
    assert isinstance(after, Words)
    assert after.text
    assert "owls on the left" not in after.text


@pytest.mark.parametrize("kind", MEDIA)
def test_the_same_draw_spoils_the_same_way(kind: str) -> None:
    one, other = (spoiled(MEDIA[kind], np.random.default_rng(3), 0.5) for _ in range(2))
    np.testing.assert_array_equal(numbers(one), numbers(other))


def test_a_level_or_way_that_is_none_is_named() -> None:
    with pytest.raises(BadInput, match="level is 2"):
        spoiled(MEDIA["words"], np.random.default_rng(0), 2)
    with pytest.raises(BadInput, match="use one of noise, blur, cut"):
        spoiled(MEDIA["words"], np.random.default_rng(0), 0.5, "bend")
