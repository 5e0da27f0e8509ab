"""Captions: a small grammar that says every attribute of a scene, each time in other words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hearsee.toybox.lexicon import (
    COLOUR_WORDS,
    COUNT_WORDS,
    DISTANCE_WORDS,
    GERMAN_COLOURS,
    GERMAN_COUNTS,
    GERMAN_DISTANCES,
    GERMAN_ENDINGS,
    GERMAN_NAMES,
    GERMAN_SIDES,
    GERMAN_SIZES,
    NAMES,
    SIDE_WORDS,
    SIZE_WORDS,
)
from hearsee.toybox.scene import Scene

GERMAN_SHARE = 0.04


def caption(scene: Scene, rng: np.random.Generator, *, colour: bool = True) -> tuple[str, str]:
    """One caption of the scene and its language code; whatever stays unsaid is one, medium, middle or near.

    Without `colour` it says only what can also be heard.
    """
    if rng.random() < GERMAN_SHARE:
        return _finished(_german(scene, rng, GERMAN_COLOURS[scene.colour] if colour else ""), rng), "de"
    return _finished(_english(scene, rng, _pick(COLOUR_WORDS[scene.colour], rng) if colour else ""), rng), "en"


def with_article(words: str) -> str:
    """Puts a or an before the words; the toybox has no word that sounds other than its first letter."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plural(name: str) -> str:
    """The plural of a name as it stands in the lexicon ("bell", "wolf|wolves")."""
    singular, _, irregular = name.partition("|")
    return irregular or f"{singular}s"


def _english(scene: Scene, rng: np.random.Generator, colour: str) -> str:
    """Picks words for each attribute and one of the sentence forms."""
    name, count = _pick(NAMES[scene.thing], rng), _pick(COUNT_WORDS[scene.count], rng)
    size = _pick(SIZE_WORDS[scene.size], rng)
    side, distance = _pick(SIDE_WORDS[scene.side], rng), _pick(DISTANCE_WORDS[scene.distance], rng)
    places = [place for place in (side, distance) if place]
    if len(places) == 2 and rng.random() < 0.5:
        places.reverse()
    # A group noun is singular: there is a pair of bells.
    verb = "is" if scene.count == 1 or count.startswith("a ") else "are"
    form = int(rng.integers(8))
    if form == 6:  # adjectives behind the noun
        thing = _noun(scene.count, count, (), name)
        return ", ".join(part for part in (thing, " and ".join(filter(None, (size, colour))), *places) if part)
    adjectives = (size, colour) if rng.random() < 0.8 else (colour, size)
    thing = _noun(scene.count, count, [word for word in adjectives if word], name)
    return _sentence(form, thing, places, verb)


def _sentence(form: int, thing: str, places: Sequence[str], verb: str) -> str:
    after = " ".join([thing, ", ".join(places)]).strip()
    if form == 0 and places:
        return ", ".join([*places, thing])
    if form == 1:
        return f"you can hear and see {after}"
    if form == 2:
        return f"there {verb} {after}"
    if form == 3 and places:
        return f"{' and '.join(places)} there {verb} {thing}"
    if form == 4:
        return f"the sight and sound of {after}"
    if form == 5 and places:
        return f"{thing}, {', '.join(places)}"
    if form == 7 and places:
        return f"{places[0]}: {', '.join([thing, *places[1:]])}"
    return after


def _noun(count: int, counted: str, adjectives: Sequence[str], name: str) -> str:
    """Count word, adjectives and noun: "an orange owl", "a pair of tiny red bells"."""
    words = " ".join([*adjectives, plural(name) if count > 1 else name.partition("|")[0]])
    return with_article(words) if counted == "a" else f"{counted} {words}"


def _german(scene: Scene, rng: np.random.Generator, colour: str) -> str:
    """Nominative only, so that endings follow from gender and number."""
    gender, one, many = GERMAN_NAMES[scene.thing]
    adjectives = [word for word in (_pick(GERMAN_SIZES[scene.size], rng), colour) if word]
    places = [_pick(GERMAN_SIDES[scene.side], rng), _pick(GERMAN_DISTANCES[scene.distance], rng)]
    places = [place for place in places if place]
    if scene.count == 1:
        article, ending, noun = ("eine" if gender == "f" else "ein"), GERMAN_ENDINGS[gender], one
    else:
        article, ending, noun = GERMAN_COUNTS[scene.count], "e", many
    thing = " ".join([article, *(word + ending for word in adjectives), noun])
    form = int(rng.integers(3))
    if form == 0 and places:
        return ", ".join([*places, thing])
    if form == 1:
        return ", ".join([f"hier {'ist' if scene.count == 1 else 'sind'} {thing}", *places])
    return ", ".join([thing, *places])


def _finished(sentence: str, rng: np.random.Generator) -> str:
    """Sometimes a capital and a full stop, as people write."""
    style = rng.random()
    if style < 0.4:
        return f"{sentence[0].upper()}{sentence[1:]}."
    return sentence if style < 0.8 else f"{sentence[0].upper()}{sentence[1:]}"


def _pick(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
