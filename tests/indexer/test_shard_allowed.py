"""Filters in all their forms: each says the same, and a filter asked again answers as one asked first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.gallery import MOST_FILTERS, Source
from hearsee.indexer.shards.allowed import Allowed
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.half import HalfShard

DIM, ROWS = 64, 6_000
Make = Callable[[Vectors], FlatShard | HalfShard]


def directions(rows: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((rows, DIM)))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_every_form_says_the_same(share: float) -> None:
    bitmap = np.random.default_rng(1).random(1_003) < share
    rows = np.flatnonzero(bitmap)
    for allowed in (Allowed.of(bitmap), Allowed.only(rows, len(bitmap))):
        member = getattr(allowed.selector, "is_member")  # noqa: B009 unknown to the stubs
        assert allowed.rows(len(rows) - 1) is None
        found = allowed.rows(len(rows))
        assert found is not None
        assert found.tolist() == rows.tolist()
        assert allowed.bitmap.tolist() == bitmap.tolist()
        assert (allowed.count, len(allowed)) == (len(rows), len(bitmap))
        assert [member(row) for row in range(len(bitmap))] == bitmap.tolist()


@pytest.mark.parametrize("make", [FlatShard.of, HalfShard.of])
@pytest.mark.parametrize("share", [0.002, 0.04, 0.3])
def test_a_filter_asked_again_answers_as_one_asked_first(make: Make, share: float) -> None:
    shard, queries = make(directions(ROWS)), directions(6, seed=1)
    bitmap = np.random.default_rng(2).random(ROWS) < share
    kept = Allowed.of(bitmap)
    for query in queries:
        first, again = shard.nearest(query[None, :], 5, bitmap), shard.nearest(query[None, :], 5, kept)
        assert again.rows.tolist() == first.rows.tolist()
        assert again.scores.tolist() == first.scores.tolist()


def test_a_filter_given_to_two_shards_takes_neither_for_the_other() -> None:
    allowed = Allowed.only(np.arange(0, ROWS, 50), ROWS)
    shards = [HalfShard.of(directions(ROWS, seed)) for seed in (0, 1)]
    for _ in range(4):
        for shard in shards:
            own = shard.take(np.array([100]))
            assert shard.nearest(own, 1, allowed).rows.tolist() == [[100]]
    for shard in [one for one in shards for _ in range(3)]:
        own = shard.take(np.array([150]))
        assert shard.nearest(own, 1, allowed).rows.tolist() == [[150]]


def test_many_threads_ask_with_one_filter() -> None:
    rows = directions(ROWS)
    shard, some = HalfShard.of(rows), np.arange(0, ROWS, 40)
    allowed = Allowed.only(some, ROWS)

    def ask(number: int) -> bool:
        row = int(some[number % len(some)])
        return bool(shard.nearest(rows[row : row + 1], 3, allowed).rows[0, 0] == row)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400)))


def test_only_the_filters_asked_last_are_kept() -> None:
    ids = np.arange(ROWS, dtype=np.int64)
    source = Source(HalfShard.of(directions(ROWS)), ids, ids)
    filters = [ids[start::7].copy() for start in range(5)] + [ids[:n].copy() for n in range(1, MOST_FILTERS)]
    for items in filters:
        items.flags.writeable = False
    first = source.among(filters[0])
    assert source.among(filters[0]) is first
    for items in filters:
        found = source.among(items)
        assert found is not None
        assert np.flatnonzero(found.bitmap).tolist() == items.tolist()
    assert source.among(filters[-1]) is source.among(filters[-1])
    assert source.among(filters[0]) is not first
