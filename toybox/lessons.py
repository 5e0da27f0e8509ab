"""What the towers learn from: prepared pictures and sounds in memory maps, fresh captions, and light distortions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.media.kinds import Picture, Sound, Words
from hearsee.toybox.draw import picture
from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SEEN, SIDES, SIZES, THINGS, Scene
from hearsee.toybox.sound import RATE, sound
from hearsee.toybox.towers import prepare
from hearsee.toybox.words import caption
from hearsee.toybox.write import scene_of, stream

THING, COUNT, SIZE, SIDE, DISTANCE, COLOUR = range(6)  # columns of the attributes
TABLES: tuple[tuple[object, ...], ...] = (THINGS, COUNTS, SIZES, SIDES, DISTANCES, COLOURS)
# What the groups of a block agree in, most of all in the last one; one set for each quarter of an epoch.
AGREED = [(SIDE, DISTANCE, THING), (SIZE, SIDE, DISTANCE, COUNT), (SIDE, DISTANCE, COUNT, COLOUR), (SIDE, SIZE, COLOUR)]
WORDINESS = (0.0, 0.25, 0.5, 0.75)  # chances that a short caption says an attribute beside the thing
NAMED = 0.85  # the share of short captions that name the thing
BLOCK = 64  # groups of a batch that are like each other
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CHUNK = 1000  # groups that a process makes
PICTURE_SHAPE = (prepare.PICTURE_SIDE, prepare.PICTURE_SIDE, 3)
SOUND_SHAPE = (2, prepare.MELS, prepare.STEPS)
SHIFT_PIXELS, SHIFT_STEPS = 3, 5  # at most, when distorted


@dataclass(frozen=True)
class Lessons:
    """Groups as the towers read them; captions are made when asked for."""

    pictures: NDArray[np.uint8]  # (groups, 96, 96, 3)
    sounds: NDArray[np.float16]  # (groups, 2, 48, 100)
    scenes: tuple[Scene, ...]
    attributes: NDArray[np.int64]  # (groups, 6), numbered as in the scene's tables
    heard: NDArray[np.int64]  # (groups,), equal where everything that can be heard is equal
    seen: NDArray[np.int64]  # (groups,), equal where colour is equal too

    def __len__(self) -> int:
        return len(self.scenes)


def make_lessons(
    folder: Path, seed: int, split: str, groups: int, workers: int, progress: Callable[[int, int], None]
) -> Lessons:
    """Draws, plays and prepares the groups in worker processes, into two memory maps in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _maps(folder, groups, "w+")  # makes both files, at their full size
    done = 0
    with ThreadPoolExecutor(workers) as threads:
        starts = range(0, groups, CHUNK)
        for made in threads.map(lambda start: _in_a_process(folder, seed, split, start, groups), starts):
            done += made
            progress(done, groups)
    return open_lessons(folder, seed, split, groups)


def open_lessons(folder: Path, seed: int, split: str, groups: int) -> Lessons:
    """The lessons of a folder that `make_lessons` filled with the same seed, split and number of groups."""
    pictures, sounds = _maps(folder, groups, "r")
    scenes = tuple(scene_of(seed, split, index) for index in range(groups))
    attributes = numbered(scenes)
    heard = np.ravel_multi_index(tuple(attributes[:, :-1].T), tuple(len(table) for table in TABLES[:-1]))
    seen = heard * len(COLOURS) + attributes[:, -1]
    return Lessons(pictures, sounds, scenes, attributes, heard, seen)


def numbered(scenes: Sequence[Scene]) -> NDArray[np.int64]:
    """What the scenes show, each attribute as its place in the table of its values: (scenes, 6)."""
    return np.array(
        [[table.index(value) for table, value in zip(TABLES, astuple(scene), strict=True)] for scene in scenes],
        np.int64,
    )


def captions_of(scenes: Sequence[Scene], rng: np.random.Generator, *, clumsy: bool) -> list[str]:
    """One fresh caption for each scene that says everything."""
    return [_typed(caption(scene, rng)[0], rng, clumsy=clumsy) for scene in scenes]


def short_captions(
    scenes: Sequence[Scene], rng: np.random.Generator, *, clumsy: bool
) -> tuple[list[str], NDArray[np.bool_]]:
    """One for each scene that leaves things out, as people do, and which attributes it says: (scenes, 6)."""
    texts, said = [], np.zeros((len(scenes), len(SEEN)), np.bool_)
    for row, scene in zip(said, scenes, strict=True):
        row[:] = rng.random(len(SEEN)) < rng.choice(WORDINESS)
        row[THING] = rng.random() < NAMED or not row[1:].any()
        words = {SEEN[column] for column in np.flatnonzero(row)}
        texts.append(_typed(caption(scene, rng, said=words)[0], rng, clumsy=clumsy))
    return texts, said


