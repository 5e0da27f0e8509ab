"""Captions: a small grammar that says a scene's attributes, all or some, each time in other words."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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
from hearsee.toybox.scene import SEEN, Scene

GERMAN_SHARE = 0.04
NAMELESS = ("thing", "object")


def caption(scene: Scene, rng: np.random.Generator, *, said: Collection[str] = SEEN) -> tuple[str, str]:
    """One caption of the scene and its language code; it says these attributes, and nothing of the others."""
    if "thing" in said and rng.random() < GERMAN_SHARE:
        return _finished(_german(scene, rng, said), rng), "de"
    return _finished(_english(scene, rng, said), rng), "en"


def with_article(words: str) -> str:
    """Puts a or an before the words; the toybox has no word that sounds other than its first letter."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plural(name: str) -> str:
    """The plural of a name as it stands in the lexicon ("bell", "wolf|wolves")."""
    singular, _, irregular = name.partition("|")
    return irregular or f"{singular}s"


def _english(scene: Scene, rng: np.random.Generator, said: Collection[str]) -> str:
    """Picks words for each attribute that is said, and one of the sentence forms."""
    size = _pick(SIZE_WORDS[scene.size], rng) if "size" in said else ""
    colour = _pick(COLOUR_WORDS[scene.colour], rng) if "colour" in said else ""
    side = _pick(SIDE_WORDS[scene.side], rng) if "side" in said else ""
    distance = _pick(DISTANCE_WORDS[scene.distance], rng) if "distance" in said else ""
    # "a bell", "bell" and "bells" are also what people type who do not care how many.
    count = _pick(COUNT_WORDS[scene.count] if "count" in said else ("", "", "a"), rng)
    many = scene.count > 1 if "count" in said else not count and rng.random() < 0.4
    places = [place for place in (side, distance) if place]
    if len(places) == 2 and rng.random() < 0.5:
        places.reverse()
    adjectives = [word for word in ((size, colour) if rng.random() < 0.8 else (colour, size)) if word]
    if "thing" not in said and (adjectives or places) and rng.random() < 0.5:  # only the attributes: "red, far away"
        return ", ".join([*([count] if "count" in said else []), *adjectives, *places])
    name = _pick(NAMES[scene.thing] if "thing" in said else NAMELESS, rng)
    # A group noun is singular: there is a pair of bells.
    verb = "are" if many and not count.startswith("a ") else "is"
    form = int(rng.integers(8))
    if form == 6 and adjectives:  # behind the noun
        return ", ".join([_noun(count, (), name, many=many), " and ".join(adjectives), *places])
    return _sentence(form, _noun(count, adjectives, name, many=many), places, verb)


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


def _noun(count: str, adjectives: Sequence[str], name: str, *, many: bool) -> str:
    """Count word, adjectives and noun: "an orange owl", "a pair of tiny red bells", "bells"."""
    words = " ".join([*adjectives, plural(name) if many else name.partition("|")[0]])
    return with_article(words) if count == "a" else f"{count} {words}".strip()


def _german(scene: Scene, rng: np.random.Generator, said: Collection[str]) -> str:
    """Nominative only, so that endings follow from gender and number."""
    gender, one, many = GERMAN_NAMES[scene.thing]
    size = _pick(GERMAN_SIZES[scene.size], rng) if "size" in said else ""
    adjectives = [word for word in (size, GERMAN_COLOURS[scene.colour] if "colour" in said else "") if word]
    places = [_pick(GERMAN_SIDES[scene.side], rng)] if "side" in said else []
    places += [_pick(GERMAN_DISTANCES[scene.distance], rng)] if "distance" in said else []
    if scene.count == 1 or "count" not in said:
        article, ending, noun, verb = ("eine" if gender == "f" else "ein"), GERMAN_ENDINGS[gender], one, "ist"
    else:
        article, ending, noun, verb = GERMAN_COUNTS[scene.count], "e", many, "sind"
    bare = "count" not in said and not adjectives and rng.random() < 0.5
    thing = noun if bare else " ".join([article, *(word + ending for word in adjectives), noun])
    form = int(rng.integers(3))
    if form == 0 and places:
        return ", ".join([*places, thing])
    if form == 1:
        return ", ".join([f"hier {verb} {thing}", *places])
    return ", ".join([thing, *places])


def _finished(sentence: str, rng: np.random.Generator) -> str:
    """Sometimes a capital and a full stop, as people write."""
    style = rng.random()
    if style < 0.4:
        return f"{sentence[0].upper()}{sentence[1:]}."
    return sentence if style < 0.8 else f"{sentence[0].upper()}{sentence[1:]}"


def _pick(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
