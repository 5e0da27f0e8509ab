"""A library's own metadata as lessons, and what of them goes live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from hearsee.api.main import run
from hearsee.core.edits import EDIT, FILE, WITHOUT, start_weights
from hearsee.core.encoders.hash import prepare
from hearsee.core.errors import BadInput
from hearsee.core.fuser import Learned, packed
from hearsee.core.media.kinds import Words
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.edits import EditsRecipe
from hearsee.indexer.library import Library
from hearsee.search import open_library
from hearsee.search.evaluate.edited import verdicts
from hearsee.search.evaluate.facts import library_facts, pairs_of, parted, sayings_of
from hearsee.search.evaluate.learning import edits_of_library
from hearsee.search.evaluate.shown import shown_by
from hearsee.search.fusion.edits import find_edits
from tests.search.shelf import DIM, Thing, fill

IMAGE, AUDIO, TEXT = Modality
THINGS, SIDES, COLOURS = (
    ("bell", "owl", "drum", "saw", "fan", "car"),
    ("left", "right", "middle"),
    ("red", "green", "blue"),
)


def said(text: str) -> Vectors:
    found: Vectors = unit(hash_space().tower(TEXT).encode([prepare(Words(text))[0]]))[0]
    return found


def world(copies: int = 4, seed: int = 0) -> list[Thing]:
    """Pictures are sums of what they have, sounds of all but the colour; who made them nobody can tell."""
    rng = np.random.default_rng(seed)
    codes = {
        name: unit(np.random.default_rng(at).standard_normal((1, DIM)))[0]
        for at, name in enumerate((*THINGS, *SIDES, *COLOURS))
    }
    shelf = []
    for number, (thing, side, colour, _) in enumerate(product(THINGS, SIDES, COLOURS, range(copies))):
        about = {
            "thing": thing, "side": side, "colour": colour, "maker": f"maker {rng.integers(3)}", "number": number,
        }  # fmt: skip
        for modality, tells in ((IMAGE, (thing, side, colour)), (AUDIO, (thing, side))):
            row = sum(codes[name] for name in tells) + 0.05 * rng.standard_normal(DIM)
            stored = unit(row[None]).astype(np.float16).astype(np.float32)
            shelf.append(Thing(f"test:{modality}-{number}", modality, stored, about, f"group {number}"))
    return shelf


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("edits") / "library", world())


@pytest.fixture
def library(home: Path) -> Iterator[Library]:
    with Library.open(home) as opened:
        yield opened


def test_metadata_becomes_facts_and_only_what_vectors_tell(library: Library) -> None:
    facts = library_facts(library)
    assert facts.keys == ("thing", "side", "colour")  # what all tell and has the most values first
    assert facts.items.keys() == {IMAGE, AUDIO}
    assert facts.shows[IMAGE].tolist() == [True, True, True]
    assert facts.shows[AUDIO].tolist() == [True, True, False]
    assert len(facts) == len(THINGS) * len(SIDES) * len(COLOURS) * 4
    differ = (facts.values[facts.pairs[:, 0]] != facts.values[facts.pairs[:, 1]]).sum(axis=1)
    assert set(differ.tolist()) == {1, 2}
    # Row i of each modality shows thing i, and the words for its values are encoded as a query's are.
    rows = facts.sayings.drawn(np.array([2]), facts.values[:1, 2], np.random.default_rng(0))
    names = [words for words in facts.sayings.words if words in COLOURS]
    assert sorted(names) == sorted(COLOURS)
    assert any(np.allclose(rows[0], said(text), atol=1e-5) for name in COLOURS for text in (name, f"colour {name}"))
    for at in range(0, len(facts), 37):
        same = (facts.values == facts.values[at]).all(axis=1)
        best = np.argsort(-(facts.items[IMAGE] @ facts.items[IMAGE][at]))[: same.sum()]
        assert same[best].mean() > 0.7


def test_keys_may_be_named_and_must_fit(library: Library) -> None:
    assert library_facts(library, ["colour", "thing"]).keys == ("thing", "colour")
    with pytest.raises(BadInput, match="'number' has 216 values"):
        library_facts(library, ["number"])
    with pytest.raises(BadInput, match="maker cannot be told"):
        library_facts(library, ["maker"])
    with pytest.raises(BadInput, match="'weight' has 0 values"):
        library_facts(library, ["weight"])


def test_parts_share_no_thing(library: Library) -> None:
    facts = library_facts(library)
    train, check, judged = parted(facts, (0.6, 0.2, 0.2))
    assert len(train) + len(check) + len(judged) == len(facts)
    rows = [{row.tobytes() for row in part.items[IMAGE]} for part in (train, check, judged)]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]
    assert judged.pairs.max() < len(judged)


def test_pairs_differ_in_one_key_or_two_and_go_both_ways() -> None:
    values = np.array([[0, 0], [0, 1], [1, 1], [2, 2]])
    pairs = {tuple(pair) for pair in pairs_of(values, np.random.default_rng(0)).tolist()}
    assert all((other, one) in pairs for one, other in pairs)
    assert {(0, 1), (1, 2)} <= pairs
    assert all(one != other for one, other in pairs)


def test_values_are_said_as_people_say_them() -> None:
    assert list(sayings_of("colour", "dark_blue")) == ["dark blue", "colour dark blue"]
    assert list(sayings_of("count", 2)) == ["2", "count 2", "two"]
    assert list(sayings_of("out_door", False)) == ["no out door", "without out door"]


def test_what_vectors_tell_is_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    told, free = rng.integers(4, size=400), rng.integers(4, size=400)
    rows = unit(np.eye(4)[told] @ rng.standard_normal((4, 32)) + 0.5 * rng.standard_normal((400, 32)))
    assert shown_by(rows, np.stack([told, free], axis=1)).tolist() == [True, False]


def test_a_library_learns_and_keeps_what_is_surely_better(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["align", "edits", "--library", str(home), "--steps", "40", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["keys"] == ["thing", "side", "colour"]
    assert told["held_out"] == 43
    assert "edit" in told["live"]
    edit = told["verdicts"]["edit"]
    assert edit["after"] > edit["before"] + 0.2
    with open_library(home) as searcher:
        found = searcher.search(like="test:image-0", edit="blue", wanted="image", k=1, explain=True)
        assert "edited as learned" in found.plan.words
        assert found.hits[0].item.metadata["colour"] == "blue"
    assert run(["verify", "--library", str(home)]) == 0
    assert run(["align", "edits", "--library", str(home), "--forget"]) == 0
    assert not (home / FILE).exists()
    capsys.readouterr()
    with open_library(home) as searcher:
        assert "nothing better" in searcher.search(like="test:image-0", edit="blue", wanted="image").plan.words


def test_what_is_no_better_does_not_go_live(library: Library) -> None:
    """One step learns nothing: what answers now stays."""
    found = edits_of_library(library, None, EditsRecipe(steps=1, batch=8, answers=20), lambda _: None)
    assert set(found.verdicts) == {EDIT, WITHOUT}
    assert not found.verdicts[EDIT].better
    assert found.live == {role for role, one in found.verdicts.items() if one.better}
    assert (found.learned is None) == (not found.live)


def test_what_a_space_ships_stays_unless_told_otherwise(home: Path, tmp_path: Path) -> None:
    """A rule that shipped is worse here, but was learned from more words than metadata hold."""
    start = start_weights(DIM, np.random.default_rng(3))
    (tmp_path / FILE).write_bytes(packed(Learned(hash_space().fingerprint, DIM, {EDIT: start})))
    recipe = EditsRecipe(steps=25, batch=48, answers=80)
    with Library.open(home, None, replace(hash_space(), fusion=tmp_path)) as library:
        for over in (False, True):
            found = edits_of_library(library, None, recipe, lambda _: None, over_shipped=over)
            assert found.verdicts[EDIT].better
            assert (EDIT in found.live) == over


def test_a_rule_against_itself_gains_nothing(library: Library) -> None:
    _, _, judged = parted(library_facts(library), (0.6, 0.2, 0.2))
    rule = start_weights(DIM, np.random.default_rng(1))
    for one in verdicts(judged, {EDIT: rule, WITHOUT: rule}, {EDIT: rule, WITHOUT: rule}).values():
        assert one.before == one.after
        assert not one.better


def test_what_a_library_learned_stands_before_its_space_role_by_role(tmp_path: Path) -> None:
    start = start_weights(DIM, np.random.default_rng(2))
    space = hash_space()
    (tmp_path / FILE).write_bytes(packed(Learned(space.fingerprint, DIM, {EDIT: start})))
    found = find_edits(tmp_path, space)
    assert found is not None
    assert found.weights.keys() == {EDIT}
    assert find_edits(tmp_path / "nowhere", space) is None


def test_too_few_things_are_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = fill(tmp_path / "few", world(copies=1))
    assert run(["align", "edits", "--library", str(few)]) == 1
    assert "edits need 200 things" in capsys.readouterr().err
    bare = [Thing(f"test:{at}", IMAGE, thing.vectors) for at, thing in enumerate(world(copies=1)[:40])]
    assert run(["align", "edits", "--library", str(fill(tmp_path / "bare", bare))]) == 1
    assert "metadata" in capsys.readouterr().err
