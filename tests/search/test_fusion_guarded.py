"""Attention under guard: silent where all is well, heard where a part is doubted; and late, where it wins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsee.core.attention import BENDS, start_weights
from hearsee.core.errors import Damaged
from hearsee.core.fuser import Learned
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.mixes import Damage, Groups, Mix, asked
from hearsee.indexer.choices import FILE, Choice, Choices, Guard, packed_choices, read_choices
from hearsee.search.evaluate.guarding import QUIET, calm_weights, guard_of
from hearsee.search.evaluate.ladder import answers_apart, blended, climb
from hearsee.search.fusion import AttentionFusion, ChosenFusion, EncodedPart, FixedFusion, GuardedFusion, fuse_by

IMAGE, AUDIO, TEXT = Modality.IMAGE, Modality.AUDIO, Modality.TEXT
DIM = hash_space().dim
MIX: Mix = (IMAGE, AUDIO, TEXT)


def world(seed: int, groups: int = 240) -> Groups:
    """Every part shows the thing nearly."""
    rng = np.random.default_rng(seed)
    shown = unit(rng.standard_normal((groups, DIM)))

    def near() -> Vectors:
        return unit(shown + 0.12 * rng.standard_normal((groups, DIM)))

    def labels(mix: Mix, wanted: Modality) -> np.ndarray[tuple[int], np.dtype[np.int64]]:  # noqa: ARG001
        return np.arange(groups)

    return Groups({one: near()[:, None] for one in MIX}, {IMAGE: near()}, labels, {}, apart=True)


@pytest.fixture(scope="module")
def learned() -> Learned:
    """Attention that trusts a part as far as it agrees with the others."""
    weights = {
        name: np.zeros_like(one) for name, one in start_weights("additive", DIM, np.random.default_rng(0)).items()
    }
    weights["agree"][BENDS + 1, 0], weights["read"][0] = 1.0, 12.0
    return Learned(hash_space().fingerprint, DIM, {"additive": weights})


@pytest.fixture(scope="module")
def attention(learned: Learned) -> AttentionFusion:
    return AttentionFusion("additive", learned.weights["additive"])


def parts_of(groups: Groups, damage: Damage) -> tuple[Vectors, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    return asked(groups, MIX, np.arange(len(groups)), damage, np.random.default_rng(5))


def guard(attention: AttentionFusion) -> Guard:
    calm = {IMAGE: 0.5, AUDIO: 0.2, TEXT: 0.3}
    parts, _ = parts_of(world(2), Damage(0.0))
    return guard_of(attention, parts, MIX, IMAGE, calm, np.zeros(len(parts), np.bool_))


def test_attention_keeps_silent_about_what_it_would_have_lost(attention: AttentionFusion) -> None:
    parts, _ = parts_of(world(2), Damage(0.0))
    loose = guard(attention)
    doubted = GuardedFusion(attention, loose).doubted(parts, MIX, IMAGE)
    assert doubted.any()
    strict = guard_of(attention, parts, MIX, IMAGE, loose.calm, doubted)
    assert strict.fall > loose.fall
    assert not GuardedFusion(attention, strict).doubted(parts, MIX, IMAGE).any()


def test_attention_is_heard_only_where_a_part_is_doubted(attention: AttentionFusion) -> None:
    made = guard(attention)
    fusion, fresh = GuardedFusion(attention, made), world(3)
    clean, _ = parts_of(fresh, Damage(0.0))
    doubted = fusion.doubted(clean, MIX, IMAGE)
    assert doubted.mean() < 3 * (1 - QUIET)
    calm = FixedFusion(made.calm).contributions(clean, MIX, np.ones(3), IMAGE)
    np.testing.assert_array_equal(fusion.contributions(clean, MIX, np.ones(3), IMAGE)[~doubted], calm[~doubted])
    worse, bad = parts_of(fresh, Damage(1.0, wrong=1.0, twice=0.0))
    heard = fusion.doubted(worse, MIX, IMAGE)
    assert heard.mean() > 0.9
    np.testing.assert_array_equal(
        fusion.contributions(worse, MIX, np.ones(3), IMAGE)[heard],
        attention.contributions(worse, MIX, np.ones(3), IMAGE)[heard],
    )
    # What is doubted is the part that is bad.
    assert attention.attention(worse, MIX, np.ones(3), IMAGE)[bad].mean() < 0.2


def test_neither_the_order_of_parts_nor_a_weight_is_a_reason_to_doubt(attention: AttentionFusion) -> None:
    fusion = GuardedFusion(attention, guard(attention))
    clean, _ = parts_of(world(3), Damage(0.0))
    row = clean[np.flatnonzero(~fusion.doubted(clean, MIX, IMAGE))[0]]
    asking = [EncodedPart(one, 1.0, False, vector) for one, vector in zip(MIX, row, strict=True)]
    assert fuse_by(fusion, asking, IMAGE).tobytes() == fuse_by(fusion, asking[::-1], IMAGE).tobytes()
    heavy = [EncodedPart(one.modality, 1e9 if one.modality is AUDIO else 1.0, False, one.vector) for one in asking]
    assert fuse_by(fusion, heavy, IMAGE) @ row[1] == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(fuse_by(fusion, asking[:1], IMAGE), row[0])


def test_the_ladder_keeps_attention_under_guard_and_a_search_uses_it(tmp_path: Path, learned: Learned) -> None:
    check = world(4, 400)
    found = climb(check, answers_apart(check), learned, sizes=(3,))
    (choice,) = found.choices
    assert choice.method == "additive, guarded"
    assert choice.guard is not None
    assert {"additive", "additive, guarded"} <= {rung.method for rung in found.rungs}
    written = Choices(learned.space, 3, (choice,))
    (tmp_path / FILE).write_bytes(packed_choices(written))
    kept = read_choices(tmp_path, learned.space)
    assert kept == written
    fusion = ChosenFusion(kept, learned).blend(MIX[::-1], IMAGE)
    assert isinstance(fusion, GuardedFusion)
    clean, _ = parts_of(check, Damage(0.0))
    by_kept = blended(ChosenFusion(kept, learned), clean, MIX, IMAGE)
    np.testing.assert_allclose(by_kept, blended(fusion, clean, MIX, IMAGE), atol=1e-6)
    # The weights are gone: fixed ones are left.
    assert ChosenFusion(kept, None).blend(MIX, IMAGE) == FixedFusion(choice.fixed)


@pytest.mark.parametrize("change", ['"fall": 0', '"calm": {"image"', '"usual": {"text"'])
def test_a_guard_that_is_not_understood_is_damage(tmp_path: Path, change: str) -> None:
    two = {IMAGE: 0.5, TEXT: 0.5}
    row = Choice((IMAGE, TEXT), IMAGE, "dot, guarded", two, {"dot": 0.5}, Guard(two, {IMAGE: -1.0, TEXT: -1.0}, 0.25))
    content = packed_choices(Choices("space", 1, (row,))).decode()
    replaced = {'"fall": 0': '"fall": 1e999, "was": 0', '"calm": {"image"': '"calm": {"audio"'}
    squeezed = " ".join(content.split()).replace("{ ", "{")
    broken = squeezed.replace(change, replaced.get(change, '"usual": {"sound"'))
    if broken == squeezed:
        broken = squeezed.replace('"usual": {"image"', '"usual": {"sound"')
    (tmp_path / FILE).write_text(broken)
    with pytest.raises(Damaged, match="measure again"):
        read_choices(tmp_path, "space")


def test_other_weights_than_equal_ones_must_surely_be_better() -> None:
    grid: list[tuple[float, ...]] = [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]

    def answered(right: dict[float, int]) -> dict[Modality, float]:
        def found(weights: object) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
            assert isinstance(weights, dict)
            return np.arange(100) < right[round(weights[IMAGE]) if weights[IMAGE] != 0.5 else 0.5]

        return calm_weights((IMAGE, TEXT), grid, found)

    assert answered({1: 81, 0.5: 80, 0: 60}) == {IMAGE: 0.5, TEXT: 0.5}
    # A part that validation would leave out still counts where the user weighs it heavily.
    assert answered({1: 95, 0.5: 80, 0: 60}) == {IMAGE: 1.0, TEXT: 0.01}


def loud_world(groups: int = 1200) -> Groups:
    """Two parts of three come first in their lists by little; one, nobody knows which, is near something wrong."""
    rng = np.random.default_rng(6)
    dim = 64
    shown = unit(rng.standard_normal((groups, dim)))
    kinds = 3
    rows = {}
    loud = rng.integers(kinds, size=groups)
    for number, kind in enumerate(MIX):
        weak = unit(0.5 * shown + unit(rng.standard_normal((groups, dim))))
        wrong = unit(shown[rng.permutation(groups)] + 0.01 * rng.standard_normal((groups, dim)))
        rows[kind] = np.where((loud == number)[:, None], wrong, weak)[:, None].astype(np.float32)

    def labels(mix: Mix, wanted: Modality) -> np.ndarray[tuple[int], np.dtype[np.int64]]:  # noqa: ARG001
        return np.arange(groups)

    return Groups(rows, {IMAGE: shown}, labels, {}, apart=True)


def test_late_is_kept_where_it_wins() -> None:
    groups = loud_world()
    found = climb(groups, answers_apart(groups), None, sizes=(3,), corrupted=(0.0,), limit=200)
    (choice,) = found.choices
    assert choice.method == "late"
    assert choice.figures["late"] > choice.figures["mean"] + 0.05
    test = {rung.method: rung.metrics["r@1"].value for rung in found.rungs}
    assert test["late, ranks"] > max(test["mean"], test["fixed"], test["slerp"])
