"""Filters that are asked again: never an answer of before a commit, never that of another filter."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.where import parse_where
from hearsee.indexer.batch import Add, Batch, Beside
from hearsee.indexer.gallery import Source
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.writer import Writer
from hearsee.search import Searcher, open_library
from hearsee.search.allowed import MOST_FILTERS, Filters
from tests.search.shelf import DIM, Thing, directions, fill, things

IMAGE, AUDIO, TEXT = Modality
ASKED = directions(np.random.default_rng(1), 1)


def uris(searcher: Searcher, where: dict[str, Any], wanted: str = "image") -> set[str]:
    return {hit.item.uri for hit in searcher.nearest(ASKED, wanted, 100, where)[0]}


def picture(uri: str, **about: Any) -> Thing:
    return Thing(uri, IMAGE, directions(np.random.default_rng(len(uri)), 1), about)


def test_a_filter_that_was_asked_before_sees_every_commit(tmp_path: Path) -> None:
    home = fill(tmp_path / "library", [picture("a", year=2001), picture("bb", year=1999)])
    recent = {"year": {"$gte": 2000}}
    with open_library(home) as opened:
        assert [uris(opened, recent) for _ in range(3)] == [{"a"}] * 3
        fill(home, [picture("ccc", year=2020), picture("bb", year=2010)])
        assert [uris(opened, recent) for _ in range(3)] == [{"a", "bb", "ccc"}] * 3
        with Writer.open(home, space=hash_space()) as writer:
            writer.remove(["a"])
        assert [uris(opened, recent) for _ in range(3)] == [{"bb", "ccc"}] * 3


def test_a_number_and_a_truth_are_two_filters(tmp_path: Path) -> None:
    home = fill(tmp_path / "library", [picture("number", x=1), picture("truth!", x=True)])
    with open_library(home) as opened:
        for _ in range(2):
            assert uris(opened, {"x": 1}) == {"number"}
            assert uris(opened, {"x": True}) == {"truth!"}


def test_a_filter_finds_what_it_finds_for_any_wanted_kind(tmp_path: Path) -> None:
    shelf = things(30)
    with open_library(fill(tmp_path / "library", shelf)) as opened:
        for wanted in ("image", "audio", "image,audio", "audio,image", "text"):
            kinds = wanted.split(",")
            kept = {one.uri for one in shelf if one.modality.value in kinds and one.metadata["colour"] == "red"}
            assert uris(opened, {"colour": "red"}, wanted) == kept
            answer = opened.search(text="x", where={"colour": "red"}, wanted=wanted)
            assert answer.plan.allowed == len(kept)


def test_a_film_that_a_filter_lets_through_is_found_by_its_sound(tmp_path: Path) -> None:
    """As it is without a filter."""
    rows = directions(np.random.default_rng(0), 2)
    film = Add(
        "film", IMAGE, hashlib.sha256(b"film").hexdigest(), 1, "test:", rows[:1], [None],
        metadata={"year": 2001}, beside=Beside(AUDIO, rows[1:], [None]),
    )  # fmt: skip
    with Writer.open(tmp_path / "library", space=hash_space()) as writer:
        writer.commit(Batch([film]))
    with open_library(tmp_path / "library") as opened:
        assert uris(opened, {}, "audio") == {"film"}
        assert uris(opened, {"year": 2001}, "audio") == {"film"}
        assert uris(opened, {"year": 2002}, "audio") == set()


def test_what_is_kept_is_bounded_and_of_one_generation(tmp_path: Path) -> None:
    home = fill(tmp_path / "library", things(6))
    with open_library(home) as opened:
        snapshot, filters = opened.library.snapshot(), Filters(opened.library.catalog)
        wheres = [parse_where({"count": {"$gte": number}}) for number in range(MOST_FILTERS + 5)]
        for where in wheres:
            filters.keep(where, [IMAGE], filters.allowed(where, snapshot, [IMAGE]), snapshot.generation)
        assert len(filters._kept) == MOST_FILTERS
        last = filters.allowed(wheres[-1], snapshot, [IMAGE])
        assert filters.allowed(wheres[-1], snapshot, [IMAGE]) is last
        with pytest.raises(ValueError, match="read-only"):
            filters.allowed(wheres[0], snapshot, [IMAGE])[:] = 7
        filters.keep(wheres[0], [IMAGE], np.array([99]), snapshot.generation - 1)  # of before: not kept
        assert 99 not in filters.allowed(wheres[0], snapshot, [IMAGE])


def test_items_that_nobody_can_change_have_the_same_rows() -> None:
    rng = np.random.default_rng(0)
    source = Source(FlatShard.of(directions(rng, 50)), np.arange(50), rng.integers(0, 20, 50), rng.random(50) < 0.8)
    for _ in range(2):
        for chosen in (np.array([3, 4, 9]), np.array([5]), np.arange(20)):
            fixed = chosen.copy()
            fixed.flags.writeable = False
            mine, theirs = source.among(fixed), source.among(chosen)
            assert mine is not None
            assert theirs is not None
            assert mine.bitmap.tolist() == theirs.bitmap.tolist()
            assert source.among(fixed) is mine


def test_who_asks_is_one_of_the_modalities(tmp_path: Path) -> None:
    with open_library(fill(tmp_path / "library", things(9))) as opened:
        plain = opened.nearest(ASKED, "image", 3)
        assert opened.nearest(ASKED, "image", 3, asking="text") == plain  # exact search looks at everything
        with pytest.raises(BadInput, match="unknown modality 'smell'"):
            opened.nearest(ASKED, "image", 3, asking="smell")
        assert ASKED.shape == (1, DIM)
