"""Voices that are played: struck, plucked, bowed and blown."""

from __future__ import annotations

import numpy as np

from hearsee.toybox.sound.noise import band, burst
from hearsee.toybox.sound.tone import (
    curve,
    cycles,
    harmonics,
    hit,
    play,
    ramp,
    ring,
    seconds,
    sine,
    steady,
    swell,
    table,
    wobble,
)
from hearsee.toybox.sound.voice import Samples, Voice


def bell(voice: Voice) -> Samples:
    """A church bell: hum, prime, minor third, fifth and octave, ringing long."""
    last = voice.dial(1, 0.18, 0.28)
    split = voice.dial(2, 1.004, 1.012)  # two almost equal partials beat
    modes = ((0.5, 0.5, 1.3), (1.0, 0.8, 1.0), (split, 0.3, 1.0), (1.19, 0.6, 0.8), (1.5, 0.35, 0.7), (2.0, 0.9, 0.7))
    above = ((2.5, 0.35, 0.4), (3.01, 0.3, 0.3), (4.1, 0.25, 0.2))
    scaled = [(ratio, level, decay * last) for ratio, level, decay in (*modes, *above)]
    return ring(voice.frames, voice.hz(640, 0), scaled) * hit(voice.frames, 0.0, 9.0)


def glass(voice: Voice) -> Samples:
    """A clink: few, high, wide-spaced partials, soon gone."""
    n, last = voice.frames, voice.dial(1, 0.04, 0.06)
    modes = ((1.0, 1.0, last), (voice.dial(2, 2.28, 2.4), 0.7, 0.7 * last), (3.1, 0.3, 0.4 * last))
    click = burst(n, 0.0, 0.003, 3000 * voice.pitch, 7000 * voice.pitch, voice.dials[12])
    return ring(n, voice.hz(2250, 0), modes) * hit(n, 0.0, 9.0, 0.0005) + np.float32(0.2) * click


def piano(voice: Voice) -> Samples:
    """A struck string: a full row of harmonics that dies slowly, over the thud of the key."""
    n, f = voice.frames, voice.hz(270, 0)
    soft = voice.dial(1, 0.45, 0.65)
    modes = [(h * (1.0 + 0.0005 * h * h), soft ** (h - 1) + 0.02, 0.22 / h**0.35) for h in range(1, 9)]
    thud = burst(n, 0.0, 0.012, 80 * voice.pitch, 400 * voice.pitch, voice.dials[12])
    return ring(n, f, modes) * hit(n, 0.0, 9.0, 0.004) + np.float32(0.25) * thud


def drum(voice: Voice) -> Samples:
    """A skin that drops in pitch, and the slap of the stick."""
    n, f = voice.frames, voice.hz(105, 0)
    pitch = np.float32(f) * (1.0 + np.float32(voice.dial(1, 0.5, 0.9)) * np.exp(seconds(n) * np.float32(-45.0)))
    turns = cycles(pitch)
    skin = sine(turns) * hit(n, 0.0, 0.075) + np.float32(0.4) * sine(turns * np.float32(1.59)) * hit(n, 0.0, 0.045)
    skin += np.float32(0.2) * sine(turns * np.float32(2.3)) * hit(n, 0.0, 0.03)
    wave: Samples = skin + np.float32(voice.dial(2, 0.1, 0.2)) * burst(n, 0.0, 0.012, f * 3, f * 16, voice.dials[12])
    return wave


def guitar(voice: Voice) -> Samples:
    """A strum: three strings one after the other, bright when plucked and dull when they ring on."""
    n, f = voice.frames, voice.hz(185, 0)
    nail = voice.dial(1, 0.11, 0.17)  # where on the string it is plucked
    order = np.arange(1, 30, dtype=np.float32)
    bright = table(np.abs(np.sin(np.pi * nail * order)) / order ** np.float32(0.6))
    dull = table(np.abs(np.sin(np.pi * nail * order)) / order ** np.float32(2.0))
    fade = np.exp(seconds(n) * np.float32(-28.0))
    out = np.zeros(n, dtype=np.float32)
    for number, ratio in enumerate((1.0, 1.4983, 2.5198)):
        late = number * voice.dial(2, 0.014, 0.024)
        turns = steady(n, f * ratio)
        out += (play(bright, turns) * fade + play(dull, turns)) * hit(n, late, 0.15, 0.001)
    return out


