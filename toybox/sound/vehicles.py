"""Voices of things that move: engines, rotors, horns and bells."""

from __future__ import annotations

import numpy as np

from hearsee.toybox.sound.noise import band, burst
from hearsee.toybox.sound.tone import (
    croak,
    curve,
    cycles,
    harmonics,
    play,
    pulses,
    ramp,
    sine,
    steady,
    swell,
    table,
    wobble,
)
from hearsee.toybox.sound.voice import Samples, Voice


def bicycle(voice: Voice) -> Samples:
    """Drring: a small bell struck by a fast ratchet."""
    n, f = voice.frames, voice.hz(1950, 0)
    strikes = pulses(steady(n, voice.dial(1, 16.0, 19.0)), 3.2)
    bell = (
        sine(steady(n, f)) + np.float32(0.7) * sine(steady(n, 1.51 * f)) + np.float32(0.4) * sine(steady(n, 2.46 * f))
    )
    ratchet = band(n, 3000 * voice.pitch, 6000 * voice.pitch, voice.dials[12]) * strikes**3
    wave: Samples = (bell * strikes + np.float32(0.15) * ratchet) * swell(n, 0.003, 0.1)
    return wave


def boat(voice: Voice) -> Samples:
    """A fog horn: two very low reeds, slightly apart, held level."""
    n, f = voice.frames, voice.hz(105, 0)
    p, apart = voice.pitch, voice.dial(1, 1.02, 1.04)
    reed = table(harmonics(f, ((220 * p, 120 * p, 1.0), (480 * p, 200 * p, 0.6)), 0.35, 0.06))
    return (play(reed, steady(n, f)) + play(reed, steady(n, f * apart))) * swell(n, 0.03, 0.05)


def car(voice: Voice) -> Samples:
    """An engine that revs up and falls back."""
    n, f = voice.frames, voice.hz(62, 0)
    high = voice.dial(1, 1.9, 2.3)
    pitch = curve(n, (0.0, f), (voice.dial(2, 0.5, 0.65), high * f), (1.0, 1.2 * f))
    p, turns = voice.pitch, cycles(pitch)
    motor = croak(turns, pitch, ((190 * p, 60 * p, 1.0), (480 * p, 90 * p, 0.8), (1300 * p, 300 * p, 0.5)))
    uneven = 1.0 + np.float32(0.3) * sine(turns * np.float32(0.5))
    roar = band(n, 150 * p, 900 * p, voice.dials[12]) * np.float32(0.12)
    wave: Samples = (motor * uneven + roar) * swell(n, 0.04, 0.07)
    return wave


def helicopter(voice: Voice) -> Samples:
    """Chops: low thumps of air, sixteen or so a second, over a turbine."""
    n, p = voice.frames, voice.pitch
    turns = steady(n, voice.dial(0, 15.0, 18.0))
    chop = pulses(turns, 5.0) * band(n, 90 * p, 420 * p, voice.dials[12])
    turbine = sine(steady(n, voice.hz(1250, 1))) * np.float32(0.12)
    return (chop + turbine) * swell(n, 0.02, 0.05)


def plane(voice: Voice) -> Samples:
    """A jet passing: a wide roar and a whine that falls."""
    n, p = voice.frames, voice.pitch
    f = voice.hz(1500, 0)
    fall = curve(n, (0.0, 1.12 * f), (0.35, 1.08 * f), (0.7, 0.8 * f), (1.0, 0.76 * f))
    turns = cycles(fall)
    whine = sine(turns) + np.float32(0.5) * sine(turns * np.float32(1.68))
    roar = band(n, 220 * p, 1500 * p, voice.dials[12], 3)
    return (whine * np.float32(voice.dial(1, 0.45, 0.65)) + roar) * swell(n, 0.13, 0.14)


def train(voice: Voice) -> Samples:
    """A steam whistle's chord over quick chuffs."""
    n, f, p = voice.frames, voice.hz(390, 0), voice.pitch
    pipe = table([1.0, 0.35, 0.2, 0.08])
    slide = curve(n, (0.0, 0.93), (0.12, 1.0), (0.8, 1.0), (1.0, 0.95)) * np.float32(f)
    turns = cycles(slide)
    chord = play(pipe, turns) + play(pipe, turns * np.float32(1.26)) + play(pipe, turns * np.float32(1.5))
    chuffs = pulses(steady(n, voice.dial(1, 12.0, 14.0)), 3.5) * band(n, 700 * p, 2600 * p, voice.dials[12])
    return (chord * np.float32(0.45) + chuffs * np.float32(voice.dial(2, 1.0, 1.4))) * swell(n, 0.015, 0.05, 0.29)


def siren(voice: Voice) -> Samples:
    """A wail: up and down again, far and smoothly."""
    n, f = voice.frames, voice.hz(620, 0)
    arch = np.maximum(np.sin(np.float32(np.pi) * ramp(n)), 0.0) ** np.float32(voice.dial(1, 0.8, 1.2))
    rise = voice.dial(2, 0.9, 1.15)
    pitch = np.float32(f) * (1.0 + np.float32(rise) * arch)
    reed = table([1.0, 0.0, 0.33, 0.0, 0.2, 0.0, 0.14], f * (1.0 + rise))
    return play(reed, cycles(pitch)) * swell(n, 0.02, 0.03)


def balloon(voice: Voice) -> Samples:
    """A squeak of rubber, then a sharp pop."""
    n, p = voice.frames, voice.pitch
    f = voice.hz(820, 0)
    pop_at = voice.dial(1, 0.14, 0.17)
    pitch = curve(n, (0.0, f), (pop_at / 0.3, 1.5 * f), (1.0, 1.5 * f)) * wobble(n, 31.0, 0.05, voice.dials[2])
    squeak = play(table([1.0, 0.8, 0.7, 0.5, 0.35], 1.58 * f), cycles(pitch)) * swell(n, 0.02, 0.01, pop_at)
    return np.float32(0.22) * squeak + burst(n, pop_at, 0.022, 500 * p, 4500 * p, voice.dials[12])


def firework(voice: Voice) -> Samples:
    """A thin whistle climbing, then a bang that crackles away."""
    n, p = voice.frames, voice.pitch
    f = voice.hz(1700, 0)
    bang_at = voice.dial(1, 0.1, 0.13)
    climb = sine(cycles(curve(n, (0.0, 0.7 * f), (bang_at / 0.3, 1.7 * f), (1.0, 1.7 * f))))
    bang = burst(n, bang_at, 0.05, 80 * p, 420 * p, voice.dials[12])
    sparks = burst(n, bang_at + 0.02, 0.07, 2500 * p, 5500 * p, voice.dials[13])
    sparks *= pulses(steady(n, voice.dial(2, 55, 75)), 5.0)
    return np.float32(0.5) * climb * swell(n, 0.02, 0.005, bang_at) + bang + np.float32(0.5) * sparks
