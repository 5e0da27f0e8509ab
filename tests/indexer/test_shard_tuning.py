"""The effort is the cheapest whose recall is proved, on queries of the modality that asks."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Approximate, breadths
from hearsee.indexer.shards.tuning import Asked, lower_bound, recall_of, sample, tune

ROWS, DIM = 8_000, 32


def world(seed: int, queries: int) -> tuple[Vectors, Vectors]:
    """Rows about a hundred centres, and queries off to one side of them."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((100, DIM))
    rows = centres[rng.integers(0, 100, ROWS)] + 0.6 * rng.standard_normal((ROWS, DIM))
    asks = centres[rng.integers(0, 100, queries)] + 0.9 * rng.standard_normal((queries, DIM))
    return unit(rows), unit(asks + 2 * centres[0] / sqrt(DIM))


@pytest.fixture(scope="module")
def kept() -> HalfShard:
    return HalfShard.of(world(0, 1)[0])


@pytest.fixture(scope="module", params=["lists", "graph"])
def shard(request: pytest.FixtureRequest, kept: HalfShard) -> Approximate:
    return ListShard.built(kept, 64, DIM // 2) if request.param == "lists" else GraphShard.built(kept)


@pytest.mark.parametrize("target", [0.8, 0.9, 0.95, 0.99])
def test_fresh_queries_reach_the_target(shard: Approximate, target: float) -> None:
    tuned = tune(shard, "text", Asked(world(1, 500)[1]), target)
    assert tuned.effort is not None
    assert tuned.low >= target
    fresh = world(2, 1_000)[1]
    recalls = recall_of(shard.nearest(fresh, 10, effort=tuned.effort).scores, shard.kept.nearest(fresh, 10).scores, 10)
    assert recalls.mean() >= target - 2 * recalls.std() / sqrt(len(recalls))


def test_less_recall_costs_less_and_no_cheaper_breadth_would_do(shard: Approximate) -> None:
    asked = Asked(world(1, 300)[1])
    low, high = tune(shard, "text", asked, 0.8), tune(shard, "text", asked, 0.97)
    assert low.effort is not None
    assert high.effort is not None
    assert shard.cost(low.effort, 10) < shard.cost(high.effort, 10)
    steps = shard.efforts(asked.vectors, high.effort.lean)
    place = [step.breadth for step in steps].index(high.effort.breadth)
    before = replace(steps[place - 1], refine=high.effort.refine)
    exact, found = shard.kept.nearest(asked.vectors, 10), shard.nearest(asked.vectors, 10, effort=before)
    assert lower_bound(recall_of(found.scores, exact.scores, 10)) < 0.97


def test_what_no_effort_reaches_is_answered_exactly(kept: HalfShard) -> None:
    tuned = tune(ListShard.built(kept, 64, 16), "text", Asked(world(1, 50)[1]), 1.0)
    assert (tuned.effort, tuned.recall) == (None, 1.0)


def test_answers_of_the_querys_own_group_do_not_count(kept: HalfShard) -> None:
    """Rows find their own near copies in one list: with those held out, the same queries need more lists."""
    rng = np.random.default_rng(0)
    copies = np.repeat(kept.take(np.arange(2_000)), 4, axis=0) + 0.01 * rng.standard_normal((8_000, DIM))
    shard = ListShard.built(HalfShard.of(unit(copies)), 64, 16)
    groups = np.repeat(np.arange(2_000), 4)
    asked = Asked(shard.take(np.arange(0, 1_200, 4)), groups[:1_200:4])
    own = tune(shard, "image", asked, 0.95, k=3)
    held_out = tune(shard, "image", asked, 0.95, k=3, row_groups=groups)
    assert own.effort is not None
    assert held_out.effort is not None
    assert own.effort.breadth < held_out.effort.breadth


def test_queries_that_only_their_own_group_could_answer_prove_nothing(kept: HalfShard) -> None:
    shard = ListShard.built(kept, 64, 16)
    one_group = np.zeros(ROWS, np.int64)
    tuned = tune(shard, "image", Asked(kept.take(np.arange(50)), one_group[:50]), 0.9, row_groups=one_group)
    assert tuned.effort is None


def test_nobody_is_asked_twice_for_one_group() -> None:
    asked = Asked(unit(np.random.default_rng(0).standard_normal((90, 4))), np.arange(90) // 3)
    chosen = sample(asked, 20, seed=1)
    assert chosen.groups is not None
    assert len(chosen.vectors) == len(set(chosen.groups.tolist())) == 20
    assert len(sample(asked, 1_000).vectors) == 30
    places = [int(np.flatnonzero((asked.vectors == vector).all(axis=1))[0]) for vector in chosen.vectors]
    assert [place // 3 for place in places] == chosen.groups.tolist()
    assert len(sample(Asked(asked.vectors), 1_000).vectors) == 90


def test_equal_scores_are_equally_right() -> None:
    exact = np.array([[0.9, 0.5, 0.5], [0.9, 0.8, 0.7]], np.float32)
    found = np.array([[0.9, 0.5, 0.5], [0.9, 0.7, 0.1]], np.float32)
    assert recall_of(found, exact, 3).tolist() == [1.0, pytest.approx(2 / 3)]
    assert recall_of(found, exact, 1).tolist() == [1.0, 1.0]
    lost = np.full((1, 2), -np.inf, np.float32)
    assert recall_of(np.array([[0.9, -np.inf]], np.float32), np.array([[0.9, -np.inf]], np.float32), 2).tolist() == [
        1.0
    ]
    assert recall_of(lost, np.array([[0.9, -np.inf]], np.float32), 2).tolist() == [0.0]
    assert recall_of(found[:, :0], exact[:, :0], 3).tolist() == [1.0, 1.0]


def test_the_lower_bound_worked_by_hand() -> None:
    # 97.3 of 102.7 after adding 1.35 perfect and 1.35 failed queries to 96 of 100
    extra = 1.645**2
    mean = (96 + extra / 2) / (100 + extra)
    expected = mean - 1.645 * sqrt(mean * (1 - mean) / (100 + extra))
    assert lower_bound(np.array([1.0] * 96 + [0.0] * 4)) == pytest.approx(expected)
    assert lower_bound(np.ones(10)) < 0.9 < lower_bound(np.ones(100)) < 0.99 < lower_bound(np.ones(2_000)) < 1


def test_the_bound_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    misses = [lower_bound(rng.binomial(10, 0.95, 200) / 10) > 0.95 for _ in range(2_000)]
    assert np.mean(misses) < 0.06


def test_breadths_climb_to_the_widest() -> None:
    assert breadths(1) == [1]
    assert breadths(16) == list(range(1, 17))
    assert breadths(37) == [*range(1, 17), 18, 20, 22, 24, 26, 28, 30, 32, 36, 37]


@pytest.mark.parametrize("target", [0.0, 1.5])
def test_a_target_that_is_none_is_refused(kept: HalfShard, target: float) -> None:
    with pytest.raises(BadInput, match="cannot be aimed at"):
        tune(ListShard.built(kept, 4, 16), "text", Asked(kept.take(np.arange(3))), target)


def test_without_queries_nothing_is_proved(kept: HalfShard) -> None:
    with pytest.raises(BadInput, match="there is no text query"):
        tune(ListShard.built(kept, 4, 16), "text", Asked(np.empty((0, DIM), np.float32)), 0.9)
