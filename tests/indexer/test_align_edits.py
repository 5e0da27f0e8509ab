"""Edits and steering away, learned in a world whose vectors are sums of what things have."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from hearsee.core.edits import EDIT, WITHOUT, change
from hearsee.core.errors import BadInput
from hearsee.core.fuser import Learned
from hearsee.core.modality import Modality
from hearsee.core.space import Space, hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.edits import EditsRecipe, learn_edits
from hearsee.indexer.align.facts import Facts, Sayings
from hearsee.indexer.align.lessons import edit_lesson, without_lesson

DIM, SIZES = 16, (6, 3, 3)
KEYS = ("thing", "side", "colour")
CODES = [unit(np.random.default_rng(7 + key).standard_normal((size, DIM))) for key, size in enumerate(SIZES)]
SPACE: Space = hash_space()


def world(seed: int) -> Facts:
    """Every combination four times over, each a sum of what it has and of noise; sounds tell no colour."""
    rng = np.random.default_rng(seed)
    values = np.repeat(np.array(list(product(*map(range, SIZES)))), 4, axis=0)

    def shown(tells: int) -> Vectors:
        parts = sum(CODES[key][values[:, key]] for key in range(tells))
        return unit(parts + 0.06 * rng.standard_normal((len(values), DIM)))

    differs = (values[:, None] != values[None]).sum(axis=2) == 1
    said = [(key, value) for key, size in enumerate(SIZES) for value in range(size) for _ in range(2)]
    # A bare word is read as a whole caption: of the first thing, in the middle.
    whole = CODES[0][0] + CODES[1][1]
    vectors = unit(
        np.stack([CODES[key][value] + whole for key, value in said]) + 0.03 * rng.standard_normal((len(said), DIM))
    )
    key, value = np.array(said).T
    sayings = Sayings(tuple(map(str, said)), key, value, vectors)
    items = {Modality.IMAGE: shown(3), Modality.AUDIO: shown(2), Modality.TEXT: shown(3)}
    tells = {modality: np.array([True, True, modality is not Modality.AUDIO]) for modality in Modality}
    short = np.broadcast_to(np.array([True, False, False]), values.shape)
    return Facts(KEYS, values, items, tells, shown(1), short, sayings, np.argwhere(differs))


@pytest.fixture(scope="module")
def facts() -> Facts:
    return world(0)


@pytest.fixture(scope="module")
def learned(facts: Facts) -> Learned:
    recipe = EditsRecipe(steps=150, batch=48, answers=100, look=75)
    return learn_edits(SPACE, facts, world(1), recipe, lambda _: None)


def first_ten(targets: Vectors, facts: Facts) -> np.ndarray[tuple[int, int, int], np.dtype[np.int64]]:
    """The facts of each target's ten nearest pictures, (q, 10, keys)."""
    places = np.argsort(-(unit(targets) @ facts.items[Modality.IMAGE].T), axis=1)[:, :10]
    return facts.values[places]


def turned(learned: Learned, role: str, target: Vectors, words: Vectors) -> Vectors:
    return unit(target + change(np, learned.weights[role], target, words, Modality.TEXT))


def test_an_edit_changes_what_it_names_and_keeps_the_rest(learned: Learned) -> None:
    fresh = world(2)
    wanted = fresh.values.copy()
    wanted[:, 2] = (wanted[:, 2] + 1) % SIZES[2]
    words = fresh.sayings.drawn(np.full(len(wanted), 2), wanted[:, 2], np.random.default_rng(0))
    pictures = fresh.items[Modality.IMAGE]
    edited = first_ten(turned(learned, EDIT, pictures, words), fresh)[:, 0]
    added = first_ten(pictures + words, fresh)[:, 0]
    assert (edited == wanted).all(axis=1).mean() > 0.9
    assert (added == wanted).all(axis=1).mean() < 0.75


def test_what_is_not_wanted_goes_and_the_rest_stays(learned: Learned) -> None:
    fresh = world(3)
    words = fresh.sayings.drawn(np.full(len(fresh), 1), fresh.values[:, 1], np.random.default_rng(0))
    pictures = fresh.items[Modality.IMAGE]
    before, after = (first_ten(rows, fresh) for rows in (pictures, turned(learned, WITHOUT, pictures, words)))
    own = fresh.values[:, None, 1]
    assert (before[..., 1] == own).mean() > 0.7
    assert (after[..., 1] == own).mean() < 0.1
    assert (after[..., 0] == fresh.values[:, None, 0]).mean() > 0.7


def test_the_same_seed_learns_the_same(facts: Facts) -> None:
    recipe = EditsRecipe(steps=3, batch=32, answers=50, look=1)
    one, other = (learn_edits(SPACE, facts, facts, recipe, lambda _: None) for _ in range(2))
    assert one.space == SPACE.fingerprint
    for role in (EDIT, WITHOUT):
        assert set(one.weights[role]) == set(other.weights[role])
        for name, array in one.weights[role].items():
            assert array.tobytes() == other.weights[role][name].tobytes()


def test_an_edit_lesson_marks_what_fits_and_nothing_else(facts: Facts) -> None:
    for seed in range(10):
        lesson = edit_lesson(facts, 20, 50, np.random.default_rng(seed))
        for words, there in zip(lesson.words, lesson.there, strict=True):
            assert len(words) == len(there) == len(lesson.target)
        assert lesson.there[0].all()
        assert not lesson.there[1].any()  # these pairs differ in one key
        assert lesson.right.any(axis=1).all()
        assert not lesson.right.all(axis=1).any()


def test_steering_away_is_learned_from_what_is_there(facts: Facts) -> None:
    about = set()
    for seed in range(30):
        lesson = without_lesson(facts, 20, len(facts), np.random.default_rng(seed))
        about.add(lesson.about)
        assert lesson.unwanted.any(axis=1).all()
        assert lesson.kept.min() >= 0
        assert lesson.kept.max() <= 1
    assert {"text thing", "text side", "text colour", "image thing", "audio thing"} <= about


def test_a_world_without_pairs_says_what_to_do(facts: Facts) -> None:
    with pytest.raises(BadInput, match="edits need at least 100"):
        learn_edits(SPACE, replace(facts, pairs=facts.pairs[:3]), facts, EditsRecipe(), lambda _: None)


def test_a_value_without_words_is_an_error(facts: Facts) -> None:
    with pytest.raises(ValueError, match="no words"):
        facts.sayings.drawn(np.array([1]), np.array([9]), np.random.default_rng(0))


def test_a_key_counts_by_how_much_it_tells() -> None:
    facts = world(0)
    wanted, matters = facts.values[:1], np.array([[True, True, False]])
    likeness = facts.likeness(wanted, np.arange(len(facts)), matters)[0]
    same = facts.values == wanted
    for thing, side, worth in ((True, True, 1.0), (True, False, 0.62), (False, True, 0.38), (False, False, 0.0)):
        rows = (same[:, 0] == thing) & (same[:, 1] == side)
        assert likeness[rows] == pytest.approx(worth, abs=0.01)  # log 6 : log 3
    assert (facts.likeness(wanted, np.arange(3), np.zeros((1, 3), np.bool_)) == 0).all()
