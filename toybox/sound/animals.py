"""Voices that breathe: a source with a moving pitch, shaped by a throat."""

from __future__ import annotations

import numpy as np

from hearsee.toybox.sound.noise import band
from hearsee.toybox.sound.tone import (
    croak,
    curve,
    cycles,
    harmonics,
    hit,
    play,
    pulses,
    sine,
    steady,
    swell,
    table,
    wobble,
)
from hearsee.toybox.sound.voice import Samples, Voice


def _throat(voice: Voice, pitch: Samples, *mouths: tuple[tuple[float, float, float], ...]) -> Samples:
    """A throat at a moving pitch whose mouth goes evenly from the first shape to the last."""
    turns, middle = cycles(pitch), float(pitch.mean())
    scaled = [tuple((c * voice.pitch, w * voice.pitch, g) for c, w, g in mouth) for mouth in mouths]
    waves = [play(table(harmonics(middle, mouth)), turns) for mouth in scaled]
    places = np.linspace(0.0, 1.0, len(waves))
    out = np.zeros_like(pitch)
    for number, wave in enumerate(waves):
        share = [(float(p), 1.0 if k == number else 0.0) for k, p in enumerate(places)]
        out += wave * (curve(voice.frames, *share) if len(share) > 1 else np.float32(1.0))
    return out


def bird(voice: Voice) -> Samples:
    """Three quick chirps, each up and down."""
    n, top = voice.frames, voice.hz(3300, 0)
    turns = steady(n, voice.dial(1, 10.5, 12.5))
    inside = turns - np.floor(turns)
    bend = np.float32(voice.dial(2, 0.28, 0.42))
    pitch = np.float32(top) * (1.0 - bend * np.abs(inside * 2.0 - np.float32(voice.dial(3, 0.7, 1.1))))
    level = np.maximum(np.sin(np.float32(np.pi) * np.minimum(inside * 1.25, 1.0)), 0.0)
    wave: Samples = sine(cycles(pitch)) * level * swell(n, 0.005, 0.03, 0.29)
    return wave


def cricket(voice: Voice) -> Samples:
    """A very high, pure tone in quick, even pulses."""
    n = voice.frames
    turns = steady(n, voice.dial(0, 19.0, 23.0))
    level = np.maximum(np.sin(np.float32(2 * np.pi) * turns), 0.0)
    tone = steady(n, voice.hz(4100, 1))
    wave: Samples = (sine(tone) + np.float32(0.15) * sine(tone * np.float32(1.02))) * level * swell(n, 0.06, 0.04, 0.28)
    return wave


def bee(voice: Voice) -> Samples:
    """A nasal buzz that wavers."""
    n = voice.frames
    pitch = np.float32(voice.hz(215, 0)) * wobble(n, voice.dial(1, 7, 11), voice.dial(2, 0.05, 0.09), voice.dials[3])
    turns, p = cycles(pitch), voice.pitch
    buzz = play(table(harmonics(215 * p, ((650 * p, 250 * p, 0.6), (2300 * p, 900 * p, 0.5)), 0.45, 0.25)), turns)
    return buzz * wobble(n, voice.dial(4, 17, 23), 0.25) * swell(n, 0.06, 0.07)


def frog(voice: Voice) -> Samples:
    """Rib-bit: a slow rattle in the throat, then a faster and brighter one."""
    n, p = voice.frames, voice.pitch
    rate = curve(n, (0.0, 46.0), (0.45, 55.0), (0.5, 75.0), (1.0, voice.dial(0, 95, 115)))
    turns = cycles(rate)
    low = croak(turns, rate, ((voice.hz(520, 1), 60 * p, 1.0), (voice.hz(1150, 2), 90 * p, 0.5)))
    high = croak(turns, rate, ((voice.hz(760, 1), 60 * p, 0.9), (voice.hz(1650, 2), 90 * p, 0.9)))
    return low * swell(n, 0.01, 0.04, 0.14) + high * (swell(n, 0.19, 0.05, 0.28) ** np.float32(1.5))


def cat(voice: Voice) -> Samples:
    """Meow: up and slowly down, from a closed mouth over an open one to a round one."""
    n, f = voice.frames, voice.hz(560, 0)
    pitch = curve(n, (0.0, 0.78 * f), (voice.dial(1, 0.25, 0.4), 1.2 * f), (1.0, voice.dial(2, 0.68, 0.8) * f))
    closed = ((500.0, 200.0, 0.5), (2700.0, 400.0, 0.9))
    wide = ((1250.0, 250.0, 1.3), (2500.0, 400.0, 0.9))
    rounded = ((650.0, 200.0, 1.0), (1300.0, 250.0, 0.4))
    return _throat(voice, pitch * wobble(n, 9.0, 0.012), closed, wide, rounded) * swell(n, 0.06, 0.12)


def dog(voice: Voice) -> Samples:
    """Woof: short, hoarse, up and steeply down."""
    n, f = voice.frames, voice.hz(330, 0)
    end = voice.dial(1, 0.17, 0.21)
    pitch = curve(n, (0.0, 0.75 * f), (0.12, 1.35 * f), (end / 0.3, 0.6 * f), (1.0, 0.55 * f))
    mouth = ((700.0, 200.0, 1.0), (1250.0, 250.0, 0.8), (2600.0, 500.0, 0.2))
    bark = _throat(voice, pitch, mouth)
    hoarse = band(n, 500 * voice.pitch, 1900 * voice.pitch, voice.dials[12])
    return (bark + np.float32(voice.dial(2, 0.3, 0.5)) * hoarse) * swell(n, 0.012, 0.11, end)


