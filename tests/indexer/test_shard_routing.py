"""Each query looks into lists of its own choice, as many as it takes; one that comes alone into a number proved too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.shards.codebook import lists_of, turned
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.lists import SOME, ListShard
from hearsee.indexer.shards.proposing import Effort
from hearsee.indexer.shards.refining import Refiner
from hearsee.indexer.shards.routing import Router
from hearsee.indexer.shards.tuning import Asked, lower_bound, measure, recall_of, tune

ROWS, DIM, LISTS = 8_000, 32, 64


@pytest.fixture(scope="module")
def rows() -> Vectors:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((100, DIM))
    return unit(centres[rng.integers(0, 100, ROWS)] + 0.6 * rng.standard_normal((ROWS, DIM)))


@pytest.fixture(scope="module")
def queries(rows: Vectors) -> Vectors:
    """Some in the middle of what is there, others between."""
    spread = np.repeat([0.02, 0.3], 200)[:, None]
    return unit(rows[:400] + spread * np.random.default_rng(1).standard_normal((400, DIM)))


@pytest.fixture(scope="module")
def shard(rows: Vectors) -> ListShard:
    return ListShard.built(HalfShard.of(rows), LISTS, DIM // 2)


def test_a_list_is_looked_into_for_its_share_worked_by_hand(shard: ListShard, queries: Vectors) -> None:
    router, lists = Router(shard.index), lists_of(shard.index)
    middles = np.asarray([lists.quantizer.reconstruct(number) for number in range(LISTS)])[:, :-1]
    sizes = np.array([lists.invlists.list_size(number) for number in range(LISTS)])
    told = turned(shard.index, queries)[:, :-1] @ middles.T
    ranks = told - 0.25 * np.einsum("lk,lk->l", middles, middles)
    likely = np.exp((ranks - ranks.max(axis=1, keepdims=True)) / 0.05)
    shares = likely / (likely @ sizes)[:, None]
    assert router.shares(queries, 0.25, 0.05) == pytest.approx(shares, rel=1e-3, abs=1e-9)
    assert shares @ sizes == pytest.approx(np.ones(len(queries)))
    _, some, adds = router.routes(queries, Effort(8, lean=0.25, enough=1e-3, fall=0.05))
    for query in range(len(queries)):
        chosen = some[query][some[query] >= 0]
        assert set(chosen) >= set(np.flatnonzero(shares[query] > 1.01e-3))
        assert set(chosen) <= {int(ranks[query].argmax()), *np.flatnonzero(shares[query] > 0.99e-3).tolist()}
        assert adds[query][: len(chosen)] == pytest.approx(told[query][chosen], abs=1e-4)


def test_breadth_is_what_the_queries_read_on_average_and_hard_ones_get_more(shard: ListShard, queries: Vectors) -> None:
    router = Router(shard.index)
    for effort in shard.efforts(queries, 0.35):
        _, some, _ = router.routes(queries, effort)
        read = np.where(some >= 0, router.sizes[some], 0).sum(axis=1)
        assert (some >= 0).any(axis=1).all()
        assert read.mean() * LISTS / ROWS == pytest.approx(effort.breadth, rel=0.1, abs=1)
        if effort.breadth == 8:
            assert read[200:].mean() > 1.1 * read[:200].mean()


def test_every_list_is_looked_into_at_the_widest(shard: ListShard, queries: Vectors) -> None:
    widest = shard.efforts(queries, 0.5)[-1]
    found = shard.nearest(queries, 10, effort=replace(widest, refine=64))
    assert recall_of(found.scores, shard.kept.nearest(queries, 10).scores, 10).mean() > 0.99


def test_a_best_list_is_looked_into_however_much_is_asked_of_it(shard: ListShard, queries: Vectors) -> None:
    _, some, _ = Router(shard.index).routes(queries, Effort(1, enough=0.9, fall=10.0))
    assert (np.count_nonzero(some >= 0, axis=1) == 1).all()


def test_what_a_query_finds_does_not_depend_on_who_asks_beside_it(shard: ListShard, queries: Vectors) -> None:
    effort = replace(shard.efforts(queries, 0.5)[5], refine=16)
    together = shard.nearest(queries, 10, effort=effort).rows
    apart = np.concatenate([shard.nearest(queries[i : i + SOME], 10, effort=effort).rows for i in range(0, 400, SOME)])
    assert (together == apart).mean() > 0.999  # FAISS may drop another of equal codes


def test_many_threads_may_ask_at_once_and_with_efforts_of_their_own(shard: ListShard, queries: Vectors) -> None:
    efforts = [replace(shard.efforts(queries, lean)[9], refine=4) for lean in (0.5, 0.25)]
    calm = [shard.nearest(queries[:64], 10, effort=effort).rows for effort in efforts]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda i: shard.nearest(queries[:64], 10, effort=efforts[i % 2]).rows, range(60)))
    assert all((rows == calm[i % 2]).all() for i, rows in enumerate(found))


@pytest.mark.parametrize("asked", [slice(0, 1), slice(0, 400)])
def test_alone_and_together_the_recall_that_was_proved_is_reached(
    shard: ListShard, queries: Vectors, asked: slice
) -> None:
    tuned = tune(shard, "text", Asked(queries), 0.9)
    assert tuned.effort is not None
    assert tuned.effort.enough is not None
    assert tuned.effort.alone > 0
    size = asked.stop - asked.start
    parts = [queries[i : i + size] for i in range(0, len(queries), size)]
    scores = np.concatenate([shard.nearest(part, 10, effort=tuned.effort).scores for part in parts])
    recalls = recall_of(scores, shard.kept.nearest(queries, 10).scores, 10)
    assert lower_bound(recalls) >= 0.9
    assert recalls.mean() >= tuned.recall - 1e-3
    again = measure(shard, Asked(queries), tuned)
    assert (again.recall, again.low) == pytest.approx((tuned.recall, tuned.low), abs=1e-3)


@pytest.mark.parametrize("keep", [FlatShard, HalfShard])
def test_candidates_are_scored_as_they_are_and_none_is_none(
    keep: type[FlatShard | HalfShard], rows: Vectors, queries: Vectors
) -> None:
    kept = keep.of(rows)
    some = np.random.default_rng(0).permuted(np.tile(np.arange(ROWS), (9, 1)), axis=1)[:, :40]
    some[3, 5:] = -1
    some[4, ::2] = -1
    scores, found = Refiner(kept).best(queries[:9], np.ascontiguousarray(some), 6)
    for query in range(9):
        here = some[query][some[query] >= 0]
        exact = np.sort(kept.take(here) @ queries[query])[::-1][:6]
        right = len(exact)
        assert scores[query, :right] == pytest.approx(exact, abs=1e-6)
        told = kept.take(found[query, :right]) @ queries[query]
        assert told == pytest.approx(exact, abs=1e-6)
        assert (found[query, right:] == -1).all()
    assert (found[3] == -1).sum() == 1
