"""A bridge learns from captions alone what carries sounds, as far as spaces of a known relation allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.bridge import BridgeRecipe, build_bridge

QUICK = BridgeRecipe(epochs=4, batch=256)


class Spaces:
    """Two spaces of one meaning, the second turned; every kind of media in a cone of its own, with its own noise."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.turn = np.linalg.qr(self.rng.standard_normal((96, 96)))[0]
        self.middles = {kind: unit(self.rng.standard_normal((1, 96))) for kind in ("read", "heard", "told", "seen")}
        self.own = {kind: self.rng.standard_normal((6, 96)) for kind in self.middles}

    def meanings(self, count: int) -> Any:
        return self.rng.standard_normal((count, 12)) @ np.eye(12, 96) / 12**0.5

    def show(self, meanings: Any, kind: str) -> Vectors:
        rows = meanings @ self.turn if kind in ("told", "seen") else meanings
        private = self.rng.standard_normal((len(rows), 6)) @ self.own[kind] / 6**0.5 / 96**0.5
        return unit(rows + 2.5 * self.middles[kind] + 0.4 * private)


def recall(asked: Vectors, answers: Vectors) -> float:
    scores = asked @ answers.T
    return float(((scores >= np.diag(scores)[:, None]).sum(axis=1) <= 10).mean())


@pytest.fixture(scope="module")
def spaces() -> Spaces:
    return Spaces()


def test_captions_alone_carry_sounds_to_pictures(spaces: Spaces) -> None:
    learned, fresh = spaces.meanings(3000), spaces.meanings(400)
    read, told = spaces.show(learned, "read"), spaces.show(learned, "told")
    sounds, pictures = spaces.show(fresh, "heard"), spaces.show(fresh, "seen")
    library, album = spaces.show(spaces.meanings(1000), "heard"), spaces.show(spaces.meanings(900), "seen")
    found = {}
    for name, heard, seen in (("with both", library, album), ("with sounds", library, None), ("without", None, None)):
        head, report = build_bridge(read, told, heard, seen, QUICK)
        found[name] = recall(unit(head.apply(sounds)), pictures)
        assert (report.sounds, report.pictures) == (0 if heard is None else 1000, 0 if seen is None else 900)
        assert report.captions + report.held == 3000
        assert min(report.closed_form, report.learned) > 0.8
    pairs = spaces.meanings(3000)
    paired, _ = build_bridge(spaces.show(pairs, "heard"), spaces.show(pairs, "seen"), None, None, QUICK)
    assert found["with sounds"] > recall(unit(paired.apply(sounds)), pictures) - 0.25
    assert found["with sounds"] > found["without"] + 0.2  # the middle of texts is not the middle of sounds
    assert found["with both"] >= found["with sounds"] - 0.02
    assert found["without"] > 10 / 400 * 5


def test_the_same_seed_gives_the_same_head(spaces: Spaces) -> None:
    meanings = spaces.meanings(300)
    read, told = spaces.show(meanings, "read"), spaces.show(meanings, "told")
    one, again, other = (
        build_bridge(read, told, None, None, BridgeRecipe(seed=seed, epochs=1))[0] for seed in (1, 1, 2)
    )
    assert one.fingerprint == again.fingerprint != other.fingerprint


def test_the_closed_form_alone_is_a_bridge(spaces: Spaces) -> None:
    meanings = spaces.meanings(1000)
    _, report = build_bridge(
        spaces.show(meanings, "read"), spaces.show(meanings, "told"), None, None, BridgeRecipe(epochs=0)
    )
    assert report.closed_form == report.learned > 0.8


def test_what_cannot_be_bridged_is_said(spaces: Spaces) -> None:
    rows = spaces.show(spaces.meanings(120), "read")
    for read, told, heard, recipe, said in (
        (rows[:99], rows[:99], None, QUICK, "99 captions"),
        (rows, rows[:110], None, QUICK, "120 captions of one space and 110"),
        (rows, rows, rows[:, :9], QUICK, "sounds of 9 numbers and captions of 96"),
        (rows, rows, None, BridgeRecipe(noise=float("nan")), "noise is nan"),
        (np.where(rows == rows[3], np.nan, rows), rows, None, QUICK, "row 3"),
    ):
        with pytest.raises(BadInput, match=said) as refused:
            build_bridge(read, told, heard, None, recipe)
        assert "\n" not in str(refused.value)
