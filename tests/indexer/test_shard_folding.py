"""A shard carried over to other rows answers as one that FAISS fills anew with them."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.folding import Ids, carry_over
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Effort

POOL = unit(np.random.default_rng(0).standard_normal((900, 16)))
LISTS = 8


def shard_of(kind: str, points: Ids) -> Any:
    kept = FlatShard.of(POOL[points])
    return ListShard.built(kept, LISTS, 8) if kind == "lists" else BitShard.built(kept, LISTS)


def refilled(index: Any, rows: Vectors) -> Any:
    fresh = faiss.clone_index(index)
    fresh.reset()
    fresh.add(rows)
    return fresh


@pytest.mark.parametrize("kind", ["lists", "bits"])
@given(seed=st.integers(0, 2**32 - 1), folds=st.integers(1, 3), share=st.sampled_from([0.0, 0.1, 0.9, 1.0]))
@settings(max_examples=15, deadline=None)
def test_it_answers_as_one_that_is_filled_anew(kind: str, seed: int, folds: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.permutation(900)[:600]
    shard = shard_of(kind, points)
    index, queries = shard.index, POOL[:40]
    for _ in range(folds):  # what a fold leaves behind must not show in the next
        stays = points[rng.random(len(points)) >= share]
        new = np.setdiff1d(rng.permutation(900)[:200], stays)
        now = rng.permutation(np.concatenate([stays, new]))
        kept = FlatShard.of(POOL[now])
        assert carry_over(index, points, kept, now)
        points = now
    again = type(shard)(kept, faiss.deserialize_index(faiss.serialize_index(index)))
    fresh = type(shard)(kept, refilled(index, POOL[points]))
    for effort in (Effort(2, 64), Effort(LISTS, 64)):  # all are refined: of equal codes any may be dropped
        one, other = again.nearest(queries, 5, effort=effort), fresh.nearest(queries, 5, effort=effort)
        assert one.scores == pytest.approx(other.scores, abs=1e-6)
        assert (one.rows == other.rows).mean() > 0.99  # equal codes may come in another order


def test_all_rows_may_go_and_none_may_come() -> None:
    points = np.arange(300)
    shard = shard_of("lists", points)
    nothing = FlatShard.of(POOL[:0])
    assert carry_over(shard.index, points, nothing, points[:0])
    assert shard.index.ntotal == 0


def test_a_graph_takes_no_change_and_a_shard_of_other_rows_neither() -> None:
    points = np.arange(300)
    kept = FlatShard.of(POOL[points])
    assert not carry_over(GraphShard.built(kept).index, points, kept, points)
    assert not carry_over(shard_of("lists", points).index, points[:-1], kept, points)


def test_a_number_that_is_there_twice_is_noticed() -> None:
    points = np.arange(300)
    index = shard_of("lists", points).index
    twice = points.copy()
    twice[1] = 0
    assert not carry_over(index, twice, FlatShard.of(POOL[points]), points)
