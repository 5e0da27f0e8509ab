"""The toybox's sounds: every thing has a voice, and a scene is heard as its strokes on a stage."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from hearsee.toybox.scene import Scene
from hearsee.toybox.sound import animals, house, instruments, vehicles, weather
from hearsee.toybox.sound.stage import FRAMES, SECONDS, perform
from hearsee.toybox.sound.voice import RATE, Samples, Speaks, Voice

__all__ = ["FRAMES", "RATE", "SECONDS", "VOICES", "Voice", "flac", "sound"]

VOICES: dict[str, Speaks] = {
    "ball": house.ball,
    "balloon": vehicles.balloon,
    "bee": animals.bee,
    "bell": instruments.bell,
    "bicycle": vehicles.bicycle,
    "bird": animals.bird,
    "boat": vehicles.boat,
    "camera": house.camera,
    "car": vehicles.car,
    "cat": animals.cat,
    "clock": house.clock,
    "cow": animals.cow,
    "cricket": animals.cricket,
    "dog": animals.dog,
    "door": house.door,
    "drum": instruments.drum,
    "duck": animals.duck,
    "fan": house.fan,
    "fire": weather.fire,
    "firework": vehicles.firework,
    "flute": instruments.flute,
    "frog": animals.frog,
    "glass": instruments.glass,
    "guitar": instruments.guitar,
    "hammer": house.hammer,
    "helicopter": vehicles.helicopter,
    "horse": animals.horse,
    "kettle": house.kettle,
    "keyboard": house.keyboard,
    "owl": animals.owl,
    "phone": house.phone,
    "piano": instruments.piano,
    "pig": animals.pig,
    "plane": vehicles.plane,
    "rain": weather.rain,
    "robot": instruments.robot,
    "saw": house.saw,
    "sheep": animals.sheep,
    "siren": vehicles.siren,
    "snake": animals.snake,
    "tap": weather.tap,
    "thunder": weather.thunder,
    "train": vehicles.train,
    "trumpet": instruments.trumpet,
    "violin": instruments.violin,
    "wave": weather.wave,
    "whistle": instruments.whistle,
    "wolf": animals.wolf,
}


def sound(scene: Scene, rng: np.random.Generator) -> Samples:
    """What a scene sounds like, (frames, 2) within [-1, 1]; its colour is not heard."""
    return perform(scene, VOICES[scene.thing], rng)


def flac(samples: Samples) -> bytes:
    """A clip as the bytes of a FLAC file of 16 bits, packed quickly rather than tightly."""
    whole = (samples * np.float32(32_767.0)).astype(np.int16)
    with io.BytesIO() as file:
        soundfile.write(file, whole, RATE, subtype="PCM_16", format="FLAC", compression_level=0.0)
        return file.getvalue()
