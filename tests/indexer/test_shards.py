"""Every kind of shard answers as exact search does; a gallery folds points to items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.gallery import Gallery, Near, Source
from hearsee.indexer.shards import Shard
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.choice import parts_for
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.gpu import GpuKind, GpuShard, Spread, gpus
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Effort

LISTS = 16
WHOLE = Effort(LISTS, 400)  # with every list probed and as many refined, nothing is missed among so few rows


def lists(rows: Vectors) -> Shard:
    return ListShard.built(HalfShard.of(rows), LISTS, parts_for(rows.shape[1])).with_effort(WHOLE)


def lists_of_floats(rows: Vectors) -> Shard:
    return ListShard.built(FlatShard.of(rows), LISTS, parts_for(rows.shape[1])).with_effort(WHOLE)


def bits(rows: Vectors) -> Shard:
    return BitShard.built(HalfShard.of(rows), LISTS).with_effort(WHOLE)


def graph(rows: Vectors) -> Shard:
    return GraphShard.built(HalfShard.of(rows)).with_effort(Effort(400))


def product(kind: GpuKind, spread: Spread, devices: tuple[str, ...]) -> Callable[[Vectors], Shard]:
    def make(rows: Vectors) -> Shard:
        return GpuShard.built(FlatShard.of(rows), kind, spread, devices, LISTS).with_effort(WHOLE)

    return make


# What torch does on a GPU it does on a CPU, too; FAISS's own lists need a GPU.
TWO_CPUS = ("cpu", "cpu")
ON_CPU = [product(kind, spread, TWO_CPUS) for kind in (GpuKind.FLAT, GpuKind.HALF) for spread in Spread]
ON_GPU = [product(kind, spread, gpus()) for kind in GpuKind for spread in Spread] if gpus() else []
KINDS: list[Any] = [FlatShard.of, HalfShard.of, lists, lists_of_floats, bits, graph, *ON_CPU, *ON_GPU]
HALF = 1e-3  # how far a cosine of 8 float16 numbers may lie from the true one


def directions(rows: int, dim: int = 8, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((rows, dim)))


@pytest.mark.parametrize("make", KINDS)
class TestEveryShard:
    def test_a_row_is_its_own_nearest(self, make: Callable[[Vectors], Shard]) -> None:
        rows = directions(50)
        found = make(rows).nearest(rows, k=1)
        assert found.rows[:, 0].tolist() == list(range(50))
        assert found.scores[:, 0] == pytest.approx(np.ones(50), abs=HALF)

    def test_asking_for_more_than_there_is_leaks_no_padding(self, make: Callable[[Vectors], Shard]) -> None:
        found = make(directions(3)).nearest(directions(2, seed=1), k=10)
        assert found.rows.shape == (2, 3)
        assert sorted(found.rows[0].tolist()) == [0, 1, 2]

    @pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.95, 1.0])
    @pytest.mark.parametrize("k", [1, 10, 300, 10_000])
    @pytest.mark.parametrize("asked", [4, 40])
    def test_only_allowed_rows_are_found(
        self, make: Callable[[Vectors], Shard], asked: int, share: float, k: int
    ) -> None:
        rows, queries = directions(500), directions(asked, seed=1)
        allowed = np.random.default_rng(2).random(500) < share
        found = make(rows).nearest(queries, k, allowed)
        count = min(k, int(allowed.sum()))
        assert found.rows.shape == found.scores.shape == (asked, count)
        truth = np.where(allowed, queries @ rows.T, -np.inf)
        best = -np.sort(-truth, axis=1)[:, :count]
        assert found.scores == pytest.approx(best, abs=HALF)
        assert np.take_along_axis(truth, found.rows, axis=1) == pytest.approx(best, abs=HALF)

    @pytest.mark.parametrize("share", [0.45, 0.9])
    def test_a_filter_that_lets_thousands_through_lets_no_other_through(
        self, make: Callable[[Vectors], Shard], share: float
    ) -> None:
        rows, queries = directions(6000), directions(8, seed=1)
        allowed = np.random.default_rng(2).random(6000) < share
        found = make(rows).nearest(queries, 10, allowed)
        assert allowed[found.rows].all()
        truth = np.where(allowed, queries @ rows.T, -np.inf)
        best = -np.sort(-truth, axis=1)[:, :10]
        right = found.scores >= best[:, -1:] - HALF
        assert right.mean() >= 0.95
        assert np.take_along_axis(truth, found.rows, axis=1) == pytest.approx(found.scores, abs=HALF)

    @pytest.mark.parametrize("count", [1, 2, 17])
    def test_fewer_rows_than_lists(self, make: Callable[[Vectors], Shard], count: int) -> None:
        rows = directions(count)
        found = make(rows).nearest(rows, 40)
        assert found.rows[:, 0].tolist() == list(range(count))
        assert all(sorted(row) == list(range(count)) for row in found.rows.tolist())

    def test_a_row_a_thousand_times_over_does_not_hide_the_others(self, make: Callable[[Vectors], Shard]) -> None:
        twice = directions(2)
        rows = np.concatenate([np.repeat(twice[:1], 3000, axis=0), directions(300, seed=1), twice[1:]])
        found = make(rows).nearest(twice, 10)
        assert found.scores[0] == pytest.approx(np.ones(10), abs=HALF)
        assert found.rows[0].max() < 3000
        assert len(set(found.rows[0].tolist())) == 10
        assert found.rows[1, 0] == 3300

    def test_a_longer_query_finds_the_same_rows_with_longer_scores(self, make: Callable[[Vectors], Shard]) -> None:
        shard, queries = make(directions(500)), directions(4, seed=1)
        one, three = shard.nearest(queries, 5), shard.nearest(3 * queries, 5)
        assert three.rows.tolist() == one.rows.tolist()
        assert three.scores == pytest.approx(3 * one.scores, abs=3 * HALF)

    def test_a_query_without_direction_finds_nothing_nearer_than_anything(
        self, make: Callable[[Vectors], Shard]
    ) -> None:
        found = make(directions(500)).nearest(np.zeros((1, 8), np.float32), 5)
        assert len(set(found.rows[0].tolist())) == 5
        assert found.scores.tolist() == [[0.0] * 5]

    def test_rows_can_be_taken_back(self, make: Callable[[Vectors], Shard]) -> None:
        rows = directions(30)
        taken = make(rows).take(np.array([[3, 4], [29, 0]]))
        assert taken.shape == (2, 2, 8)
        assert taken.dtype == np.float32
        assert taken == pytest.approx(rows[[[3, 4], [29, 0]]], abs=HALF)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_a_query_that_is_not_a_number_is_refused(self, make: Callable[[Vectors], Shard], bad: float) -> None:
        with pytest.raises(BadInput, match="not a number"):
            make(directions(5)).nearest(np.full((1, 8), bad, np.float32), 1)

    def test_a_query_of_another_length_is_refused(self, make: Callable[[Vectors], Shard]) -> None:
        with pytest.raises(BadInput, match=r"takes \(queries, 8\)"):
            make(directions(5)).nearest(directions(1, dim=4), 1)

    @pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, 2.0])
    def test_a_row_that_has_no_direction_is_refused_by_its_number(
        self, make: Callable[[Vectors], Shard], bad: float
    ) -> None:
        rows = directions(20)
        rows[17] = bad
        with pytest.raises(BadInput, match="row 17 has length"):
            make(rows)

    def test_an_empty_shard_finds_nothing(self, make: Callable[[Vectors], Shard]) -> None:
        assert make(np.empty((0, 8), np.float32)).nearest(directions(2), 5).rows.shape == (2, 0)

    def test_many_threads_may_search_it(self, make: Callable[[Vectors], Shard]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        rows = directions(2000)
        shard = make(rows)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda i: shard.nearest(rows[i : i + 1], 1).rows[0, 0], range(200)))
        assert answers == list(range(200))


@pytest.mark.skipif(not gpus(), reason="there is no GPU: its shards are not tested here")
def test_the_gpus_are_among_the_kinds() -> None:
    assert len(ON_GPU) == len(GpuKind) * len(Spread)


def brute(
    queries: Vectors,
    parts: Sequence[tuple[Vectors, NDArray[np.int64], NDArray[np.bool_]]],
    k: int,
    allowed: set[int] | None,
) -> list[list[Near]]:
    """Points are numbered through the parts; what the gallery must say, by the slowest of ways."""
    answers = []
    for query in queries:
        best: dict[int, tuple[float, int]] = {}
        number = 0
        for rows, items, alive in parts:
            scores = np.einsum("rd,d->r", rows, query, dtype=np.float64).astype(np.float32)
            for score, item, live in zip(scores.tolist(), items.tolist(), alive.tolist(), strict=True):
                if live and (allowed is None or item in allowed):
                    best[item] = max(best.get(item, (-9.0, 0)), (score, -number))
                number += 1
        ranked = sorted((-score, item, -point) for item, (score, point) in best.items())
        answers.append([(-score, item, point) for score, item, point in ranked[:k]])
    return answers


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    items=st.integers(1, 80),
    directions_there_are=st.sampled_from([1, 2, 5, 1000]),
    dead=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    share=st.sampled_from([None, 0.0, 0.03, 0.5, 0.9, 1.0]),
    k=st.sampled_from([1, 2, 5, 30, 1000]),
)
@settings(max_examples=150, deadline=None)
def test_a_gallery_answers_as_brute_force_does_ties_included(
    seed: int, sizes: list[int], items: int, directions_there_are: int, dead: float, share: float | None, k: int
) -> None:
    rng = np.random.default_rng(seed)
    pool = unit(rng.standard_normal((directions_there_are, 8)).astype(np.float16))
    parts, sources, number = [], [], 0
    for size in sizes:
        rows = pool[rng.integers(0, len(pool), size)]
        ids, alive = rng.integers(1, items + 1, size).astype(np.int64), rng.random(size) >= dead
        parts.append((rows, ids, alive))
        points = np.arange(number, number + size, dtype=np.int64)
        sources.append(Source(FlatShard.of(rows), points, ids, None if alive.all() else alive))
        number += size
    allowed = None if share is None else np.flatnonzero(rng.random(items + 1) < share).astype(np.int64)
    queries = unit(rng.standard_normal((3, 8)))
    given_items = None if allowed is None else set(allowed.tolist())
    assert Gallery(8, sources).nearest(queries, k, allowed) == brute(queries, parts, k, given_items)


@pytest.mark.parametrize("allowed", [[], [5], [5, 5, 900], [0, 1, 2, 77, 10_000], list(range(400))])
@pytest.mark.parametrize("ordered", [True, False])
def test_the_rows_of_allowed_items_are_those_that_hold_them(allowed: list[int], ordered: bool) -> None:
    rng = np.random.default_rng(0)
    owners = rng.integers(1, 300, 2_000)
    owners = np.sort(owners) if ordered else owners
    alive = rng.random(2_000) < 0.9
    source = Source(FlatShard.of(directions(2_000)), np.arange(2_000), owners, alive)
    found = source.among(np.array(allowed, np.int64))
    expected = np.isin(owners, allowed) & alive
    assert found is not None
    assert found.bitmap.tolist() == expected.tolist()
    assert found.count == expected.sum()


def test_one_item_with_a_thousand_points_does_not_hide_the_others() -> None:
    near, far = unit(np.array([[1, 0.01]])), unit(np.array([[0, 1], [-1, 0]]))
    rows = np.concatenate([np.repeat(near, 1000, axis=0), far])
    items = np.array([1] * 1000 + [2, 3], np.int64)
    gallery = Gallery(2, [Source(FlatShard.of(rows), np.arange(1002, dtype=np.int64), items)])
    found = gallery.nearest(np.array([[1, 0]], np.float32), 3)[0]
    assert [item for _, item, _ in found] == [1, 2, 3]


def test_equal_vectors_come_in_order_of_item_id_at_the_border_of_k() -> None:
    rows = np.repeat(directions(1), 500, axis=0)
    items = np.arange(500, 0, -1, dtype=np.int64)
    gallery = Gallery(8, [Source(FlatShard.of(rows), np.arange(500, dtype=np.int64), items)])
    assert [item for _, item, _ in gallery.nearest(rows[:1], 4)[0]] == [1, 2, 3, 4]


def test_the_answer_does_not_depend_on_the_batch_or_on_where_a_vector_lies() -> None:
    rows, queries = directions(3000, 32), directions(64, 32, seed=1)
    ids = np.arange(3000, dtype=np.int64)
    whole = Gallery(32, [Source(FlatShard.of(rows), ids, ids)])
    cut = Gallery(
        32, [Source(FlatShard.of(rows[s]), ids[s], ids[s]) for s in (slice(0, 1), slice(1, 2500), slice(2500, 3000))]
    )
    together = whole.nearest(queries, 10)
    assert cut.nearest(queries, 10) == together  # to the last bit
    assert [whole.nearest(queries[i : i + 1], 10)[0] for i in range(64)] == together
