"""Rows that a filter leaves: found in its bitmap, gathered, scored as exact search does; and rows that FAISS views."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest

from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.shards.allowed import rows_of
from hearsee.indexer.shards.filtering import score_rows
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.gathering import ROOM
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.viewing import viewed

DIM = 64
Make = Callable[[Vectors], FlatShard | HalfShard]


def directions(rows: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((rows, DIM)))


@pytest.mark.parametrize("length", [0, 5, 8, 64, 1_003])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_the_allowed_rows_are_those_of_the_bitmap(length: int, share: float) -> None:
    allowed = np.random.default_rng(1).random(2 * length)[::2] < share  # not one after the other in memory
    rows = rows_of(allowed, length)
    assert rows is not None
    assert rows.tolist() == [place for place in range(length) if allowed[place]]
    if rows.size:
        assert rows_of(allowed, len(rows) - 1) is None


@pytest.mark.parametrize("make", [FlatShard.of, HalfShard.of])
@pytest.mark.parametrize("count", [1, 7, 1_999, 3 * ROOM // DIM // 2])
@pytest.mark.parametrize("k", [1, 10, 5_000])
def test_one_query_among_some_rows_is_answered_as_by_a_product(make: Make, count: int, k: int) -> None:
    rows, query = directions(30_000), 3 * directions(1, seed=1)
    shard = make(rows)
    some = np.sort(np.random.default_rng(2).choice(len(rows), count, replace=False))
    found = score_rows(shard, query, k, some)
    truth = (shard.take(some) @ query[0]).astype(np.float64)
    assert found.rows.shape == found.scores.shape == (1, min(k, count))
    assert found.scores[0] == pytest.approx(-np.sort(-truth)[:k], abs=1e-5)
    assert np.isin(found.rows, some).all()
    assert shard.take(found.rows[0]) @ query[0] == pytest.approx(found.scores[0], abs=1e-5)
    assert len(set(found.rows[0].tolist())) == found.rows.shape[1]


def test_each_thread_gathers_in_a_room_of_its_own() -> None:
    rows, queries = directions(5_000), directions(200, seed=1)
    shards = [HalfShard.of(rows), HalfShard.of(np.ascontiguousarray(unit(rows[:, :32])))]
    some = np.arange(0, 5_000, 7)

    def ask(number: int) -> bool:
        shard = shards[number % 2]
        query = np.ascontiguousarray(queries[number : number + 1, : shard.dim])
        best = int(np.argmax(shard.take(some) @ query[0]))
        return int(score_rows(shard, query, 5, some).rows[0, 0]) == int(some[best])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))


def test_rows_that_faiss_views_outlive_whoever_filled_them() -> None:
    rows = directions(40_000)
    index = FlatShard.of(rows).index
    gc.collect()
    other = [np.full((40_000, DIM), np.nan, np.float32) for _ in range(3)]  # what would lie there if they were freed
    assert not index.codes.is_owned
    assert index.search(rows[:5], 1)[1][:, 0].tolist() == [0, 1, 2, 3, 4]
    assert len(other) == 3


def halves() -> faiss.IndexScalarQuantizer:
    return faiss.IndexScalarQuantizer(DIM, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


@pytest.mark.parametrize(("make", "dtype"), [(lambda: faiss.IndexFlatIP(DIM), "<f4"), (halves, "<f2")])
def test_an_index_over_rows_says_what_one_that_holds_them_says(make: Callable[[], faiss.Index], dtype: str) -> None:
    rows, queries = directions(3_000), directions(9, seed=1)
    index, matrix = viewed(make(), (3_000, DIM), dtype)
    matrix[:] = rows
    own = make()
    own.add(rows)
    for mine, theirs in zip(index.search(queries, 10), own.search(queries, 10), strict=True):
        assert (mine == theirs).all()
    assert matrix.ctypes.data % 64 == 0