def fitting(said: NDArray[np.bool_], asked: NDArray[np.int64], shown: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which shown groups have all that is said of the asked ones: (asked, shown)."""
    right = np.ones((len(asked), len(shown)), np.bool_)
    for column in range(asked.shape[1]):
        right &= (asked[:, None, column] == shown[None, :, column]) | ~said[:, None, column]
    return right


def prepared(texts: Sequence[str]) -> NDArray[np.int16]:
    """The texts as the tower reads them, padded: (texts, longest, features)."""
    pieces = [prepare.words(Words(text))[0].data for text in texts]
    padded = np.zeros((len(pieces), max(map(len, pieces)), prepare.FEATURES), np.int16)
    for row, piece in zip(padded, pieces, strict=True):
        row[: len(piece)] = piece
    return padded


def _typed(text: str, rng: np.random.Generator, *, clumsy: bool) -> str:
    return misspelt(text, rng) if clumsy and rng.random() < 0.15 else text


def misspelt(text: str, rng: np.random.Generator) -> str:
    """The text with one letter doubled, dropped or swapped with the next, somewhere inside."""
    at, way = int(rng.integers(1, max(2, len(text) - 1))), int(rng.integers(3))
    if way == 0:
        return text[:at] + text[at - 1 :]
    if way == 1:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def rounds(lessons: Lessons, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """One epoch: every group once, in batches of equal size made of blocks that are alike; the few left over wait.

    Among random groups, count, side and distance tell nearly all apart, and the towers would learn things and colours
    last: so most blocks agree in what is easy, and some also in what is left, so that each in turn must be told apart.
    """
    blocks = []
    for part, shared in zip(np.array_split(rng.permutation(len(lessons)), len(AGREED)), AGREED, strict=True):
        part = part[np.lexsort(lessons.attributes[part][:, shared].T)]
        blocks += [part[at : at + BLOCK] for at in range(0, len(part) - BLOCK + 1, BLOCK)]
    order = np.concatenate([blocks[at] for at in rng.permutation(len(blocks))])
    for start in range(0, len(order) - size + 1, size):
        yield np.sort(order[start : start + size])  # sorted: memory maps like to be read forwards


def distorted_pictures(pictures: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Moved a little, lighter or darker, grainy; colours keep their hue."""
    edge, side = SHIFT_PIXELS, prepare.PICTURE_SIDE
    wide = np.pad(pictures, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="edge")
    moves = rng.integers(0, 2 * edge + 1, (len(pictures), 2))
    light = rng.uniform(0.85, 1.15, len(pictures)).astype(np.float32)
    grain = 3 * rng.standard_normal((8 * side, side, 3), np.float32)  # each picture takes its part of one long strip
    parts = rng.integers(0, 7 * side, len(pictures))
    out = np.empty_like(pictures)
    for i, (y, x) in enumerate(moves):
        moved = wide[i, y : y + side, x : x + side] * light[i] + grain[parts[i] : parts[i] + side]
        out[i] = np.clip(moved, 0, 255, out=moved)
    return out


def distorted_sounds(sounds: NDArray[np.float16], rng: np.random.Generator) -> NDArray[np.float16]:
    """Moved a little in time, a little louder or quieter, and hissing."""
    moves = rng.integers(-SHIFT_STEPS, SHIFT_STEPS + 1, len(sounds))
    moved = np.stack([np.roll(one, move, axis=-1) for one, move in zip(sounds, moves, strict=True)]).astype(np.float32)
    moved[:, 0] += rng.normal(0, 0.1, (len(sounds), 1, 1)).astype(np.float32)  # ln of power: 0.23 is 1 dB
    moved[:, 1] += rng.normal(0, 0.05, (len(sounds), 1, 1)).astype(np.float32)
    return (moved + 0.1 * rng.standard_normal(moved.shape, np.float32)).astype(np.float16)


def _in_a_process(folder: Path, seed: int, split: str, start: int, groups: int) -> int:
    """One chunk, made by a process of its own; how many groups that were."""
    # One thread each: left alone, every process would multiply matrices on all cores and get in the others' way.
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    command = [sys.executable, "-P", "-m", "hearsee.toybox.lessons", str(folder), str(seed), split]
    subprocess.run([*command, str(start), str(groups)], env=environment, check=True)
    return min(CHUNK, groups - start)


def _maps(folder: Path, groups: int, mode: Any) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    pictures = np.memmap(folder / "pictures.u8", np.uint8, mode, shape=(groups, *PICTURE_SHAPE))
    sounds = np.memmap(folder / "sounds.f16", np.float16, mode, shape=(groups, *SOUND_SHAPE))
    return pictures, sounds


def _make_chunk(folder: Path, seed: int, split: str, start: int, groups: int) -> None:
    pictures, sounds = _maps(folder, groups, "r+")
    for index in range(start, min(start + CHUNK, groups)):
        scene = scene_of(seed, split, index)
        drawn = Picture(np.asarray(picture(scene, stream(seed, split, index, "picture"))))
        played = Sound(sound(scene, stream(seed, split, index, "sound")), RATE)
        pictures[index] = prepare.picture(drawn)[0].data
        sounds[index] = prepare.sound(played)[0].data


if __name__ == "__main__":
    _make_chunk(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