def violin(voice: Voice) -> Samples:
    """A bowed string: all harmonics through a wooden body, a slow attack and vibrato."""
    n, f, p = voice.frames, voice.hz(450, 0), voice.pitch
    depth = curve(n, (0.0, 0.0), (0.3, 1.0), (1.0, 1.0)) * np.float32(voice.dial(1, 0.012, 0.02))
    pitch = np.float32(f) * (1.0 + depth * sine(steady(n, voice.dial(2, 7.0, 9.0))))
    body = ((500 * p, 150 * p, 0.7), (1400 * p, 400 * p, 0.9), (2900 * p, 700 * p, 1.2))
    bow = band(n, 1800 * p, 5500 * p, voice.dials[12]) * np.float32(0.06)
    return (play(table(harmonics(f, body, 0.75, 0.25)), cycles(pitch)) + bow) * swell(n, 0.08, 0.06)


def flute(voice: Voice) -> Samples:
    """Nearly a pure tone, held level, with breath around it."""
    n, f = voice.frames, voice.hz(740, 0)
    pitch = np.float32(f) * wobble(n, voice.dial(1, 6.0, 8.0), 0.006, voice.dials[2])
    tone = play(table([1.0, voice.dial(3, 0.25, 0.4), 0.12, 0.05]), cycles(pitch))
    breath = band(n, 0.9 * f, 4.0 * f, voice.dials[12]) * np.float32(voice.dial(4, 0.08, 0.14))
    return tone * swell(n, 0.05, 0.06) + breath * swell(n, 0.012, 0.05)


def trumpet(voice: Voice) -> Samples:
    """Brass: the harder it is blown, the more harmonics; it blares just after the attack."""
    n, f = voice.frames, voice.hz(340, 0)
    pitch = np.float32(f) * (1.0 - np.float32(0.05) * np.exp(seconds(n) * np.float32(-60.0)))
    turns, p = cycles(pitch * wobble(n, 6.0, 0.004)), voice.pitch
    soft = play(table([1.0, 0.6, 0.3, 0.1]), turns)
    blare = play(table(harmonics(f, ((1300 * p, 600 * p, 1.0), (2300 * p, 800 * p, 0.5)), 0.1, 0.08)), turns)
    push = curve(n, (0.0, 0.0), (0.12, 1.0), (0.5, voice.dial(1, 0.6, 0.8)), (1.0, 0.45))
    wave: Samples = (soft * (1.0 - push) + blare * push) * swell(n, 0.02, 0.05)
    return wave


def whistle(voice: Voice) -> Samples:
    """A referee's whistle: a high tone shaken by the pea."""
    n, f = voice.frames, voice.hz(2350, 0)
    rate, start = voice.dial(1, 38.0, 46.0), voice.dials[2]
    turns = cycles(np.float32(f) * wobble(n, rate, 0.045, start))
    tone = sine(turns) + np.float32(0.5) * sine(turns * np.float32(1.13))
    air = band(n, 0.9 * f, 2.0 * f, voice.dials[12]) * np.float32(0.18)
    wave: Samples = (tone + air) * wobble(n, rate, 0.4, start) * swell(n, 0.015, 0.03)
    return wave


def robot(voice: Voice) -> Samples:
    """Four square beeps that jump in pitch."""
    n, f = voice.frames, voice.hz(520, 0, 0.02)
    tunes = ((1.0, 2.0, 0.75, 1.5), (1.5, 0.75, 2.0, 1.0), (0.75, 1.5, 1.0, 2.0), (2.0, 1.0, 1.5, 0.75))
    tune = np.asarray(tunes[int(voice.dials[1] * len(tunes))], dtype=np.float32)
    step = np.minimum((ramp(n) * np.float32(4.2)).astype(np.intp), 3)
    turns = cycles(tune[step] * np.float32(f))
    return play(table([1.0, 0.0, 0.33, 0.0, 0.2, 0.0, 0.14, 0.0, 0.11], 2.0 * f), turns) * swell(n, 0.006, 0.015, 0.285)
