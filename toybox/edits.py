"""Toybox scenes in pairs that differ in one attribute or two, and words for every value: to learn edits from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

import numpy as np

from hearsee.core.media.kinds import Media, Picture, Sound, Words
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.facts import Facts, Sayings
from hearsee.toybox.draw import picture
from hearsee.toybox.lessons import short_captions
from hearsee.toybox.lexicon import COLOUR_WORDS, COUNT_WORDS, DISTANCE_WORDS, NAMES, SIDE_WORDS, SIZE_WORDS
from hearsee.toybox.mixes import encoded
from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, HEARD, SEEN, SIDES, SIZES, THINGS, Scene
from hearsee.toybox.sound import RATE, sound
from hearsee.toybox.splits import SPLITS, draw_scene, split_of
from hearsee.toybox.words import caption, plural, with_article


def _forms(name: str) -> tuple[str, ...]:
    """ "bell", "a bell", "bells"."""
    one = name.partition("|")[0]
    return one, with_article(one), plural(name)


VALUES: tuple[Sequence[Any], ...] = (THINGS, COUNTS, SIZES, SIDES, DISTANCES, COLOURS)
TWICE = 0.25  # share of the pairs that differ in two attributes
CHUNK = 250  # scenes encoded at a time
ONE = ("one", "1", "a single one", "only one")
WORDS: tuple[Mapping[Any, Sequence[str]], ...] = (
    {thing: [form for name in names for form in _forms(name)] for thing, names in NAMES.items()},
    {count: ONE if count == 1 else tuple(dict.fromkeys(words)) for count, words in COUNT_WORDS.items()},
    SIZE_WORDS,
    SIDE_WORDS,
    DISTANCE_WORDS,
    {colour: tuple(dict.fromkeys(words)) for colour, words in COLOUR_WORDS.items()},
)


def toybox_facts(
    space: Space, split: str, pairs: int, seed: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Facts:
    """Draws, plays, writes and encodes both scenes of each pair, which lie one after the other."""
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    scenes = [scene for _ in range(pairs) for scene in _pair(split, rng)]
    rows: dict[Modality, list[Vectors]] = {modality: [] for modality in Modality}
    for start in range(0, len(scenes), CHUNK):
        some = scenes[start : start + CHUNK]
        for modality in Modality:
            rows[modality].append(encoded(space, modality, [_shown(one, modality, rng) for one in some]))
        progress(start + len(some), len(scenes))
    texts, said = short_captions(scenes, rng, clumsy=False)
    numbers = [[table.index(value) for table, value in zip(VALUES, astuple(one), strict=True)] for one in scenes]
    first = np.arange(0, len(scenes), 2)
    one_way = np.stack([first, first + 1], axis=1)
    return Facts(
        SEEN,
        np.array(numbers, np.int64),
        {modality: np.concatenate(parts) for modality, parts in rows.items()},
        {modality: np.array([key in HEARD or modality is not Modality.AUDIO for key in SEEN]) for modality in Modality},
        encoded(space, Modality.TEXT, [Words(text) for text in texts]),
        said,
        toybox_sayings(space),
        np.concatenate([one_way, one_way[:, ::-1]]),
    )


def toybox_sayings(space: Space) -> Sayings:
    """Every word for every value, as a text of its own."""
    said = list(_said())
    vectors = encoded(space, Modality.TEXT, [Words(words) for *_, words in said])
    keys, values = (np.array([one[at] for one in said], np.int64) for at in (0, 1))
    return Sayings(tuple(words for *_, words in said), keys, values, vectors)


def _said() -> Iterator[tuple[int, int, str]]:
    for key, (table, known) in enumerate(zip(WORDS, VALUES, strict=True)):
        for value, name in enumerate(known):
            yield from ((key, value, words) for words in table[name])


def _pair(split: str, rng: np.random.Generator) -> tuple[Scene, Scene]:
    """Two scenes of the split; which attribute differs is as likely for each."""
    chosen = rng.choice(len(SEEN), 2 if rng.random() < TWICE else 1, replace=False)
    while True:
        one = draw_scene(split, rng)
        drawn = {SEEN[key]: _another(VALUES[key], getattr(one, SEEN[key]), rng) for key in chosen}
        other = replace(one, **drawn)
        if split_of(other) == split:
            return one, other


def _another(values: Sequence[Any], this: object, rng: np.random.Generator) -> Any:
    others = [value for value in values if value != this]
    return others[int(rng.integers(len(others)))]


def _shown(scene: Scene, modality: Modality, rng: np.random.Generator) -> Media:
    match modality:
        case Modality.IMAGE:
            return Picture(np.asarray(picture(scene, rng)))
        case Modality.AUDIO:
            return Sound(sound(scene, rng), RATE)
        case Modality.TEXT:
            return Words(caption(scene, rng)[0])
