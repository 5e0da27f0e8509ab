"""Every way to fuse keeps one contract; slerp, fixed weights and late merging are worked by hand."""

from __future__ import annotations

from itertools import permutations
from time import perf_counter

import numpy as np
import pytest

from hearsee.core.attention import start_weights
from hearsee.core.fuser import start_projection
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.search.fusion import (
    AttentionFusion,
    Blend,
    EarlyFusion,
    EncodedPart,
    FixedFusion,
    MeanFusion,
    SlerpFusion,
    contributions_of,
    fuse_by,
)
from hearsee.search.fusion.late import merged_places, reciprocal_ranks, standard_scores

IMAGE, AUDIO, TEXT = Modality.IMAGE, Modality.AUDIO, Modality.TEXT
DIM = 24


def attention(kind: str, seed: int = 3) -> AttentionFusion:
    """Weights as unlike those of a plain mean as training would make them."""
    rng = np.random.default_rng(seed)
    weights = start_weights(kind, DIM, rng)
    return AttentionFusion(
        kind,
        {name: array + 0.5 * rng.standard_normal(array.shape).astype(np.float32) for name, array in weights.items()},
    )


def early() -> EarlyFusion:
    rng = np.random.default_rng(4)
    project = start_projection(DIM)
    return EarlyFusion(project + 0.1 * rng.standard_normal(project.shape).astype(np.float32))


WAYS: dict[str, Blend] = {
    "mean": MeanFusion(),
    "fixed": FixedFusion({IMAGE: 0.2, AUDIO: 0.7, TEXT: 0.1}),
    "slerp": SlerpFusion(),
    "early": early(),
    "additive": attention("additive"),
    "dot": attention("dot"),
}


def parts(count: int, seed: int = 0, weights: tuple[float, ...] = ()) -> list[EncodedPart]:
    rng = np.random.default_rng(seed)
    rows = unit(rng.standard_normal((count, DIM)))
    return [
        EncodedPart(list(Modality)[at % 3], weights[at] if weights else 1.0, False, row) for at, row in enumerate(rows)
    ]


@pytest.mark.parametrize("way", WAYS)
def test_one_part_alone_is_itself_to_the_last_bit(way: str) -> None:
    (one,) = parts(1)
    fused = fuse_by(WAYS[way], [one], AUDIO)
    assert np.abs(fused - one.vector).max() < 1e-7


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_parts_does_not_show(way: str) -> None:
    asked = parts(4, weights=(1, 2, 0.5, 1))
    answers = {fuse_by(WAYS[way], list(order), TEXT).tobytes() for order in permutations(asked)}
    assert len(answers) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [2, 3, 7, 40])
