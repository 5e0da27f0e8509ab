"""Questions to learn edits and steering away from, drawn from facts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.align.facts import Facts, Numbers

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
    _, vectors, tells = list(facts.askers())[int(rng.integers(len(facts.items) + 1))]
    wanted = _any(facts, rng)
    pairs = facts.pairs[rng.choice(len(facts.pairs), min(batch, len(facts.pairs)), replace=False)]
    differs = facts.values[pairs[:, 0]] != facts.values[pairs[:, 1]]  # (q, keys)
    seen = ~(differs & ~facts.shows[wanted]).any(axis=1)  # no sound of another colour
    pairs, differs = pairs[seen], differs[seen]
    others = _others(facts, pairs.ravel(), answers, rng)
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


def without_lesson(
    facts: Facts, batch: int, answers: int, rng: np.random.Generator, key: int | None = None
) -> WithoutLesson:
    """Of one key: what is shown by what asks, or, where a short text leaves it out, by the best answer to that."""
    media = [modality for modality in facts.items if modality is not Modality.TEXT]
    by = Modality.TEXT if rng.random() < BY_WORDS else media[int(rng.integers(len(media)))]
    if key is None:
        key = int(rng.integers(len(facts.keys))) if by is Modality.TEXT else 0
    while True:
        wanted = _any(facts, rng)
        asker, vectors, tells = list(facts.askers())[int(rng.integers(len(facts.items) + 1))]
        short = asker not in facts.items
        rows = np.flatnonzero(tells[:, key] != short)
        if len(rows) and facts.shows[wanted][key]:
            break
    rows = rng.choice(rows, min(batch, len(rows)), replace=False)
    others = _others(facts, rows, answers, rng)
    shown, target = facts.items[wanted][others], vectors[rows]
    values = facts.values[rows, key]
    if short:
        values = facts.values[others[(target @ shown.T).argmax(axis=1)], key]
    if by is Modality.TEXT:
        words = facts.sayings.drawn(np.full(len(rows), key), values, rng)
    else:
        words = np.stack([_one_of(facts, by, key, value, rng) for value in values])
    matters = tells[rows] & facts.shows[wanted]
    matters[:, key] = False
    unwanted = facts.values[others][None, :, key] == values[:, None]
    kept = facts.likeness(facts.values[rows], others, matters)
    there = (np.ones(len(rows), np.float32),)
    return WithoutLesson(target, by, (words,), there, shown, unwanted, kept, f"{by.value} {facts.keys[key]}")


def _any(facts: Facts, rng: np.random.Generator) -> Modality:
    return list(facts.items)[int(rng.integers(len(facts.items)))]


def _others(facts: Facts, things: Numbers, count: int, rng: np.random.Generator) -> Numbers:
    """The things of a batch, what they are paired with, and some more."""
    partners = facts.pairs[np.isin(facts.pairs[:, 0], things), 1]
    drawn = rng.choice(len(facts), min(count, len(facts)), replace=False)
    return np.unique(np.concatenate([things, partners, drawn]))


def _one_of(facts: Facts, by: Modality, key: int, value: int, rng: np.random.Generator) -> Vectors:
    """A picture or sound of something with this value."""
    there = np.flatnonzero(facts.values[:, key] == value)
    one: Vectors = facts.items[by][there[int(rng.integers(len(there)))]]
    return one
