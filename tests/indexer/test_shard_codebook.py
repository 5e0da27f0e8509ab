"""What lists rank by: distance at a lean of one half, cosine at none; directions are dealt so that codes tell alike."""

from __future__ import annotations

import numpy as np
import pytest

from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.shards.codebook import _places, empty, is_codebook, learned, lists_of, turned
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Effort

DIM, LISTS = 12, 16


@pytest.fixture(scope="module")
def rows() -> Vectors:
    rng = np.random.default_rng(0)
    return unit(rng.standard_normal((3_000, DIM)) * np.arange(DIM, 0, -1) + 3)


def centroids(index: object) -> Vectors:
    tells = lists_of(index).quantizer
    return np.asarray([tells.reconstruct(number) for number in range(LISTS)])


def test_a_lean_of_one_half_ranks_lists_by_distance_and_a_longer_query_towards_cosine(rows: Vectors) -> None:
    index = learned(rows, LISTS, 8, 0)
    queries = unit(np.random.default_rng(1).standard_normal((50, DIM)))
    middle = centroids(index)[:, :-1]
    for longer, weight in ((1, 0.5), (2, 0.25), (500, 0.001)):
        told, found = lists_of(index).quantizer.search(turned(index, longer * queries), 3)
        scores = turned(index, queries)[:, :-1] @ middle.T
        ranks = scores - weight * np.einsum("lk,lk->l", middle, middle)
        best = np.sort(np.argsort(-ranks, axis=1)[:, :3], axis=1)
        assert (np.sort(found, axis=1) == best).mean() > 0.99
        assert told - 0.25 == pytest.approx(longer * np.take_along_axis(scores, found, axis=1), rel=1e-3, abs=1e-3)


def test_nothing_of_the_constant_is_left_over_to_be_coded(rows: Vectors) -> None:
    index = learned(rows, LISTS, 8, 0)
    assert (turned(index, rows)[:, -1] == 0.5).all()
    assert (centroids(index)[:, -1] == 0.5).all()


def test_every_direction_has_a_place_and_large_sit_with_small() -> None:
    places = _places(np.array([100.0, 10.0, 5.0, 4.0, 0.1]), 3)
    assert len(set(places.tolist())) == 5
    assert places.max() < 5  # the last place is the constant's
    assert places[0] // 2 != places[1] // 2
    assert places[3] // 2 == places[1] // 2 or places[3] // 2 == places[2] // 2


@pytest.mark.parametrize("lean", ListShard.leans)
def test_the_lean_changes_what_is_probed_and_never_a_score(rows: Vectors, lean: float) -> None:
    shard = ListShard.built(HalfShard.of(rows), LISTS, 7)
    found = shard.nearest(rows[:40], 10, effort=Effort(4, 8, lean))
    assert found.scores == pytest.approx(np.einsum("qfd,qd->qf", shard.take(found.rows), rows[:40]), abs=1e-5)
    assert found.rows[:, 0].tolist() == list(range(40))


def test_of_no_rows_one_list_about_nothing_is_made() -> None:
    index = empty(DIM, 7)
    assert is_codebook(index)
    assert (lists_of(index).nlist, index.ntotal) == (1, 0)


def test_rows_that_differ_in_nothing_are_learned_from_all_the_same() -> None:
    same = np.repeat(unit(np.ones((1, DIM))), 100, axis=0)
    shard = ListShard.built(HalfShard.of(same), 4, 7)
    assert shard.nearest(same[:2], 5, effort=Effort(4, 8)).scores == pytest.approx(np.ones((2, 5)), abs=1e-3)
