"""Media made worse: noised, blurred or muffled, cut short; what a query's part may look like on a bad day."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Media, Picture, Sound, Words

LETTERS = "abcdefghijklmnopqrstuvwxyz"

Pixels = NDArray[np.uint8]
Samples = NDArray[np.float32]


def spoiled(media: Media, rng: np.random.Generator, level: float, way: str | None = None) -> Media:
    """The media made worse by `level`, from 0 (as it was) to 1 (nothing is left), in one of WAYS or one drawn."""
    if not 0 <= level <= 1:
        raise BadInput(f"level is {level}: it must be from 0 to 1")
    chosen = way or WAYS[int(rng.integers(len(WAYS)))]
    if chosen not in WAYS:
        raise BadInput(f"unknown way to spoil {chosen!r}: use one of {', '.join(WAYS)}")
    match media:
        case Picture():
            return Picture(_PICTURES[chosen](media.pixels, rng, level))
        case Sound():
            return Sound(_SOUNDS[chosen](media.samples, rng, level), media.rate)
        case Words():
            return Words(_WORDS[chosen](media.text, rng, level))


def _noisy_picture(pixels: Pixels, rng: np.random.Generator, level: float) -> Pixels:
    """Each pixel moves towards one drawn at random."""
    noise = rng.integers(0, 256, pixels.shape).astype(np.float32)
    return ((1 - level) * pixels + level * noise).astype(np.uint8)


def _blurred_picture(pixels: Pixels, rng: np.random.Generator, level: float) -> Pixels:  # noqa: ARG001
    """A bell-shaped blur up to half the picture wide; in full it is one flat colour."""
    if level >= 1:
        return np.broadcast_to(pixels.mean(axis=(0, 1)).astype(np.uint8), pixels.shape).copy()
    radius = level**2 * min(pixels.shape[:2]) / 2  # pixels
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def _cut_picture(pixels: Pixels, rng: np.random.Generator, level: float) -> Pixels:
    """Grey but for a frame of the picture's own shape that holds a share of 1 - level."""
    kept = np.full_like(pixels, 128)
    height, width = (round(side * (1 - level) ** 0.5) for side in pixels.shape[:2])
    top, left = (
        int(rng.integers(0, side - part + 1)) for side, part in zip(pixels.shape, (height, width), strict=False)
    )
    kept[top : top + height, left : left + width] = pixels[top : top + height, left : left + width]
    return kept


def _noisy_sound(samples: Samples, rng: np.random.Generator, level: float) -> Samples:
    """White noise over a sound that fades: at a half both are as strong."""
    strength = float(np.sqrt(np.mean(samples**2))) or 0.05
    noise = rng.standard_normal(samples.shape, np.float32) * np.float32(strength)
    return np.clip((1 - level) * samples + level * noise, -1, 1).astype(np.float32)


def _muffled_sound(samples: Samples, rng: np.random.Generator, level: float) -> Samples:  # noqa: ARG001
    """Without its highs: the share of the spectrum that stays falls to nothing."""
    spectrum = np.fft.rfft(samples, axis=0)
    spectrum[int(len(spectrum) * 0.5 * (1 - level) ** 3) :] = 0
    return np.fft.irfft(spectrum, len(samples), axis=0).astype(np.float32)


def _cut_sound(samples: Samples, rng: np.random.Generator, level: float) -> Samples:
    """Silent but for a stretch."""
    kept = np.zeros_like(samples)
    frames = round(len(samples) * (1 - level))
    start = int(rng.integers(0, len(samples) - frames + 1))
    kept[start : start + frames] = samples[start : start + frames]
    return kept


def _noisy_words(text: str, rng: np.random.Generator, level: float) -> str:
    """Letters replaced by others."""
    hit = rng.random(len(text)) < level
    return "".join(
        LETTERS[int(rng.integers(26))] if wrong and sign.isalpha() else sign
        for sign, wrong in zip(text, hit, strict=True)
    )


def _blurred_words(text: str, rng: np.random.Generator, level: float) -> str:
    """Words replaced by "something"."""
    return " ".join("something" if rng.random() < level else word for word in text.split())


def _cut_words(text: str, rng: np.random.Generator, level: float) -> str:
    """A stretch of the words; of none at all, one."""
    words = text.split()
    count = max(1, round(len(words) * (1 - level)))
    start = int(rng.integers(0, len(words) - count + 1))
    return " ".join(words[start : start + count])


_PICTURES: Mapping[str, Callable[[Pixels, np.random.Generator, float], Pixels]] = {
    "noise": _noisy_picture,
    "blur": _blurred_picture,
    "cut": _cut_picture,
}
_SOUNDS: Mapping[str, Callable[[Samples, np.random.Generator, float], Samples]] = {
    "noise": _noisy_sound,
    "blur": _muffled_sound,
    "cut": _cut_sound,
}
_WORDS: Mapping[str, Callable[[str, np.random.Generator, float], str]] = {
    "noise": _noisy_words,
    "blur": _blurred_words,
    "cut": _cut_words,
}
WAYS = tuple(_PICTURES)
