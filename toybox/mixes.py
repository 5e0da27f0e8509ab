"""Toybox groups for fusion: two renderings that ask, one that answers, and spoiled versions of the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple

import numpy as np

from hearsee.core.media.kinds import Media, Picture, Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.mixes import Groups, Mix
from hearsee.toybox.corrupt import spoiled
from hearsee.toybox.draw import picture
from hearsee.toybox.scene import Scene
from hearsee.toybox.sound import RATE, sound
from hearsee.toybox.words import caption
from hearsee.toybox.write import scene_of

ASKING, SPOILED = 2, 3  # renderings of each thing; versions of the first, the last of them drowned in noise
LEVELS = (0.35, 0.95)  # of what is spoiled in part
CHUNK = 128  # groups encoded at a time


def toybox_groups(
    space: Space, split: str, groups: int, seed: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Groups:
    """Draws, plays, writes and encodes; where only a sound asks or answers, colour is not asked for."""
    scenes = [scene_of(seed, split, index) for index in range(groups)]
    rows: dict[Modality, list[Vectors]] = {modality: [] for modality in Modality}
    for start in range(0, groups, CHUNK):
        some = range(start, min(start + CHUNK, groups))
        media = [_versions(scenes[index], seed, index) for index in some]
        for modality in Modality:
            flat = [version for one in media for version in one[modality]]
            rows[modality].append(encoded(space, modality, flat).reshape(len(some), -1, space.dim))
        progress(some.stop, groups)
    return groups_of(scenes, {modality: np.concatenate(parts) for modality, parts in rows.items()})


def groups_of(scenes: Sequence[Scene], tables: Mapping[Modality, Vectors]) -> Groups:
    """Groups of what was encoded: for each scene the renderings that ask, the one that answers, the spoiled ones."""
    heard, seen = _classes([astuple(one)[:-1] for one in scenes]), _classes([astuple(one) for one in scenes])

    def labels(mix: Mix, wanted: Modality) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return heard if wanted is Modality.AUDIO or set(mix) == {Modality.AUDIO} else seen

    asked = {modality: table[:, :ASKING] for modality, table in tables.items()}
    answers = {modality: table[:, ASKING] for modality, table in tables.items()}
    return Groups(asked, answers, labels, {m: table[:, ASKING + 1 :] for m, table in tables.items()}, apart=True)


def encoded(space: Space, modality: Modality, media: Sequence[Media]) -> Vectors:
    """One row each: a toybox item is one window, one passage."""
    tower = space.tower(modality)
    prepare = find_preparation(tower.preparation)
    return space.project(modality, tower.encode([prepare(one)[0] for one in media]))


def _versions(scene: Scene, seed: int, index: int) -> dict[Modality, list[Media]]:
    versions: dict[Modality, list[Media]] = {modality: [] for modality in Modality}
    for copy in range(ASKING + 1):
        rng = np.random.default_rng([seed, index, copy])
        versions[Modality.IMAGE].append(Picture(np.asarray(picture(scene, rng))))
        versions[Modality.AUDIO].append(Sound(sound(scene, rng), RATE))
        versions[Modality.TEXT].append(Words(caption(scene, rng)[0]))
    rng = np.random.default_rng([seed, index, ASKING + 1])
    for made in versions.values():
        made += [spoiled(made[0], rng, rng.uniform(*LEVELS)) for _ in range(SPOILED - 1)]
        made.append(spoiled(made[0], rng, 1.0, "noise"))
    return versions


def _classes(scenes: Sequence[tuple[object, ...]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    numbers: dict[tuple[object, ...], int] = {}
    return np.array([numbers.setdefault(scene, len(numbers)) for scene in scenes], np.int64)
