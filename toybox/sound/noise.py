"""Unpitched building blocks: noise of a given colour, crackles and clicks, from one fixed noise bank."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hearsee.toybox.sound.tone import hit
from hearsee.toybox.sound.voice import RATE, Samples

BANK = 1 << 16


def _bank() -> NDArray[np.complex64]:
    rng = np.random.default_rng(20)
    bank = (rng.standard_normal(BANK) + 1j * rng.standard_normal(BANK)).astype(np.complex64)
    bank.setflags(write=False)
    return bank


_SPECTRUM = _bank()  # a slice of it is the spectrum of fresh-sounding white noise


@cache
def _places(frames: int) -> Samples:
    """Frequencies of the spectrum's bins in Hz, the first moved off zero."""
    places = np.fft.rfftfreq(frames, 1.0 / RATE).astype(np.float32)
    places[0] = places[1]
    places.setflags(write=False)
    return places


def shape(frames: int, low: float, high: float, steep: int = 2) -> Samples:
    """A band between two frequencies; its skirts fall by 6 dB an octave for each step of `steep`."""
    place = _places(frames)
    below, above = np.float32(low) / place, place / np.float32(min(high, 7600.0))
    band = 1.0 / ((1.0 + below * below) * (1.0 + above * above))
    return np.asarray(band if steep == 2 else band ** np.float32(steep / 2), dtype=np.float32)


def band(frames: int, low: float, high: float, pick: float, steep: int = 4) -> Samples:
    """Noise of a band, at an RMS of 1; `pick` in [0, 1) says which."""
    start = int(pick * (BANK - frames))
    wave = np.fft.irfft(_SPECTRUM[start : start + frames // 2 + 1] * shape(frames, low, high, steep), frames)
    return wave.astype(np.float32, copy=False) / np.float32(np.sqrt(np.dot(wave, wave) / frames) + 1e-12)


def scatter(pick: float, many: int) -> NDArray[np.float64]:
    """`many` chances in [0, 1) that follow from one."""
    start = int(pick * (BANK - many))
    # The angle of a complex normal is uniform.
    return np.angle(_SPECTRUM[start : start + many]).astype(np.float64) / (2.0 * np.pi) % 1.0


def crackle(frames: int, low: float, high: float, pick: float, many: int) -> Samples:
    """`many` clicks at uneven times and levels, each ringing in a band; peaks near 1."""
    chances = scatter(pick, 2 * many)
    clicks = np.zeros(frames, dtype=np.float32)
    clicks[(chances[:many] * (frames - 1)).astype(np.intp)] = (chances[many:] - 0.5) * 2.0
    wave = np.fft.irfft(np.fft.rfft(clicks) * shape(frames, low, high, 4), frames).astype(np.float32, copy=False)
    return wave / np.float32(np.max(np.abs(wave)) + 1e-12)


def burst(frames: int, at: float, decay: float, low: float, high: float, pick: float) -> Samples:
    """A short blow of noise."""
    return band(frames, low, high, pick) * hit(frames, at, decay, 0.001)
