"""Edits and steering away: by plain sums where nothing was learned, by the rule where something was."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.edits import EDIT, FILE, WITHOUT, read_edits, start_weights
from hearsee.core.errors import BadInput, Damaged, Refused
from hearsee.core.fuser import Arrays, Learned, packed
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.search.fusion import EncodedPart, MeanFusion, SlerpFusion, contributions_of
from hearsee.search.fusion.edits import find_edits, said

DIM = 4


def part(*vector: float, weight: float = 1.0, negative: bool = False, edit: bool = False,
         rule: Arrays | None = None) -> EncodedPart:  # fmt: skip
    return EncodedPart(Modality.TEXT, weight, negative, np.array(vector, np.float32), edit, rule)


def swap() -> Arrays:
    """Takes the first axis out of the target and writes the last one, whatever the words are."""
    rule = {name: np.zeros_like(array) for name, array in start_weights(DIM, np.random.default_rng(0)).items()}
    rule["base"][:] = 100  # the first hidden number is 1
    rule["gate"][0, 0] = rule["read"][0, 0] = 1
    rule["erase"][0, 0] = -1
    rule["write"][0, 3] = 1
    return rule


def fuse(*parts: EncodedPart) -> list[float]:
    fused = MeanFusion().fuse(parts, Modality.IMAGE)
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-6)
    return [round(float(number), 4) for number in fused]


def test_where_nothing_was_learned_an_edit_is_added() -> None:
    assert fuse(part(1, 0), part(0, 1, edit=True)) == [0.7071, 0.7071]
    assert fuse(part(0.6, 0.8), part(1, 0, weight=0.2, edit=True)) == [0.7071, 0.7071]


def test_what_was_learned_erases_and_writes() -> None:
    # (0.6, 0.8, 0, 0) - 0.6 of the first axis + 1 of the last
    found = fuse(part(0.6, 0.8, 0, 0), part(0, 0, 1, 0, edit=True, rule=swap()))
    assert found == [0, round(0.8 / 1.64**0.5, 4), 0, round(1 / 1.64**0.5, 4)]
    weaker = fuse(part(0.6, 0.8, 0, 0), part(0, 0, 1, 0, weight=0.5, edit=True, rule=swap()))
    assert weaker == [round(v / 0.98**0.5, 4) for v in (0.3, 0.8, 0, 0.5)]


def test_parts_are_blended_then_edited_then_steered() -> None:
    parts = [part(1, 0, 0, 0), part(0, 1, 0, 0), part(0, 0, 1, 0, edit=True), part(0, 0, 0, 1, negative=True)]
    blended = np.array([0.5**0.5, 0.5**0.5, 1, 0]) / 2**0.5
    steered = blended - 1.25 * np.array([0, 0, 0, 1])
    np.testing.assert_allclose(fuse(*parts), steered / np.linalg.norm(steered), atol=1e-4)


@pytest.mark.parametrize("rule", [None, swap()])
def test_neither_order_nor_way_of_fusing_loses_an_edit(rule: Arrays | None) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((4, DIM))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    parts = [part(*rows[0]), part(*rows[1])] + [part(*row, edit=True, rule=rule) for row in rows[2:]]
    for fusion in (MeanFusion(), SlerpFusion()):
        one, other = (fusion.fuse(order, Modality.IMAGE) for order in (parts, parts[::-1]))
        assert one.tobytes() == other.tobytes()
        added = contributions_of(fusion, parts, Modality.IMAGE)
        np.testing.assert_allclose(added.sum(axis=0), one, atol=1e-6)
        assert float(one @ fusion.fuse(parts[:3], Modality.IMAGE)) < 1 - 1e-6  # the second edit counts


def test_the_heaviest_weight_makes_no_nonsense() -> None:
    assert fuse(part(0.6, 0.8, 0, 0), part(0, 0, 1, 0, weight=1000, edit=True, rule=swap()))[3] > 0.8


def test_this_but_not_this_is_refused_whatever_was_learned() -> None:
    with pytest.raises(BadInput, match="cancel each other out"):
        fuse(part(1, 0, 0, 0), part(1, 0, 0, 0, negative=True, rule=swap()))


def learned(dim: int = 16) -> Learned:
    start = start_weights(dim, np.random.default_rng(0))
    return Learned(hash_space().fingerprint, dim, {EDIT: start, WITHOUT: start}, {"things": 3})


def test_weights_are_found_beside_a_library(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert find_edits(tmp_path, hash_space()) is None
    (tmp_path / FILE).write_bytes(packed(learned()))
    found = find_edits(tmp_path, hash_space())
    assert found is not None
    np.testing.assert_allclose(found.weights[EDIT]["read"], learned().weights[EDIT]["read"], atol=1e-3)
    (tmp_path / FILE).write_bytes(packed(replace(learned(), space="another")))
    with caplog.at_level(logging.WARNING):
        assert find_edits(tmp_path, hash_space()) is None
    assert "train again with `hearsee align edits`" in caplog.text


def test_bad_weights_are_named(tmp_path: Path) -> None:
    path, good = tmp_path / FILE, learned()
    space = hash_space().fingerprint

    def saying(weights: dict[str, Arrays]) -> Path:
        path.write_bytes(packed(replace(good, weights=weights)))
        return path

    with pytest.raises(Refused, match="was learned in space"):
        read_edits(saying(dict(good.weights)), "another", 16)
    start = good.weights[EDIT]
    with pytest.raises(Damaged, match="'edit' are not all finite"):
        read_edits(saying({EDIT: {**start, "read": start["read"] * np.nan}}), space, 16)
    with pytest.raises(Damaged, match="other names or shapes"):
        read_edits(saying({"more": start}), space, 16)
    with pytest.raises(Damaged, match="other names or shapes"):
        read_edits(saying(dict(good.weights)), space, 8)
    path.write_bytes(b"nonsense")
    with pytest.raises(Damaged, match="train them with `hearsee align edits`"):
        read_edits(path, space, 16)


def test_an_answer_says_by_which_rule() -> None:
    one, words = part(1, 0, 0, 0), part(0, 1, 0, 0, edit=True)
    assert said([one]) == ""
    assert said([one, words]) == "; edited by adding the words, since this space has learned nothing better"
    assert said([one, replace(words, rule=swap())]) == "; edited as learned"
    away = part(0, 0, 1, 0, negative=True)
    assert said([one, away]) == "; steered away by a fixed rule, since this space has learned nothing better"
