"""Shards that may miss: effort travels with the call, and whatever they cannot find is scored exactly."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.shards import Found
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Approximate, Effort
from hearsee.indexer.shards.tuning import recall_of

ROWS, DIM, LISTS = 8_000, 32, 64


@pytest.fixture(scope="module")
def rows() -> Vectors:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((100, DIM))
    return unit(centres[rng.integers(0, 100, ROWS)] + 0.6 * rng.standard_normal((ROWS, DIM)))


@pytest.fixture(scope="module")
def kept(rows: Vectors) -> HalfShard:
    return HalfShard.of(rows)


def build_lists(kept: HalfShard) -> Approximate:
    return ListShard.built(kept, LISTS, DIM // 2)


def build_bits(kept: HalfShard) -> Approximate:
    return BitShard.built(kept, LISTS)


def build_graph(kept: HalfShard) -> Approximate:
    return GraphShard.built(kept)


KINDS: list[Callable[[HalfShard], Approximate]] = [build_lists, build_bits, build_graph]


@pytest.fixture(scope="module", params=KINDS)
def shard(request: pytest.FixtureRequest, kept: HalfShard) -> Approximate:
    built: Approximate = request.param(kept)
    return built


def recall(found: Found, exact: Found) -> float:
    return float(recall_of(found.scores, exact.scores, 10).mean())


def test_without_effort_the_answer_is_exact(shard: Approximate, kept: HalfShard, rows: Vectors) -> None:
    assert shard.effort is None
    assert shard.nearest(rows[:9], 10).rows.tolist() == kept.nearest(rows[:9], 10).rows.tolist()


def test_more_effort_misses_less(shard: Approximate, kept: HalfShard, rows: Vectors) -> None:
    queries = unit(rows[:300] + 0.3 * np.random.default_rng(1).standard_normal((300, DIM)))
    exact = kept.nearest(queries, 10)
    recalls = [recall(shard.nearest(queries, 10, effort=Effort(breadth, 100)), exact) for breadth in (1, 24, 64)]
    assert recalls[0] < recalls[1] <= recalls[2]
    assert recalls[2] > 0.97


def test_what_is_found_has_its_exact_score(shard: Approximate, rows: Vectors) -> None:
    found = shard.nearest(rows[:50], 10, effort=Effort(2, 2))
    exact = np.einsum("qfd,qd->qf", shard.take(found.rows), rows[:50])
    assert found.scores == pytest.approx(exact, abs=1e-5)
    assert (np.diff(found.scores, axis=1) <= 0).all()


def test_lists_that_hold_too_few_rows_are_no_excuse_for_a_short_answer(shard: Approximate, rows: Vectors) -> None:
    found = shard.nearest(100 * rows[:20], 1_000, effort=Effort(1, 1))
    assert found.rows.shape == (20, 1_000)
    assert (found.rows >= 0).all()
    assert all(len(set(row)) == 1_000 for row in found.rows.tolist())


def test_a_filter_that_forbids_what_is_near_costs_no_recall(shard: Approximate, kept: HalfShard, rows: Vectors) -> None:
    queries = rows[:64]
    effort = Effort(16, 64)
    everywhere = recall(shard.nearest(queries, 10, effort=effort), kept.nearest(queries, 10))
    corner = queries[:1]
    allowed = (rows @ corner[0]) < 0.2
    assert 2_000 < allowed.sum() < 0.95 * ROWS
    near = unit(corner + 0.1 * np.random.default_rng(1).standard_normal((64, DIM)))
    found = shard.nearest(near, 10, allowed, effort=effort)
    assert allowed[found.rows].all()
    assert recall(found, kept.nearest(near, 10, allowed)) >= everywhere - 0.05


def test_searches_with_different_efforts_do_not_disturb_each_other(shard: Approximate, rows: Vectors) -> None:
    efforts = [Effort(1, 1), Effort(64, 32), Effort(8, 4)]
    alone = [shard.nearest(rows[:8], 10, effort=effort).rows.tolist() for effort in efforts]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda i: shard.nearest(rows[:8], 10, effort=efforts[i % 3]).rows.tolist(), range(90)))
    assert all(answer == alone[i % 3] for i, answer in enumerate(answers))


def test_the_same_rows_make_the_same_shard(kept: HalfShard, rows: Vectors) -> None:
    one, two = ListShard.built(kept, LISTS, 16), ListShard.built(kept, LISTS, 16)
    effort = Effort(2, 2)
    assert (
        one.nearest(rows[:99], 5, effort=effort).rows.tolist() == two.nearest(rows[:99], 5, effort=effort).rows.tolist()
    )


def test_it_is_as_small_as_it_says(shard: Approximate) -> None:
    assert 2 * DIM < shard.bytes / ROWS < 2 * DIM + 2 * DIM + 200


@pytest.mark.parametrize(("bad", "told"), [(np.nan, "nan"), (0.0, "0"), (7.0, "19.8")])
def test_rows_without_a_direction_of_length_one_are_refused(bad: float, told: str) -> None:
    rows = unit(np.eye(8))
    rows[5] = bad
    with pytest.raises(BadInput, match=f"row 5 has length {told}.*unit vectors"):
        HalfShard.of(rows)
