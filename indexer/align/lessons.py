"""Questions to learn edits and steering away from, drawn from facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.align.facts import Facts, Numbers

Asker: TypeAlias = tuple[str, Vectors, Bitmap]  # as facts.askers() tells them
MOST = 2  # keys that one lesson changes
BY_WORDS = 0.6  # the share of lessons that steer away from words; else from a picture or a sound


@dataclass(frozen=True)
class EditLesson:
    """Something asked for, and words for what is to be different."""

    target: Vectors  # (q, d)
    modality: Modality  # of the words
    words: tuple[Vectors, ...]  # (q, d) each
    there: tuple[NDArray[np.float32], ...]  # (q,) each: 0 where a question has no such words
    answers: Vectors  # (answers, d)
    right: Bitmap  # (q, answers)


@dataclass(frozen=True)
class WithoutLesson:
    """Something asked for, and words, a picture or a sound of what it must not have."""

    target: Vectors
    modality: Modality
    words: tuple[Vectors, ...]
    there: tuple[NDArray[np.float32], ...]
    answers: Vectors
    unwanted: Bitmap  # (q, answers): has what it must not have
    kept: NDArray[np.float32]  # (q, answers): the share of what else was asked for that it has
    about: str  # what the lesson is about


def edit_lesson(facts: Facts, batch: int, answers: int, rng: np.random.Generator) -> EditLesson:
    """Of some of the pairs, asked and answered by whatever there is."""
    while True:
        asker = list(facts.askers())[int(rng.integers(len(facts.items) + 1))]
        wanted = _any(facts, rng)
        pairs = facts.pairs[rng.choice(len(facts.pairs), min(batch, len(facts.pairs)), replace=False)]
        pairs = pairs[_answerable(facts, pairs, wanted)]
        if len(pairs):
            break
    return edits_of(facts, asker, wanted, pairs, _others(facts, pairs.ravel(), answers, rng), rng)


def edits_of(
    facts: Facts, asker: Asker, wanted: Modality, pairs: Numbers, others: Numbers, rng: np.random.Generator
) -> EditLesson:
    """From the first thing of each pair to the second, among these things; what asks does not have to tell all."""
    pairs = pairs[_answerable(facts, pairs, wanted)]
    _, vectors, tells = asker
    differs = _differs(facts, pairs)
    matters = (tells[pairs[:, 0]] | differs) & facts.shows[wanted]
    words, there = [], []
    for turn in range(MOST):
        has = differs.sum(axis=1) > turn
        keys = np.argsort(~differs, axis=1, kind="stable")[:, turn if differs.shape[1] > turn else 0]
        keys = np.where(has, keys, np.argmax(differs, axis=1))
        values = facts.values[pairs[:, 1], keys]
        words.append(facts.sayings.drawn(keys, values, rng))
        there.append(has.astype(np.float32))
    right = facts.fitting(facts.values[pairs[:, 1]], others, matters)
    asked = vectors[pairs[:, 0]]
    return EditLesson(asked, Modality.TEXT, tuple(words), tuple(there), facts.items[wanted][others], right)


def without_lesson(facts: Facts, batch: int, answers: int, rng: np.random.Generator) -> WithoutLesson:
    """Of one key, asked and answered by whatever tells it."""
    media = [one for one in facts.items if one is not Modality.TEXT and facts.shows[one][0]]
    by = Modality.TEXT if not media or rng.random() < BY_WORDS else media[int(rng.integers(len(media)))]
    key = int(rng.integers(len(facts.keys))) if by is Modality.TEXT else 0
    while True:
        wanted = _any(facts, rng)
        asker = list(facts.askers())[int(rng.integers(len(facts.items) + 1))]
        rows = askable(facts, asker, wanted, key)
        if len(rows):
            break
    rows = rng.choice(rows, min(batch, len(rows)), replace=False)
    return without_of(facts, asker, wanted, (by, key), rows, _others(facts, rows, answers, rng), rng)


def askable(facts: Facts, asker: Asker, wanted: Modality, key: int) -> Numbers:
    """What can be asked without something of this key: things that show it, short texts that leave it out."""
    name, _, tells = asker
    there = tells[:, key] == (name in facts.items)
    return np.flatnonzero(there & facts.shows[wanted][key])


def without_of(
    facts: Facts, asker: Asker, wanted: Modality, shunned: tuple[Modality, int], rows: Numbers, others: Numbers,
    rng: np.random.Generator,
) -> WithoutLesson:  # fmt: skip
    """Each of these asks among those things without its own value of the key.

    A short text has none: it is asked without that of its best answer. The key is told by words, or by a picture or a
    sound of something with the value.
    """
    (name, vectors, tells), (by, key) = asker, shunned
    shown, target = facts.items[wanted][others], vectors[rows]
    values = facts.values[rows, key]
    if name not in facts.items:
        values = facts.values[others[(target @ shown.T).argmax(axis=1)], key]
    if by is Modality.TEXT:
        words = facts.sayings.drawn(np.full(len(rows), key), values, rng)
    else:
        words = np.stack([_another(facts, by, key, value, row, rng) for row, value in zip(rows, values, strict=True)])
    matters = tells[rows] & facts.shows[wanted]
    matters[:, key] = False
    unwanted = facts.values[others][None, :, key] == values[:, None]
    kept = facts.likeness(facts.values[rows], others, matters)
    there = (np.ones(len(rows), np.float32),)
    return WithoutLesson(target, by, (words,), there, shown, unwanted, kept, f"{by.value} {facts.keys[key]}")


def _differs(facts: Facts, pairs: Numbers) -> Bitmap:
    """In which keys, (pairs, keys)."""
    differs: Bitmap = facts.values[pairs[:, 0]] != facts.values[pairs[:, 1]]
    return differs


def _answerable(facts: Facts, pairs: Numbers, wanted: Modality) -> Bitmap:
    """Pairs whose difference can be told from what is wanted: there is no sound of another colour."""
    return np.logical_not((_differs(facts, pairs) & ~facts.shows[wanted]).any(axis=1))


def _any(facts: Facts, rng: np.random.Generator) -> Modality:
    return list(facts.items)[int(rng.integers(len(facts.items)))]


def _others(facts: Facts, things: Numbers, count: int, rng: np.random.Generator) -> Numbers:
    """The things of a batch, what they are paired with, and some more."""
    partners = facts.pairs[np.isin(facts.pairs[:, 0], things), 1]
    drawn = rng.choice(len(facts), min(count, len(facts)), replace=False)
    return np.unique(np.concatenate([things, partners, drawn]))


def _another(facts: Facts, by: Modality, key: int, value: int, this: int, rng: np.random.Generator) -> Vectors:
    """A picture or sound of another thing with this value, where there is one."""
    there = np.flatnonzero(facts.values[:, key] == value)
    others = there[there != this] if len(there) > 1 else there
    one: Vectors = facts.items[by][others[int(rng.integers(len(others)))]]
    return one
