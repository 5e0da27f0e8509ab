"""Filters that go with and against a query: whatever they forbid, no recall is lost to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap, Vectors, unit
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Effort
from hearsee.indexer.shards.tuning import Asked, recall_of, tune

DIM, ROWS, KINDS, K = 32, 20_000, 60, 10
TARGET = 0.9


def things(count: int, seed: int, aside: float = 0.0) -> tuple[Vectors, NDArray[np.int64]]:
    """Rows about kinds, and the kind of each; queries lie aside from all of them."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((KINDS, DIM))
    kinds = rng.integers(0, KINDS, count)
    away = aside * np.random.default_rng(98).standard_normal(DIM)
    return unit(centres[kinds] + 0.5 * rng.standard_normal((count, DIM)) + away), kinds


ROWS_OF, KIND_OF = things(ROWS, 0)


@pytest.fixture(scope="module")
def shard() -> ListShard:
    built = ListShard.built(HalfShard.of(ROWS_OF), 128, 16)
    effort = tune(built, "text", Asked(things(300, 1, aside=1.0)[0]), TARGET, K).effort
    assert effort is not None
    assert effort.doubt > 0
    return built.with_effort(effort)


def at_random(share: float, _: Vectors, seed: int) -> Bitmap:
    drawn: Bitmap = np.random.default_rng(seed).random(ROWS) < share
    return drawn


def cut(share: float, query: Vectors, _: int = 0) -> Bitmap:
    """Only what is least like the query: the best of it all score alike."""
    scores = ROWS_OF @ query
    least: Bitmap = scores <= np.quantile(scores, share)
    return least


def near(share: float, query: Vectors, _: int = 0) -> Bitmap:
    scores = ROWS_OF @ query
    most: Bitmap = scores >= np.quantile(scores, 1 - share)
    return most


def other_kinds(share: float, query: Vectors, _: int = 0) -> Bitmap:
    """Only the kinds that are least like the query."""
    likeness = np.bincount(KIND_OF, ROWS_OF @ query) / np.bincount(KIND_OF)
    of_them: Bitmap = np.isin(KIND_OF, np.argsort(likeness)[: max(1, round(share * KINDS))])
    return of_them


def thinned(share: float, query: Vectors, seed: int) -> Bitmap:
    """The more like the query, the less of it."""
    rank = np.argsort(np.argsort(ROWS_OF @ query)) / ROWS
    chance = np.exp(-4 * rank)
    drawn: Bitmap = np.random.default_rng(seed).random(ROWS) < chance * share / chance.mean()
    return drawn


FILTERS = [at_random, cut, near, other_kinds, thinned]


@pytest.mark.parametrize("share", [0.6, 0.3, 0.1, 0.05, 0.01])
@pytest.mark.parametrize("draw", FILTERS)
def test_a_filter_costs_no_recall(shard: ListShard, draw: Callable[..., Bitmap], share: float) -> None:
    queries, _ = things(25, 2, aside=1.0)
    recalls = []
    for number, query in enumerate(queries):
        allowed = draw(share, query, number)
        found = shard.nearest(query[None, :], K, allowed)
        assert allowed[found.rows].all()
        assert len(set(found.rows[0].tolist())) == found.rows.shape[1] == min(K, allowed.sum())
        recalls.append(recall_of(found.scores, shard.kept.nearest(query[None, :], K, allowed).scores, K)[0])
    assert np.mean(recalls) >= TARGET


def test_queries_of_any_length_and_none_are_sifted(shard: ListShard) -> None:
    query = 5 * things(1, 3, aside=1.0)[0]
    both = np.concatenate([query, np.zeros_like(query), query])
    allowed = other_kinds(0.5, query[0])
    found = shard._sieve.among(both, K, allowed, shard.effort.doubt if shard.effort else 0.0)
    exact = shard.kept.nearest(query, K, allowed)
    assert found.scores[0] == pytest.approx(exact.scores[0], abs=1e-4)
    assert found.rows[0].tolist() == found.rows[2].tolist()
    assert found.scores[1].tolist() == [0.0] * K
    assert allowed[found.rows].all()


def test_what_sketches_do_not_tell_is_answered_exactly(shard: ListShard) -> None:
    query = things(1, 4, aside=1.0)[0]
    allowed = cut(0.5, query[0])
    found = shard._sieve.among(query, K, allowed, 10.0)  # so much doubt that nothing is ever sure
    assert found.rows.tolist() == shard.kept.nearest(query, K, allowed).rows.tolist()


def test_an_effort_of_before_is_answered_exactly(shard: ListShard) -> None:
    effort = shard.effort
    assert effort is not None
    old = shard.with_effort(Effort(effort.breadth, effort.refine, effort.lean))  # as it was kept without a doubt
    query = things(1, 5, aside=1.0)[0]
    allowed = cut(0.5, query[0])
    assert old.nearest(query, K, allowed).rows.tolist() == old.kept.nearest(query, K, allowed).rows.tolist()
