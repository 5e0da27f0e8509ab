"""Pairs of scenes to learn edits from, and what the weights that ship make of pairs they never saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hearsee.api.main import run
from hearsee.core.edits import EDIT, FILE, WITHOUT, read_edits
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.facts import Facts
from hearsee.indexer.align.lessons import askable, edits_of, without_of
from hearsee.search.fusion import EncodedPart, MeanFusion
from hearsee.search.fusion.edits import find_edits
from hearsee.toybox.edits import VALUES, WORDS, toybox_facts
from hearsee.toybox.scene import SEEN, Scene
from hearsee.toybox.space import toybox_space
from hearsee.toybox.splits import split_of

IMAGE, TEXT = Modality.IMAGE, Modality.TEXT


@pytest.fixture(scope="module")
def facts() -> Facts:
    return toybox_facts(toybox_space(), "held-out", 100, 1)


def test_pairs_are_of_the_split_and_differ_in_one_attribute_or_two(facts: Facts) -> None:
    scenes = [Scene(*(table[at] for table, at in zip(VALUES, row, strict=True))) for row in facts.values]
    assert {split_of(scene) for scene in scenes} == {"held-out"}
    differs = (facts.values[facts.pairs[:, 0]] != facts.values[facts.pairs[:, 1]]).sum(axis=1)
    assert set(differs) == {1, 2}
    assert 0.5 < (differs == 1).mean() < 0.95
    assert not facts.shows[Modality.AUDIO][SEEN.index("colour")]


def test_the_same_seed_draws_the_same() -> None:
    one, other = (toybox_facts(toybox_space(), "train", 3, 5) for _ in range(2))
    np.testing.assert_array_equal(one.values, other.values)
    for modality in Modality:
        np.testing.assert_array_equal(one.items[modality], other.items[modality])
    np.testing.assert_array_equal(one.short, other.short)


def test_no_words_say_two_things() -> None:
    owners: dict[str, set[object]] = {}
    for table in WORDS:
        for value, several in table.items():
            for words in several:
                owners.setdefault(words, set()).add(value)
    assert {words for words, values in owners.items() if len(values) > 1} == set()
    for table, values in zip(WORDS, VALUES, strict=True):
        assert set(table) == set(values)
        assert all(words.strip() for several in table.values() for words in several)


def fused(rows: Vectors, words: Vectors, *, edit: bool, learned: bool) -> Vectors:
    space = toybox_space()
    weights = find_edits(Path("nowhere"), space)
    assert weights is not None
    rule = weights.weights[EDIT if edit else WITHOUT] if learned else None
    parts = (
        [EncodedPart(IMAGE, 1, False, row), EncodedPart(TEXT, 1, not edit, one, edit, rule)]
        for row, one in zip(rows, words, strict=True)
    )
    return np.stack([MeanFusion().fuse(two, IMAGE) for two in parts])


def pictures(facts: Facts) -> tuple[str, Vectors, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    return next(asker for asker in facts.askers() if asker[0] == IMAGE)


def test_this_picture_but_different_finds_the_other(facts: Facts) -> None:
    one = (facts.values[facts.pairs[:, 0]] != facts.values[facts.pairs[:, 1]]).sum(axis=1) == 1
    rng, things = np.random.default_rng(0), np.arange(len(facts))
    lesson = edits_of(facts, pictures(facts), IMAGE, facts.pairs[one], things, rng)
    found = {}
    for learned in (False, True):
        targets = fused(lesson.target, lesson.words[0], edit=True, learned=learned)
        best = (targets @ lesson.answers.T).argmax(axis=1)
        found[learned] = lesson.right[np.arange(len(best)), best].mean()
    assert found[True] > 0.6
    assert found[True] > found[False] + 0.15


def test_like_this_picture_but_not_so_leaves_little_of_it(facts: Facts) -> None:
    rng, key = np.random.default_rng(0), SEEN.index("side")
    rows = askable(facts, pictures(facts), IMAGE, key)
    lesson = without_of(facts, pictures(facts), IMAGE, (TEXT, key), rows, np.arange(len(facts)), rng)
    shares, kept = {}, {}
    for name, targets in {
        "before": lesson.target,
        "fixed": fused(lesson.target, lesson.words[0], edit=False, learned=False),
        "learned": fused(lesson.target, lesson.words[0], edit=False, learned=True),
    }.items():
        first = np.argsort(-(targets @ lesson.answers.T), axis=1)[:, :10]
        shares[name] = np.take_along_axis(lesson.unwanted, first, axis=1).mean()
        kept[name] = np.take_along_axis(lesson.kept, first, axis=1).mean()
    assert shares["learned"] < shares["before"] / 5
    assert kept["learned"] > 0.7 * kept["before"]


def test_the_command_writes_weights_for_its_towers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["align", "edits", "--out", str(tmp_path / "w"), "--pairs", "60", "--steps", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["weights"] == str(tmp_path / "w" / FILE)
    space = load_space("toybox")
    assert set(read_edits(tmp_path / "w" / FILE, space.fingerprint, space.dim).weights) == {EDIT, WITHOUT}
    assert run(["align", "edits", "--pairs", "0"]) == 1
    assert "--pairs 0" in capsys.readouterr().err
