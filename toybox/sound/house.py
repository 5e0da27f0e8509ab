"""Voices of a household: clicks, knocks, rings and motors."""

from __future__ import annotations

import numpy as np

from hearsee.toybox.sound.noise import band, burst, scatter
from hearsee.toybox.sound.tone import (
    croak,
    curve,
    cycles,
    harmonics,
    hit,
    play,
    pulses,
    ring,
    seconds,
    sine,
    steady,
    swell,
    table,
    wobble,
)
from hearsee.toybox.sound.voice import RATE, Samples, Voice


def ball(voice: Voice) -> Samples:
    """A rubber ball: a hollow bonk with a quick bend upwards."""
    n, f = voice.frames, voice.hz(330, 0)
    pitch = np.float32(f) * (1.0 - np.float32(voice.dial(1, 0.45, 0.55)) * np.exp(seconds(n) * np.float32(-38.0)))
    turns = cycles(pitch)
    bonk = sine(turns) + np.float32(0.35) * sine(turns * np.float32(2.9)) * hit(n, 0.0, 0.03)
    slap = burst(n, 0.0, 0.006, 500 * voice.pitch, 1800 * voice.pitch, voice.dials[12])
    return bonk * hit(n, 0.0, voice.dial(2, 0.055, 0.075), 0.003) + np.float32(0.2) * slap


def camera(voice: Voice) -> Samples:
    """Ka-chick: two bright clicks of the shutter and a little motor after them."""
    n, p = voice.frames, voice.pitch
    second = voice.dial(0, 0.055, 0.075)
    first = burst(n, 0.0, 0.006, 1200 * p, 2600 * p, voice.dials[12])
    chick = burst(n, second, 0.014, 2600 * p, 4600 * p, voice.dials[13])
    whirr = play(table([1.0, 0.6, 0.8, 0.3, 0.4]), cycles(curve(n, (0.0, 500 * p), (1.0, 640 * p))))
    return first + chick + np.float32(0.18) * whirr * hit(n, second + 0.02, 0.12, 0.02) * swell(n, 0.01, 0.05, 0.24)


def clock(voice: Voice) -> Samples:
    """Tick-tock: two tiny knocks of wood and steel, the second lower."""
    n, last = voice.frames, voice.dial(1, 0.008, 0.012)
    gap = voice.dial(2, 0.1, 0.12)
    knock = ring(n, voice.hz(2500, 0), ((1.0, 1.0, last), (1.63, 0.6, 0.6 * last), (0.41, 0.5, 1.6 * last)))
    tock = ring(n, voice.hz(1850, 0), ((1.0, 1.0, last), (1.63, 0.4, 0.6 * last), (0.41, 0.7, 1.6 * last)))
    start = int(gap * RATE)
    out = knock * hit(n, 0.0, 9.0, 0.0005)
    out[start:] += np.float32(0.9) * tock[: n - start]
    return out


def door(voice: Voice) -> Samples:
    """A creak that slows down, then a wooden thud."""
    n, p = voice.frames, voice.pitch
    shut = voice.dial(1, 0.18, 0.21)
    rate = curve(n, (0.0, voice.hz(190, 0)), (0.4, voice.hz(120, 0)), (1.0, voice.hz(85, 0)))
    hinge = croak(cycles(rate), rate, ((820 * p, 90 * p, 1.0), (1500 * p, 120 * p, 0.9), (2700 * p, 200 * p, 0.4)))
    thud = ring(n, 130 * p, ((1.0, 1.0, 0.035), (1.7, 0.7, 0.025), (2.9, 0.5, 0.015)))
    out = np.float32(0.5) * hinge * swell(n, 0.05, 0.05, shut - 0.01)
    start = int(shut * RATE)
    out[start:] += thud[: n - start]
    return out + np.float32(0.12) * burst(n, shut, 0.01, 150 * p, 900 * p, voice.dials[12])


def fan(voice: Voice) -> Samples:
    """Blades: soft air swelling and sinking fast over the hum of a motor."""
    n, f, p = voice.frames, voice.hz(150, 0), voice.pitch
    air = band(n, 250 * p, 750 * p, voice.dials[12], 3) * wobble(n, voice.dial(1, 13.0, 16.0), 0.5, voice.dials[2])
    hum = play(table([1.0, 0.7, 0.15, 0.3]), steady(n, f))
    return (np.float32(0.6) * air + np.float32(voice.dial(3, 0.4, 0.6)) * hum) * swell(n, 0.08, 0.08)


