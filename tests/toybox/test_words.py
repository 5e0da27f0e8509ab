"""Captions say what the scene shows: a reader that knows only the word lists gets every attribute back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

from hearsee.toybox import lexicon
from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SEEN, SIDES, SIZES, THINGS, Scene
from hearsee.toybox.words import caption, plural, with_article

UNSAID = ""


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


def test_a_short_caption_says_what_it_is_to_say_and_nothing_else() -> None:
    rng = np.random.default_rng(8)
    for _ in range(4000):
        scene = _any_scene(rng)
        said = {name for name in SEEN if rng.random() < 0.5} or {"thing"}
        text, language = caption(scene, rng, said=said)
        read = _read_english(text) if language == "en" else _read_german(text)
        for name in SEEN:
            if name in said:
                assert read[name] == scene.attributes()[name], (text, name)
            elif name == "count":  # "a bell" and "ein Hund" do not say that there is one
                assert read[name] in (UNSAID, 1), text
            else:
                assert read[name] == UNSAID, (text, name)


def test_bare_names_and_bare_attributes_are_among_short_captions() -> None:
    scene, rng = Scene("bell", 3, "small", "left", "far", "red"), np.random.default_rng(1)
    names = {caption(scene, rng, said={"thing"})[0].rstrip(".").lower() for _ in range(400)}
    assert {"bell", "bells", "a bell", "glocke"} <= names
    reds = {caption(scene, rng, said={"colour"})[0].rstrip(".").lower() for _ in range(400)}
    assert {"red", "a red thing", "red objects"} <= reds


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
            scene = Scene(thing, count, "medium", "middle", "near", "red")
            text, language = caption(scene, rng, said={"thing", "count", "colour"})
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
    read: dict[str, str | int] = {"thing": _only(names, text, UNSAID)}
    tables = (
        ("size", "SIZE_WORDS"),
        ("side", "SIDE_WORDS"),
        ("distance", "DISTANCE_WORDS"),
        ("colour", "COLOUR_WORDS"),
    )
    for attribute, table in tables:
        read[attribute] = _only(getattr(lexicon, table), text, UNSAID)
    counts = {**lexicon.COUNT_WORDS, 1: (*lexicon.COUNT_WORDS[1], "an")}
    placeless = text.replace("a long way off", "")
    read["count"] = _only(counts, placeless, UNSAID)
    return {attribute: read[attribute] for attribute in SEEN}


def _read_german(text: str) -> dict[str, str | int]:
    text = text.lower()
    names = {thing: [one.lower(), many.lower()] for thing, (_, one, many) in lexicon.GERMAN_NAMES.items()}
    colours = {colour: [word + end for end in ("e", "er", "es")] for colour, word in lexicon.GERMAN_COLOURS.items()}
    sizes = {
        size: [word + end for word in words if word for end in ("e", "er", "es")]
        for size, words in lexicon.GERMAN_SIZES.items()
    }
    return {
        "thing": _only(names, text, UNSAID),
        "count": _only({1: ["ein", "eine"], **{n: [word] for n, word in lexicon.GERMAN_COUNTS.items()}}, text, UNSAID),
        "size": _only(sizes, text, UNSAID),
        "side": _only(lexicon.GERMAN_SIDES, text, UNSAID),
        "distance": _only(lexicon.GERMAN_DISTANCES, text, UNSAID),
        "colour": _only(colours, text, UNSAID),
    }


def _only(table: Mapping[Any, Iterable[str]], text: str, default: str) -> str | int:
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
    if not found:
        return default
    longest = [key for key, length in found.items() if length == max(found.values())]
    assert len(longest) == 1, (text, found)
    only: str | int = longest[0]
    return only