def test_any_number_of_parts_has_one_finite_direction(way: str, count: int) -> None:
    fused = fuse_by(WAYS[way], parts(count), IMAGE)
    assert fused.shape == (DIM,)
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_what_the_parts_add_makes_up_the_target(way: str) -> None:
    asked = [*parts(3), EncodedPart(TEXT, 0.5, True, parts(5)[4].vector)]
    added = contributions_of(WAYS[way], asked, AUDIO)
    np.testing.assert_allclose(added.sum(axis=0), fuse_by(WAYS[way], asked, AUDIO), atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_a_heavy_part_wins_and_a_light_one_hardly_counts(way: str) -> None:
    """The user's weights are a prior: a weight of 1e9 is all but the part alone."""
    asked = parts(3, weights=(1e9, 1, 1))
    alone = fuse_by(WAYS[way], asked[:1], IMAGE)
    fused = fuse_by(WAYS[way], asked, IMAGE)
    if way == "early":  # the heavy part is projected, not itself
        alone = unit(alone[None] @ early().project[0, 0])[0]
    assert fused @ alone == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_many_queries_at_once_are_fused_as_each_by_itself(way: str) -> None:
    queries = [parts(3, seed) for seed in range(5)]
    vectors: Vectors = np.stack([[part.vector for part in query] for query in queries])
    modalities = [part.modality for part in queries[0]]
    together = WAYS[way].contributions(vectors, modalities, np.ones(3), TEXT).sum(axis=1)
    for row, query in zip(unit(together), queries, strict=True):
        np.testing.assert_allclose(row, fuse_by(WAYS[way], query, TEXT), atol=1e-5)


def test_slerp_of_two_parts_is_the_arc_between_them() -> None:
    # A third of the way from 0 to 90 degrees is 30 degrees.
    one, other = (np.array(v, np.float32) for v in ([1, 0], [0, 1]))
    asked = [EncodedPart(TEXT, 2, False, one), EncodedPart(IMAGE, 1, False, other)]
    np.testing.assert_allclose(SlerpFusion().fuse(asked, AUDIO), [np.cos(np.pi / 6), np.sin(np.pi / 6)], atol=1e-6)


def test_slerp_of_three_lies_where_their_arcs_balance() -> None:
    asked = parts(3)
    point = SlerpFusion().fuse(asked, TEXT).astype(np.float64)
    arcs = []
    for part in asked:
        cosine = float(part.vector @ point)
        arcs.append(np.arccos(cosine) * (part.vector - cosine * point) / np.sin(np.arccos(cosine)))
    assert np.abs(np.sum(arcs, axis=0)).max() < 1e-5


def test_fixed_weights_count_by_modality_and_by_the_user() -> None:
    one, other = (np.array(v, np.float32) for v in ([1, 0], [0, 1]))
    asked = [EncodedPart(TEXT, 3, False, one), EncodedPart(IMAGE, 1, False, other)]
    np.testing.assert_allclose(FixedFusion({TEXT: 0.25, IMAGE: 1}).fuse(asked, AUDIO), [0.6, 0.8], atol=1e-6)
    nothing = FixedFusion({TEXT: 0, IMAGE: 1}).fuse(asked[:1] * 2, AUDIO)
    np.testing.assert_allclose(nothing, one, atol=1e-6)


def test_reciprocal_ranks_by_hand() -> None:
    scores = np.array([[[0.9, 0.5, 0.1], [0.2, 0.8, 0.3]]])  # one query, two parts, three items
    merged = reciprocal_ranks(scores, np.array([1.0, 2.0]))
    np.testing.assert_allclose(merged[0], [1 / 61 + 2 / 63, 1 / 62 + 2 / 61, 1 / 63 + 2 / 62])
    first = reciprocal_ranks(scores, np.array([1.0, 2.0]), depth=1)
    np.testing.assert_allclose(first[0], [1 / 61, 2 / 61, 0])


def test_standard_scores_by_hand() -> None:
    scores = np.array([[[0.9, 0.5, 0.1], [0.2, 0.8, 0.2]]])
    np.testing.assert_allclose(standard_scores(scores, np.ones(2))[0], [1, 1.5, 0])


def test_ranked_places_are_merged_by_reciprocal_rank() -> None:
    one = [(0.9, 1, 10), (0.8, 2, 20)]
    other = [(0.7, 2, 21), (0.6, 3, 30)]
    found = merged_places([one, other], [1, 1], k=2)
    assert [(item, point) for _, item, point in found] == [(2, 20), (1, 10)]
    assert found[0][0] == pytest.approx((1 / 62 + 1 / 61) / (2 / 61))


@pytest.mark.parametrize("kind", ["additive", "dot"])
def test_attention_over_three_parts_takes_less_than_a_millisecond(kind: str) -> None:
    rng = np.random.default_rng(0)
    fusion = AttentionFusion(kind, start_weights(kind, 512, rng))
    rows = unit(rng.standard_normal((3, 512)))
    asked = [EncodedPart(modality, 1.0, False, row) for modality, row in zip(Modality, rows, strict=True)]
    times = []
    for _ in range(50):
        started = perf_counter()
        fusion.fuse(asked, TEXT)
        times.append(perf_counter() - started)
    assert min(times) < 1e-3
