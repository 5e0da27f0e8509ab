"""Captions say what the scene shows: a reader that knows only the word lists gets every attribute back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
import pytest

from hearsee.toybox import lexicon
from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, HEARD, SIDES, SIZES, THINGS, Scene
from hearsee.toybox.words import caption, plural, with_article

Key = TypeVar("Key", str, int)
DEFAULTS: dict[str, str | int] = {"count": 1, "size": "medium", "side": "middle", "distance": "near"}


def test_every_thing_and_attribute_has_words() -> None:
    assert set(lexicon.NAMES) == set(lexicon.GERMAN_NAMES) == set(THINGS)
    assert set(lexicon.COUNT_WORDS) == set(COUNTS)
    assert set(lexicon.SIZE_WORDS) == set(lexicon.GERMAN_SIZES) == set(SIZES)
    assert set(lexicon.SIDE_WORDS) == set(lexicon.GERMAN_SIDES) == set(SIDES)
    assert set(lexicon.DISTANCE_WORDS) == set(lexicon.GERMAN_DISTANCES) == set(DISTANCES)
    assert set(lexicon.COLOUR_WORDS) == set(lexicon.GERMAN_COLOURS) == set(COLOURS)


def test_no_name_and_no_colour_word_means_two_things() -> None:
    for table in (lexicon.NAMES, lexicon.COLOUR_WORDS):
        owners: dict[str, str] = {}
        for meaning, words in table.items():
            for word in words:
                assert owners.setdefault(word, meaning) == meaning


def test_every_attribute_can_be_read_back() -> None:
    rng = np.random.default_rng(7)
    for _ in range(4000):
        scene = _any_scene(rng)
        text, language = caption(scene, rng)
        read = _read_english(text) if language == "en" else _read_german(text)
        assert read == scene.attributes(), text


def test_wording_varies_and_some_captions_are_german() -> None:
    rng = np.random.default_rng(3)
    scene = Scene("bell", 3, "small", "left", "far", "red")
    captions = [caption(scene, rng) for _ in range(2000)]
    assert len({text for text, _ in captions}) > 1000
    assert 0.02 < sum(language == "de" for _, language in captions) / len(captions) < 0.06


def test_the_same_generator_gives_the_same_caption() -> None:
    scene = Scene("owl", 1, "medium", "middle", "near", "orange")
    assert caption(scene, np.random.default_rng(5)) == caption(scene, np.random.default_rng(5))


@pytest.mark.parametrize(
    ("words", "right"),
    [("owl", "an owl"), ("bell", "a bell"), ("orange bell", "an orange bell"), ("upright piano", "an upright piano")],
)
def test_articles(words: str, right: str) -> None:
    assert with_article(words) == right


@pytest.mark.parametrize(
    ("name", "right"), [("bell", "bells"), ("wolf|wolves", "wolves"), ("woolly sheep|woolly sheep", "woolly sheep")]
)
def test_plurals(name: str, right: str) -> None:
    assert plural(name) == right


def test_german_endings_follow_gender_and_number() -> None:
    rng = np.random.default_rng(11)
    said = set()
    for thing, count in (("dog", 1), ("bell", 1), ("car", 1), ("dog", 3)):
        for _ in range(1500):
            text, language = caption(Scene(thing, count, "medium", "middle", "near", "red"), rng)
            if language == "de":
                said.add(text.rstrip(".").lower())
    assert {"ein roter hund", "eine rote glocke", "ein rotes auto", "drei rote hunde"} <= said


def _any_scene(rng: np.random.Generator) -> Scene:
    def pick(values: tuple[str, ...]) -> str:
        return values[int(rng.integers(len(values)))]

    count = COUNTS[int(rng.integers(len(COUNTS)))]
    return Scene(pick(THINGS), count, pick(SIZES), pick(SIDES), pick(DISTANCES), pick(COLOURS))


def _read_english(text: str) -> dict[str, str | int]:
    names = {
        thing: [form for name in words for form in (name.partition("|")[0], plural(name))]
        for thing, words in lexicon.NAMES.items()
    }
    text = text.lower()
    read = {**DEFAULTS, "thing": _only(names, text), "colour": _only(lexicon.COLOUR_WORDS, text)}
    for attribute, table in (("size", "SIZE_WORDS"), ("side", "SIDE_WORDS"), ("distance", "DISTANCE_WORDS")):
        read[attribute] = _only(getattr(lexicon, table), text, read[attribute])
    more = {count: words for count, words in lexicon.COUNT_WORDS.items() if count > 1}
    read["count"] = _only(more, text, 1)
    return {attribute: read[attribute] for attribute in (*HEARD, "colour")}


def _read_german(text: str) -> dict[str, str | int]:
    text = text.lower()
    names = {thing: [one.lower(), many.lower()] for thing, (_, one, many) in lexicon.GERMAN_NAMES.items()}
    colours = {colour: [word + end for end in ("e", "er", "es")] for colour, word in lexicon.GERMAN_COLOURS.items()}
    sizes = {
        size: [word + end for word in words if word for end in ("e", "er", "es")]
        for size, words in lexicon.GERMAN_SIZES.items()
    }
    return {
        "thing": _only(names, text),
        "count": _only({count: [word] for count, word in lexicon.GERMAN_COUNTS.items()}, text, 1),
        "size": _only(sizes, text, "medium"),
        "side": _only(lexicon.GERMAN_SIDES, text, "middle"),
        "distance": _only(lexicon.GERMAN_DISTANCES, text, "near"),
        "colour": _only(colours, text),
    }


def _only(table: Mapping[Key, Iterable[str]], text: str, default: Key | None = None) -> Key:
    """The one key whose longest phrase occurs in the text as whole words; two keys at once would be ambiguous."""
    found = {
        key: max(len(word) for word in said)
        for key, words in table.items()
        if (
            said := [
                word for word in words if word and re.search(rf"(?<![\w-]){re.escape(word.lower())}(?![\w-])", text)
            ]
        )
    }
    if not found and default is not None:
        return default
    longest = [key for key, length in found.items() if length == max(found.values())]
    assert len(longest) == 1, (text, found)
    return longest[0]
