"""Fusion learns whom to trust: a world where one part in three is sometimes wrong, or drowned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hearsee.core.attention import attend, lean_of
from hearsee.core.errors import BadInput, Damaged, Refused
from hearsee.core.fuser import Learned, packed, read_learned
from hearsee.core.modality import Modality
from hearsee.core.space import Space, hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.fusion import FusionRecipe, fused, learn_fusion, missed
from hearsee.indexer.align.mixes import Damage, Groups, Mix, asked, batches, places, questions
from hearsee.indexer.align.start import best_shares, first_trust

IMAGE, AUDIO, TEXT = Modality.IMAGE, Modality.AUDIO, Modality.TEXT
RECIPE = FusionRecipe(steps=250, look=125, batch=64)


def world(groups: int, seed: int, apart: bool = True) -> Groups:
    """Each thing is a direction; its parts and answers lie around it."""
    rng = np.random.default_rng(seed)
    things = unit(rng.standard_normal((groups, 16)))

    def around(copies: int) -> Vectors:
        noise = rng.standard_normal((groups, copies, 16)).astype(np.float32)
        return unit((things[:, None] + 0.18 * noise).reshape(-1, 16)).reshape(groups, copies, 16)

    def labels(mix: Mix, wanted: Modality) -> np.ndarray[tuple[int], np.dtype[np.int64]]:  # noqa: ARG001
        return np.arange(groups)

    return Groups({m: around(2) for m in Modality}, {m: around(1)[:, 0] for m in Modality}, labels, {}, apart)


@pytest.fixture(scope="module")
def learned() -> Learned:
    torch.set_num_threads(1)
    return learn_fusion(hash_space(), world(400, 0), world(100, 1), RECIPE, lambda _: None)


def recall(groups: Groups, targets: Vectors, wanted: Modality) -> float:
    return float(((targets @ groups.answers[wanted].T).argmax(axis=1) == np.arange(len(groups))).mean())


@pytest.mark.parametrize("kind", ["additive", "dot"])
def test_attention_learns_to_leave_out_the_wrong_part_of_three(learned: Learned, kind: str) -> None:
    test = world(300, 2)
    mix = (IMAGE, AUDIO, TEXT)
    parts, bad = asked(test, mix, np.arange(300), Damage(share=1, wrong=1, twice=0), np.random.default_rng(3))
    trust = attend(kind, learned.weights[kind], parts, mix, np.ones(3), TEXT)
    # A few seconds of training: dot-product, which starts slower, is only on its way.
    assert trust[bad].mean() < (0.8 if kind == "additive" else 0.95) * trust[~bad].mean()
    mean, attention = recall(test, parts.sum(axis=1), TEXT), recall(test, (trust[..., None] * parts).sum(axis=1), TEXT)
    assert attention > mean


def test_attention_starts_as_the_best_fixed_weights() -> None:
    """Sounds are noise here: every mix starts without them, and shares what is left."""
    groups = world(300, 10)
    groups.asked[AUDIO][:] = unit(np.random.default_rng(0).standard_normal((600, 16))).reshape(300, 2, 16)
    rng = np.random.default_rng(0)
    shares = best_shares(groups, (IMAGE, AUDIO, TEXT), TEXT, 80.0, rng)
    assert shares[1] == 0
    assert shares[[0, 2]] == pytest.approx([0.5, 0.5], abs=0.2)
    lean, beside = first_trust(groups, 80.0, rng)
    for mix in ((IMAGE, AUDIO), (IMAGE, AUDIO, TEXT), (AUDIO, TEXT, TEXT)):
        grown = np.exp(lean_of({"lean": lean, "beside": beside}, mix, TEXT))
        assert grown[mix.index(AUDIO)] < 0.15 * grown.sum()


def test_what_is_missed_is_told_apart_from_the_nearest_only() -> None:
    """Worked by hand: the right answer at cosine 0.8, one wrong one at 0.6, another far away."""
    queries = torch.tensor([[1.0, 0.0]])
    answers = torch.tensor([[0.8, 0.6], [0.6, 0.8], [-1.0, 0.0]])
    own, labels = torch.tensor([0]), torch.tensor([4, 5, 6])
    chance = 1 / (1 + np.exp(-10 * 0.2))
    recipe = FusionRecipe(sharp=10.0, near=2)
    for bend, loss in ((0.0, -np.log(chance)), (1.0, 1 - chance), (0.5, (1 - chance**0.5) / 0.5)):
        found = missed(queries, answers, own, labels, replace(recipe, bend=bend))
        assert found.item() == pytest.approx(loss, rel=1e-5)
    # Another answer that shows the same is right, too.
    assert missed(queries, answers, own, torch.tensor([4, 4, 6]), recipe).item() == pytest.approx(0, abs=1e-6)


def test_every_question_comes_as_often_and_tells_its_bad_parts() -> None:
    groups = world(80, 11)
    known = len(questions(groups))
    made = list(batches(groups, 16, 2 * known, Damage(share=1, wrong=1, twice=0), np.random.default_rng(0)))
    assert {(one.mix, one.wanted) for one in made[:known]} == set(questions(groups))
    for one in made[:10]:
        for at, (modality, copy) in enumerate(places(one.mix)):
            own = groups.asked[modality][one.rows, copy]
            good = ~one.bad[:, at]
            np.testing.assert_array_equal(one.parts[good, at], own[good])
        assert (one.bad.sum(axis=1) == 1).all()


def test_numpy_answers_what_torch_learned(learned: Learned) -> None:
    test = world(20, 4)
    mix = (IMAGE, IMAGE, TEXT)
    parts = asked(test, mix, np.arange(20), Damage(), np.random.default_rng(0))[0]
    for kind in ("additive", "dot"):
        trust = attend(kind, learned.weights[kind], parts, mix, np.ones(3), AUDIO)
        arrays = {name: torch.from_numpy(array) for name, array in learned.weights[kind].items()}
        torched = fused(kind, arrays, torch.from_numpy(parts), mix, AUDIO).numpy()
        np.testing.assert_allclose((trust[..., None] * parts).sum(axis=1), torched, atol=1e-5)


def test_the_users_weights_are_a_prior(learned: Learned) -> None:
    parts = asked(world(20, 5), (IMAGE, TEXT), np.arange(20), Damage(), np.random.default_rng(0))[0]
    weights = learned.weights["additive"]
    plain = attend("additive", weights, parts, (IMAGE, TEXT), np.ones(2), AUDIO)
    pulled = attend("additive", weights, parts, (IMAGE, TEXT), np.array([3.0, 1.0]), AUDIO)
    np.testing.assert_allclose(pulled[:, 0] / pulled[:, 1], 3 * plain[:, 0] / plain[:, 1], rtol=1e-4)


def test_one_wanted_where_it_asks_is_no_question_unless_renderings_are_apart() -> None:
    together = questions(world(30, 6, apart=False))
    assert together
    assert all(wanted not in mix for mix, wanted in together)
    assert any(wanted in mix for mix, wanted in questions(world(30, 6)))


def test_damage_spares_one_part_and_hits_the_share_it_names() -> None:
    groups = world(2000, 7)
    rows = np.arange(2000)
    clean = asked(groups, (IMAGE, TEXT), rows, Damage(share=0), np.random.default_rng(0))
    assert not clean[1].any()
    for at, (modality, copy) in enumerate(places((IMAGE, TEXT))):
        assert (clean[0][:, at] == groups.asked[modality][:, copy]).all()
    parts, bad = asked(groups, (IMAGE, AUDIO, TEXT), rows, Damage(share=0.5, twice=0.5), np.random.default_rng(0))
    assert bad.any(axis=1).mean() == pytest.approx(0.5, abs=0.05)
    assert not bad.all(axis=1).any()
    assert np.isfinite(parts).all()


def test_a_group_that_lacks_a_part_is_not_asked_for_it() -> None:
    groups = world(60, 8)
    groups.asked[TEXT][:25, 0] = 0
    assert (groups.whole((IMAGE, TEXT), AUDIO) >= 25).all()
    assert len(groups.whole((IMAGE,), AUDIO)) == 60


def test_too_few_groups_are_told() -> None:
    with pytest.raises(BadInput, match="at least 50"):
        learn_fusion(hash_space(), world(20, 0), world(20, 1), RECIPE, lambda _: None)


def test_weights_come_back_from_their_file(learned: Learned, tmp_path: Path) -> None:
    path = tmp_path / "fusion.safetensors"
    path.write_bytes(packed(learned))
    space = hash_space()
    again = read_learned(path, space.fingerprint, space.dim)
    for method, arrays in learned.weights.items():
        for name, array in arrays.items():
            np.testing.assert_allclose(again.weights[method][name], array, atol=2e-3 * np.abs(array).max() + 1e-6)


def test_weights_of_another_space_are_refused(learned: Learned, tmp_path: Path) -> None:
    path = tmp_path / "fusion.safetensors"
    path.write_bytes(packed(learned))
    other: Space = replace(hash_space(), dim=17)
    with pytest.raises(Refused, match="learned in space"):
        read_learned(path, other.fingerprint, other.dim)


def test_weights_that_are_none_are_damaged(learned: Learned, tmp_path: Path) -> None:
    path, space = tmp_path / "fusion.safetensors", hash_space()
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(Damaged, match="holds no fusion weights"):
        read_learned(path, space.fingerprint, space.dim)
    poisoned = {**learned.weights["additive"], "read": np.full_like(learned.weights["additive"]["read"], np.nan)}
    path.write_bytes(packed(replace(learned, weights={"additive": poisoned})))
    with pytest.raises(Damaged, match="finite"):
        read_learned(path, space.fingerprint, space.dim)
