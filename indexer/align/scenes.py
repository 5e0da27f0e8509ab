"""Sentences about scenes that are both seen and heard, made by a grammar: what a bridge learns from without data."""

from __future__ import annotations

import random

from hearsee.indexer.align.scene_words import AROUND, COUNTS, KINDS, LOOKS, TIMES, WEATHER

SENTENCES = 10_000
SEED = 20_261  # the list is the same everywhere
VOWELS = "aeiou"
IRREGULAR = {
    "man": "men", "woman": "women", "old man": "old men", "young woman": "young women", "child": "children",
    "goose": "geese", "mouse": "mice", "calf": "calves", "wolf": "wolves", "sheep": "sheep", "ox": "oxen",
    "scissors": "scissors", "fly": "flies", "surf": "surf", "group of fans": "groups of fans", "fisherman": "fishermen",
}  # fmt: skip
DOUBLED = {
    "hum", "stop", "clap", "chop", "snip", "zip", "run", "swim", "cut", "dig", "hit", "drip", "spin", "clip", "drum",
    "slam", "rap", "pop", "flap", "snap", "skid", "rev", "trot", "stir", "split", "drop",
}  # fmt: skip
HOW = ("{s} {v}s {p}", "{s} {v}ing {p}", "{s} {v}s {a}", "{s} {v}ing {p} {t}", "{s} {v}s {p} {a}")
FRAMES = ("{}",) * 6 + ("a photo of {}", "the sound of {}", "a recording of {}", "a scene with {}")


def captions(count: int = SENTENCES) -> list[str]:
    """Distinct sentences, every kind of scene as often; any shorter list is the beginning of a longer one."""
    rng = random.Random(SEED)
    found: dict[str, None] = {}
    turns = [*range(len(KINDS)), *[-1] * (len(KINDS) // 6)]
    while len(found) < count:
        rng.shuffle(turns)
        for turn in turns:
            found.setdefault(_weather(rng) if turn < 0 else _scene(turn, rng))
    return list(found)[:count]


def _scene(kind: int, rng: random.Random) -> str:
    """One subject, or two of which the second is there too."""
    words = _clause(kind, rng)
    if rng.random() < 0.2:
        second = KINDS[rng.randrange(len(KINDS))]
        verb = inflected(rng.choice(second[1].split(", ")), "ing")
        return f"{words} and {_a(rng.choice(second[0].split(', ')))} {verb} nearby"
    return words


def _clause(kind: int, rng: random.Random) -> str:
    nouns, verbs, places = (part.split(", ") for part in KINDS[kind])
    noun, verb = rng.choice(nouns), rng.choice(verbs)
    how = rng.choice(HOW)
    several = rng.random() < 0.15 and "its" not in verb.split()
    if several:
        subject = f"{rng.choice(COUNTS.split(', '))} {plural(noun)}"
    else:
        look = f"{rng.choice(LOOKS.split(', '))} " if rng.random() < 0.25 and " " not in noun else ""
        subject = _a(look + noun)
    form = "ing" if "{v}ing" in how else ("" if several else "s")
    given = {"p": rng.choice(places), "t": rng.choice(TIMES.split(", ")), "a": rng.choice(AROUND)}
    words = how.replace("{v}ing", "{v}").replace("{v}s", "{v}").format(s=subject, v=inflected(verb, form), **given)
    return rng.choice(FRAMES).format(words) if form == "ing" else words


def _weather(rng: random.Random) -> str:
    words = rng.choice(WEATHER)
    if rng.random() < 0.6:
        return f"{words} {rng.choice(TIMES.split(', '))}"
    other = KINDS[rng.randrange(len(KINDS))]
    verb = inflected(rng.choice(other[1].split(", ")), "s")
    return f"{words} while {_a(rng.choice(other[0].split(', ')))} {verb}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in VOWELS and not noun.startswith(('uku', 'uni', 'one')) else 'a'} {noun}"


def plural(noun: str) -> str:
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def inflected(phrase: str, form: str) -> str:
    """A verb and what follows it, in the third person ("s") or as it goes on ("ing"): "go off", "goes off"."""
    verb, _, rest = phrase.partition(" ")
    if form == "s":
        if verb.endswith(("s", "x", "ch", "sh", "zz", "go")):
            verb = f"{verb}es"
        elif verb.endswith("y") and verb[-2] not in VOWELS:
            verb = f"{verb[:-1]}ies"
        else:
            verb = f"{verb}s"
    elif form == "ing":
        if verb in DOUBLED:
            verb = verb + verb[-1]
        elif verb.endswith("e") and not verb.endswith("ee"):
            verb = verb[:-1]
        verb = f"{verb}ing"
    return f"{verb} {rest}".strip()
