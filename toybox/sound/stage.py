"""Places a voice on the stage: how often, how big, on which side and how far away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hearsee.toybox.scene import Scene
from hearsee.toybox.sound.tone import seconds
from hearsee.toybox.sound.voice import DIALS, RATE, Samples, Speaks, Voice

SECONDS = 1.92  # of every clip
FRAMES = int(SECONDS * RATE)
STROKE = 4_800  # frames of one stroke: 0.3 s, a round number for the FFT
TAIL = 4_184  # frames an echo may last after a stroke
WET = 9_000  # frames of a stroke with its echo: 2^3 3^2 5^3, quick to transform
ROOMS = 6  # echoes to choose from
STEP = 0.7  # octaves between sizes
PITCH_JITTER = 0.12  # octaves at the most, well below half a step
OCTAVES = {"small": STEP, "medium": 0.0, "large": -STEP}
LEANS = {"left": -1.0, "middle": 0.0, "right": 1.0}
BED = 1 << 17  # frames of background noise kept for each colour
LOUD = 0.55  # peak of a near stroke in the middle
FAR = 0.30  # a far stroke's level against a near one, before the air dulls it

Ears = NDArray[np.float32]  # (2, frames): left, right


@dataclass(frozen=True)
class Chances:
    """Everything about one clip that is left to chance, drawn at once so that a clip costs one call."""

    numbers: NDArray[np.float64]  # each in [0, 1)

    def between(self, which: int, low: float, high: float) -> float:
        return low + (high - low) * float(self.numbers[which])


def perform(scene: Scene, speak: Speaks, rng: np.random.Generator) -> Samples:
    """The clip of a scene, (frames, 2), within [-1, 1]."""
    chances = Chances(rng.random(DIALS + 32))
    octaves = OCTAVES[scene.size] + chances.between(0, -PITCH_JITTER, PITCH_JITTER)
    dials = tuple(chances.numbers[32:].tolist())
    stroke = _levelled(speak(Voice(2.0**octaves, STROKE, dials)))
    out = _bed(chances)
    takes = [_heard(stroke, scene, chances)]
    if scene.count > 1:  # a second take, slightly faster, so that strokes are not copies of one another
        takes.append(_heard(_faster(stroke, chances.between(1, 0.005, 0.02)), scene, chances))
    for number, start in enumerate(_onsets(scene.count, chances)):
        take = takes[number % len(takes)]
        length = min(take.shape[1], FRAMES - start)
        out[:, start : start + length] += np.float32(chances.between(8 + number, 0.85, 1.0)) * take[:, :length]
    return np.ascontiguousarray(np.clip(out, -1.0, 1.0, out=out).T)


def _levelled(stroke: Samples) -> Samples:
    """The same peak for every voice, and silence at its end."""
    scale = np.float32(1.0) / (max(float(stroke.max()), -float(stroke.min())) + np.float32(1e-9))
    return np.asarray(stroke * (_ending() * scale), dtype=np.float32)


@cache
def _ending() -> Samples:
    left = STROKE / RATE - seconds(STROKE)
    fade = np.minimum(left / np.float32(0.02), 1.0).astype(np.float32)
    fade.setflags(write=False)
    wave: Samples = fade
    return wave


def _faster(stroke: Samples, by: float) -> Samples:
    places = np.arange(STROKE, dtype=np.float32) * np.float32(1.0 + by)
    wave: Samples = np.interp(places, np.arange(STROKE, dtype=np.float32), stroke, right=0.0).astype(np.float32)
    return wave


def _onsets(count: int, chances: Chances) -> list[int]:
    """First frames of the strokes: a tempo, a start and a little unevenness, never closer than 0.41 s."""
    room = SECONDS - 0.02 - STROKE / RATE
    quickest, slowest = 0.43, min(0.6, (room - 0.02) / max(count - 1, 1))
    period = chances.between(2, quickest, slowest)
    start = chances.between(3, 0.01, room - (count - 1) * period)
    uneven = [chances.between(12 + number, -0.01, 0.01) for number in range(count)]
    return [max(0, int((start + number * period + uneven[number]) * RATE)) for number in range(count)]


def _heard(stroke: Samples, scene: Scene, chances: Chances) -> Ears:
    """One stroke at both ears: nearer one louder and earlier; from afar weaker, duller and with an echo."""
    lean = LEANS[scene.side]
    difference_db = lean * chances.between(4, 8.5, 12.0) + chances.between(5, -0.6, 0.6)
    ratio = 10.0 ** (difference_db / 20.0)  # right against left
    gain = LOUD * chances.between(6, 0.72, 1.0)
    left, right = gain * np.sqrt(2.0 / (1.0 + ratio * ratio)), gain * ratio * np.sqrt(2.0 / (1.0 + ratio * ratio))
    late = round(lean * chances.between(7, 5.0, 9.0))  # frames by which the left ear hears later
    if scene.distance == "near":
        ears = np.zeros((2, STROKE + 10), dtype=np.float32)
        ears[0, max(late, 0) : max(late, 0) + STROKE] = stroke * np.float32(left)
        ears[1, max(-late, 0) : max(-late, 0) + STROKE] = stroke * np.float32(right)
        return ears
    echo = _rooms()[int(chances.numbers[16] * ROOMS)]
    wet = np.fft.irfft(np.fft.rfft(stroke, WET) * echo, WET, axis=1)  # (2, WET), and level in both ears
    wet *= np.asarray([[left * FAR], [right * FAR]], dtype=np.float32)
    ears = wet.astype(np.float32, copy=False)
    if late:  # the echo's end is silent, so what wraps around is nothing
        far_ear = 0 if late > 0 else 1
        ears[far_ear] = np.roll(ears[far_ear], abs(late))
    return ears


@cache
def _rooms() -> NDArray[np.complex64]:
    """Spectra of the echoes, (rooms, 2, bins): a direct blow, then a tail unlike at the two ears, through dull air."""
    rng = np.random.default_rng(7)
    places = np.fft.rfftfreq(WET, 1.0 / RATE)
    rooms = np.empty((ROOMS, 2, len(places)), dtype=np.complex64)
    for room in range(ROOMS):
        fall = np.exp(-np.arange(TAIL) / (RATE * rng.uniform(0.05, 0.075))) * np.linspace(1.0, 0.0, TAIL)
        tails = rng.standard_normal((2, TAIL)) * fall
        tails[:, : int(0.008 * RATE)] = 0.0  # the walls answer later
        tails *= rng.uniform(0.4, 0.5) / np.sqrt(np.sum(tails**2, axis=1, keepdims=True))
        # Two echoes of one low, steady tone would shift it to a side by chance: walls swallow the lows.
        walls = np.fft.rfft(tails, WET, axis=1) * (places / np.hypot(places, 400.0)) ** 2
        dull = 1.0 / np.hypot(1.0, places / rng.uniform(1700.0, 2200.0))
        rooms[room] = (0.85 + walls) * dull
    rooms.setflags(write=False)
    return rooms


@cache
def _beds() -> NDArray[np.float32]:
    """Background noise of three colours, (colours, frames), each at an RMS of 1 and the last with a hum."""
    rng = np.random.default_rng(11)
    places = np.maximum(np.fft.rfftfreq(BED, 1.0 / RATE), 20.0)
    spectrum = rng.standard_normal((3, len(places))) + 1j * rng.standard_normal((3, len(places)))
    beds = np.fft.irfft(spectrum * (places / 1000.0) ** np.asarray([[0.0], [-0.5], [-0.9]]), BED, axis=1)
    beds /= beds.std(axis=1, keepdims=True)
    beds[2] += 1.5 * np.sin(2.0 * np.pi * 50.0 * np.arange(BED) / RATE)
    out: NDArray[np.float32] = beds.astype(np.float32)
    out.setflags(write=False)
    return out


def _bed(chances: Chances) -> Ears:
    """A faint room behind the strokes, unlike at the two ears: between -68 and -50 dB."""
    colour = _beds()[int(chances.numbers[17] * 3)]
    level = np.float32(10.0 ** (chances.between(18, -68.0, -50.0) / 20.0))
    left, right = (int(chances.numbers[which] * (BED - FRAMES)) for which in (19, 20))
    ears = np.empty((2, FRAMES), dtype=np.float32)
    np.multiply(colour[left : left + FRAMES], level, out=ears[0])
    np.multiply(colour[right : right + FRAMES], level, out=ears[1])
    return ears
