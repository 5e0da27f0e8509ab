"""Voices of water, fire and sky: mostly noise."""

from __future__ import annotations

import numpy as np

from hearsee.toybox.sound.noise import band, burst, crackle, scatter
from hearsee.toybox.sound.tone import curve, hit, seconds, sine, swell
from hearsee.toybox.sound.voice import Samples, Voice


def fire(voice: Voice) -> Samples:
    """Crackling: sharp sparks at uneven times over a low flutter."""
    n, p = voice.frames, voice.pitch
    sparks = crackle(n, 1200 * p, 3600 * p, voice.dials[12], int(voice.dial(0, 14, 20)))
    embers = band(n, 110 * p, 330 * p, voice.dials[13]) * np.float32(voice.dial(1, 0.13, 0.18))
    return (sparks + embers) * swell(n, 0.03, 0.05)


def rain(voice: Voice) -> Samples:
    """A shower: a wide, high wash full of drops."""
    n, p = voice.frames, voice.pitch
    wash = band(n, 1300 * p, 4200 * p, voice.dials[12], 3)
    drops = crackle(n, 2200 * p, 5000 * p, voice.dials[13], 70)
    return (wash * np.float32(0.22) + drops * np.float32(voice.dial(0, 0.5, 0.7))) * swell(n, 0.05, 0.06)


def tap(voice: Voice) -> Samples:
    """Dripping: round bubbles of sound, each sliding upwards."""
    n, now = voice.frames, seconds(voice.frames)
    uneven = scatter(voice.dials[0], 8)
    out = np.zeros(n, dtype=np.float32)
    for number in range(4):
        at = 0.062 * number + 0.02 * float(uneven[number])
        since = np.maximum(now - np.float32(at), 0.0)
        f = voice.hz(1050, 1) * (0.85 + 0.3 * float(uneven[number + 4]))
        out += sine(np.float32(f) * since * (1.0 + 9.0 * since)) * hit(n, at, 0.018, 0.003)
    splash = band(n, 3000 * voice.pitch, 5500 * voice.pitch, voice.dials[12])
    return (out + np.float32(0.04) * splash) * swell(n, 0.003, 0.04)


def thunder(voice: Voice) -> Samples:
    """A crack, then a deep, uneven roll."""
    n, p = voice.frames, voice.pitch
    crack = burst(n, 0.0, 0.02, 300 * p, 1500 * p, voice.dials[12])
    heaves = scatter(voice.dials[0], 5)
    points = [(0.1 + 0.2 * k, 0.45 + 0.55 * float(heaves[k])) for k in range(5)]
    roll = band(n, 75 * p, 210 * p, voice.dials[13], 6) * curve(n, (0.0, 0.4), *points) * swell(n, 0.03, 0.1)
    return np.float32(voice.dial(1, 0.35, 0.55)) * crack + roll


def wave(voice: Voice) -> Samples:
    """Surf: a low wash that swells, breaks into foam and draws back."""
    n, p = voice.frames, voice.pitch
    peak = voice.dial(0, 0.5, 0.62)
    water = band(n, 180 * p, 600 * p, voice.dials[12]) * curve(n, (0.0, 0.0), (peak, 1.0), (1.0, 0.0))
    foam = band(n, 900 * p, 2600 * p, voice.dials[13]) * curve(
        n, (0.0, 0.0), (peak - 0.2, 0.1), (peak + 0.1, 0.9), (1.0, 0.0)
    )
    return water + foam
