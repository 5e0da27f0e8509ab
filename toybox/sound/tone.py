"""Pitched building blocks: phases, wavetables with formants, ringing partials, envelopes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from hearsee.toybox.sound.voice import RATE, Samples

TABLE = 1024  # points of one cycle: read without interpolation, the error stays near -55 dB
TAU = np.float32(2.0 * np.pi)
NYQUIST = RATE / 2

Formants = Sequence[tuple[float, float, float]]  # (centre in Hz, half width in Hz, gain)


@cache
def seconds(frames: int) -> Samples:
    return _frozen(np.arange(frames, dtype=np.float32) / np.float32(RATE))


@cache
def ramp(frames: int) -> Samples:
    """From 0 to 1 over the stroke."""
    return _frozen(np.linspace(0.0, 1.0, frames, dtype=np.float32))


def curve(frames: int, *points: tuple[float, float]) -> Samples:
    """Straight lines through (place in the stroke from 0 to 1, value)."""
    places, values = zip(*points, strict=True)
    wave: Samples = np.interp(ramp(frames), places, values).astype(np.float32)
    return wave


def cycles(hz: Samples) -> Samples:
    """Phase in whole turns of a moving frequency; summed in double so that long strokes stay in tune."""
    turns = np.cumsum(hz, dtype=np.float64)
    turns /= RATE
    return turns.astype(np.float32)


def steady(frames: int, hz: float) -> Samples:
    """Phase in whole turns of a frequency that stays."""
    return seconds(frames) * np.float32(hz)


def sine(turns: Samples) -> Samples:
    wave: Samples = np.sin(turns * TAU)
    return wave


def wobble(frames: int, rate_hz: float, depth: float, start: float = 0.0) -> Samples:
    """A factor around 1: vibrato for a frequency, tremolo for a level."""
    wave: Samples = 1.0 + np.float32(depth) * np.sin(TAU * (steady(frames, rate_hz) + np.float32(start)))
    return wave


def harmonics(hz: float, formants: Formants, tilt: float = 1.0, floor: float = 0.02) -> Samples:
    """Levels of the harmonics of `hz`: a falling source, shaped by resonances."""
    order = np.arange(1, max(2, int(0.9 * NYQUIST / hz)), dtype=np.float32)
    place = order * np.float32(hz)
    shape = np.full_like(order, floor if formants else 1.0)
    for centre, width, gain in formants:
        away = (place - np.float32(centre)) / np.float32(width)
        shape += np.float32(gain) / (1.0 + away * away)
    return shape / order ** np.float32(tilt)


def table(levels: Samples | Sequence[float], highest: float = 20.0) -> Samples:
    """One cycle holding these harmonics, with phases spread so that it is not one sharp peak.

    It will be played no higher than `highest` Hz: harmonics that would then fold back are left out.
    """
    heard = np.asarray(levels, dtype=np.float32)[: max(1, int(0.98 * NYQUIST / highest))]
    order = np.arange(1, len(heard) + 1, dtype=np.float32)
    turned = np.zeros(TABLE // 2 + 1, dtype=np.complex64)
    turned[1 : len(heard) + 1] = heard * np.exp(1j * np.float32(np.pi) * order * order / np.float32(len(heard)))
    cycle: Samples = np.fft.irfft(turned, TABLE).astype(np.float32)
    return cycle / np.float32(np.sqrt(np.dot(cycle, cycle) / TABLE))


def play(cycle: Samples, turns: Samples) -> Samples:
    """Read a table along a phase."""
    wave: Samples = cycle[(turns * np.float32(TABLE)).astype(np.int32) & (TABLE - 1)]
    return wave


def pulses(turns: Samples, sharpness: float) -> Samples:
    """A decay that starts again with every turn: from 1 down to exp(-sharpness)."""
    wave: Samples = np.exp(np.float32(-sharpness) * (turns - np.floor(turns)))
    return wave


def croak(turns: Samples, hz: Samples | float, formants: Formants) -> Samples:
    """A resonance struck anew with every turn, the way a throat or a creaking hinge is."""
    since = (turns - np.floor(turns)) / np.asarray(hz, dtype=np.float32)  # seconds since the last pulse
    out = np.zeros_like(turns)
    for centre, width, gain in formants:
        out += np.float32(gain) * np.exp(np.float32(-np.pi * width) * since) * np.sin(TAU * np.float32(centre) * since)
    return out


def ring(frames: int, hz: float, modes: Sequence[tuple[float, float, float]]) -> Samples:
    """Partials that die away, each (ratio to `hz`, level, seconds to fall to a third); none above hearing."""
    heard = [mode for mode in modes if mode[0] * hz < 0.95 * NYQUIST]
    ratios, levels, decays = np.asarray(heard, dtype=np.float32).T
    now = seconds(frames)
    waves = np.sin(np.outer(ratios * TAU * np.float32(hz), now))  # (modes, frames)
    waves *= np.exp(np.outer(-1.0 / decays, now))
    return np.asarray(levels @ waves, dtype=np.float32)


def hit(frames: int, at: float, decay: float, attack: float = 0.002) -> Samples:
    """Silence, then a quick rise at `at` seconds and an exponential fall."""
    since = np.maximum(seconds(frames) - np.float32(at), 0.0)
    wave: Samples = np.minimum(since / np.float32(attack), 1.0) * np.exp(since * np.float32(-1.0 / decay))
    return wave


def swell(frames: int, attack: float, release: float, end: float | None = None) -> Samples:
    """A rise, a hold and a fall that ends at `end` seconds (the stroke's end when not given), rounded."""
    now = seconds(frames)
    last = frames / RATE if end is None else end
    level = np.minimum(now / np.float32(attack), (np.float32(last) - now) / np.float32(release))
    level = np.clip(level, 0.0, 1.0)
    wave: Samples = level * level * (3.0 - 2.0 * level)
    return wave


def _frozen(values: Samples) -> Samples:
    values.setflags(write=False)
    return values