def hammer(voice: Voice) -> Samples:
    """Steel on a nail: a hard crack and a short, rough clang."""
    n, p = voice.frames, voice.pitch
    last = voice.dial(1, 0.02, 0.032)
    modes = (
        (1.0, 1.0, last),
        (1.37, 0.8, last),
        (2.13, 0.9, 0.8 * last),
        (2.71, 0.7, 0.7 * last),
        (3.63, 0.5, 0.5 * last),
    )
    wood = ring(n, voice.hz(190, 2), ((1.0, 1.0, 0.03), (1.8, 0.5, 0.02)))
    crack = burst(n, 0.0, 0.008, 800 * p, 5000 * p, voice.dials[12])
    return np.float32(0.5) * ring(n, voice.hz(1150, 0), modes) + wood + np.float32(0.5) * crack


def kettle(voice: Voice) -> Samples:
    """Steam: a reedy whistle that climbs out of a hiss."""
    n, f = voice.frames, voice.hz(1550, 0)
    pitch = curve(n, (0.0, 0.72 * f), (0.55, f), (1.0, voice.dial(1, 1.02, 1.08) * f))
    tone = play(table([1.0, 0.5, 0.22], 1.08 * f), cycles(pitch)) * curve(n, (0.0, 0.1), (0.5, 1.0), (1.0, 1.0))
    steam = band(n, 2200 * voice.pitch, 5500 * voice.pitch, voice.dials[12])
    return (tone + np.float32(voice.dial(2, 0.3, 0.45)) * steam) * swell(n, 0.03, 0.05)


def keyboard(voice: Voice) -> Samples:
    """A quick, uneven patter of five plastic keys."""
    n, p = voice.frames, voice.pitch
    uneven = scatter(voice.dials[0], 5)
    blows = np.zeros(n, dtype=np.float32)
    for number in range(5):
        at = 0.048 * number + 0.016 * float(uneven[number])
        blows += hit(n, at, 0.007, 0.0008) * np.float32(0.7 + 0.3 * float(uneven[number]))
    plastic = band(n, voice.hz(1700, 1), voice.hz(3000, 1), voice.dials[12])
    board = band(n, 240 * p, 420 * p, voice.dials[13])
    return (plastic + np.float32(0.8) * board) * blows


def phone(voice: Voice) -> Samples:
    """An electronic ring: two tones that take turns, fast."""
    n, f = voice.frames, voice.hz(980, 0)
    rate = voice.dial(1, 15.0, 18.0)
    turn = np.sign(sine(steady(n, rate)))
    pitch = np.float32(f) * (1.0 + np.float32(0.12) * turn)
    return (
        play(table([1.0, 0.15, 0.4, 0.1, 0.12], 1.12 * f), cycles(pitch))
        * wobble(n, 2 * rate, 0.25)
        * swell(n, 0.006, 0.02, 0.28)
    )


def saw(voice: Voice) -> Samples:
    """To and fro: two rasps of teeth through wood, the second lower."""
    n, p = voice.frames, voice.pitch
    teeth = curve(n, (0.0, 75.0), (0.25, 120.0), (0.48, 75.0), (0.52, 60.0), (0.75, 95.0), (1.0, 60.0))
    rasp = pulses(cycles(teeth), 3.5)
    to = band(n, 1500 * p, 3200 * p, voice.dials[12]) * swell(n, 0.04, 0.05, 0.14)
    fro = band(n, 800 * p, 1900 * p, voice.dials[13]) * np.maximum(
        swell(n, 0.2, 0.06, 0.28) - swell(n, 0.001, 0.05, 0.16), 0
    )
    wood = play(table(harmonics(330 * p, (), 1.0)), steady(n, voice.hz(330, 0))) * swell(n, 0.04, 0.06, 0.28)
    wave: Samples = rasp * (to + np.float32(voice.dial(1, 0.8, 1.0)) * fro) + np.float32(0.12) * wood
    return wave