def cow(voice: Voice) -> Samples:
    """Moo: deep and long, a closed mouth that opens a little."""
    n, f = voice.frames, voice.hz(135, 0)
    pitch = curve(n, (0.0, 0.85 * f), (0.35, 1.12 * f), (1.0, voice.dial(1, 0.8, 0.92) * f))
    hum = ((230.0, 90.0, 1.5), (600.0, 100.0, 0.2))
    open_mouth = ((420.0, 100.0, 1.3), (850.0, 130.0, 0.8), (2300.0, 300.0, 0.15))
    return _throat(voice, pitch, hum, open_mouth, hum) * swell(n, 0.07, 0.09)


def sheep(voice: Voice) -> Samples:
    """Baa: an open vowel, chopped by a strong, fast tremble."""
    n, f = voice.frames, voice.hz(290, 0)
    rate, start = voice.dial(1, 15.0, 18.0), voice.dials[2]
    pitch = np.float32(f) * wobble(n, rate, 0.06, start) * curve(n, (0.0, 1.08), (1.0, 0.9))
    mouth = ((850.0, 180.0, 1.2), (1700.0, 250.0, 1.0), (2700.0, 350.0, 0.5))
    return _throat(voice, pitch, mouth) * wobble(n, rate, 0.55, start) * swell(n, 0.03, 0.06)


def duck(voice: Voice) -> Samples:
    """Quack: a flat, nasal, broken reed, quickly over."""
    n, f = voice.frames, voice.hz(175, 0)
    pitch = curve(n, (0.0, 1.15 * f), (0.25, 1.2 * f), (1.0, 0.75 * f))
    turns, p = cycles(pitch), voice.pitch
    reed = croak(turns, pitch, ((1150 * p, 130 * p, 1.0), (2500 * p, 180 * p, 1.1), (3400 * p, 250 * p, 0.6)))
    broken = 1.0 + np.float32(voice.dial(1, 0.25, 0.45)) * np.sign(sine(turns * np.float32(0.5)))
    return reed * broken * swell(n, 0.012, 0.1, voice.dial(2, 0.2, 0.24))


def owl(voice: Voice) -> Samples:
    """Hu-hooo: soft, low and almost pure, a short call and a long one that falls."""
    n, f = voice.frames, voice.hz(360, 0)
    pitch = curve(n, (0.0, 0.95 * f), (0.22, f), (0.3, 0.98 * f), (0.45, 1.08 * f), (1.0, 0.9 * f))
    level = swell(n, 0.025, 0.03, 0.08) * np.float32(0.8) + np.clip(curve(n, (0.3, 0.0), (0.45, 1.0)), 0, 1)
    turns = cycles(pitch)
    hoot = sine(turns) + np.float32(voice.dial(1, 0.06, 0.14)) * sine(turns * np.float32(2.0))
    breath = band(n, 0.8 * f, 1.6 * f, voice.dials[12]) * np.float32(0.05)
    wave: Samples = (hoot + breath) * level * swell(n, 0.01, 0.1)
    return wave


def pig(voice: Voice) -> Samples:
    """Oink: a rattling snort, then a short squeal upwards."""
    n, p = voice.frames, voice.pitch
    rattle = pulses(steady(n, voice.dial(0, 52, 64)), 4.0) * band(n, 350 * p, 1300 * p, voice.dials[12])
    f = voice.hz(620, 1)
    pitch = curve(n, (0.0, 0.6 * f), (0.45, 0.7 * f), (0.8, 1.25 * f), (1.0, 1.1 * f))
    squeal = _throat(voice, pitch, ((1100.0, 300.0, 1.0), (2100.0, 350.0, 1.0), (3300.0, 500.0, 0.4)))
    snort = rattle * swell(n, 0.02, 0.05, 0.16)
    return snort + squeal * np.clip(curve(n, (0.4, 0.0), (0.55, 1.0)), 0, 1) * swell(n, 0.01, 0.06, 0.28)


def horse(voice: Voice) -> Samples:
    """A whinny: high, falling, shaken hard."""
    n, f = voice.frames, voice.hz(880, 0)
    fall = curve(n, (0.0, 0.9 * f), (0.15, 1.35 * f), (1.0, voice.dial(1, 0.55, 0.65) * f))
    rate, start = voice.dial(2, 19.0, 23.0), voice.dials[3]
    pitch = fall * wobble(n, rate, 0.13, start)
    mouth = ((1000.0, 400.0, 1.0), (2100.0, 400.0, 0.9), (3400.0, 600.0, 0.6))
    breath = band(n, 1500 * voice.pitch, 4000 * voice.pitch, voice.dials[12]) * np.float32(0.15)
    return (_throat(voice, pitch, mouth) + breath) * wobble(n, rate, 0.4, start + 0.25) * swell(n, 0.03, 0.1)


def wolf(voice: Voice) -> Samples:
    """A howl: a smooth slide far up, held, and let down."""
    n, f = voice.frames, voice.hz(470, 0)
    pitch = curve(n, (0.0, 0.55 * f), (voice.dial(1, 0.35, 0.45), 1.12 * f), (0.75, 1.08 * f), (1.0, 0.75 * f))
    howl = _throat(voice, pitch, ((480.0, 200.0, 1.6), (1000.0, 200.0, 0.5), (1600.0, 300.0, 0.12)))
    return howl * wobble(n, 6.5, 0.08, voice.dials[2]) * swell(n, 0.05, 0.09)


def snake(voice: Voice) -> Samples:
    """A hiss: one narrow, very high band of noise that comes and goes smoothly."""
    n, p = voice.frames, voice.pitch
    hiss = band(n, 4000 * p, 4700 * p, voice.dials[12], 8)
    return hiss * swell(n, voice.dial(0, 0.05, 0.1), voice.dial(1, 0.12, 0.16)) * hit(n, 0.0, 0.5, 0.03)
