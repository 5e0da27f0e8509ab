"""Ways to fuse by name: merged lists against an oracle, and what a question may name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.choices import FILE, Choice, Choices, packed_choices
from hearsee.search import Answer, Searcher, open_library
from hearsee.search.fusion import EncodedPart, LateFusion, MeanFusion, merges
from tests.search.shelf import DIM, Thing, fill, things

IMAGE, AUDIO, TEXT = Modality
SHELF = things(90)
PARTS = ("test:0", "test:1")  # a picture and a sound


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("late") / "library", SHELF)


@pytest.fixture
def searcher(folder: Path) -> Iterator[Searcher]:
    with open_library(folder) as opened:
        yield opened


def names(answer: Answer) -> list[str]:
    return [hit.item.uri for hit in answer.hits]


def cosine(thing: Thing, target: Vectors) -> float:
    return float((unit(thing.vectors).astype(np.float64) @ target).max())


def vector_of(uri: str) -> Vectors:
    rows = next(thing.vectors for thing in SHELF if thing.uri == uri)
    mean: Vectors = unit(unit(rows).mean(axis=0, keepdims=True))[0]
    return mean


def expected(wanted: tuple[Modality, ...], weights: tuple[float, ...]) -> list[str]:
    """Each part's own ranking of each kind, merged by reciprocal rank."""
    earned: dict[str, float] = {}
    for modality in wanted:
        shelf = [thing for thing in SHELF if thing.modality is modality and thing.uri not in PARTS]
        for part, weight in zip(PARTS, weights, strict=True):
            ranked = sorted(shelf, key=lambda thing: -cosine(thing, vector_of(part)))
            for rank, thing in enumerate(ranked, 1):
                earned[thing.uri] = earned.get(thing.uri, 0) + weight / (60 + rank)
    return sorted(earned, key=lambda uri: (-earned[uri], int(uri.partition(":")[2])))


@pytest.mark.parametrize("wanted", [(IMAGE,), (AUDIO,), (IMAGE, TEXT)])
def test_late_merges_the_lists_of_the_parts(searcher: Searcher, wanted: tuple[Modality, ...]) -> None:
    answer = searcher.search(like=list(PARTS), wanted=wanted, k=12, fusion="late", explain=True)
    assert names(answer) == expected(wanted, (1, 1))[:12]
    mean = {hit.item.uri: hit.score for hit in searcher.search(like=list(PARTS), wanted=wanted, k=90).hits}
    for hit in answer.hits:
        assert hit.score == pytest.approx(mean[hit.item.uri], abs=1e-6)  # without choices the library takes the mean
        assert hit.explanation is not None
        assert sum(part.share for part in hit.explanation.parts) == pytest.approx(hit.score)
    assert "2 lists merged by reciprocal rank" in answer.plan.words


def test_weights_count_and_one_part_is_one_list(searcher: Searcher) -> None:
    kept = searcher.search(text=["a", "b"], image=None, wanted="image", keep=True, fusion="late")
    assert names(kept) != names(searcher.search(text=["a", "b"], wanted="image", fusion="mean"))
    alone = searcher.search(text="a", wanted="image", fusion="late")
    assert names(alone) == names(searcher.search(text="a", wanted="image"))
    assert "merged" not in alone.plan.words
    negative = searcher.search(text=["a", "b"], without="c", wanted="image", fusion="late")
    assert names(negative) != names(kept)


def test_a_library_may_choose_to_merge(folder: Path) -> None:
    """Where validation says so, a search does it unasked."""
    row = Choice((IMAGE, AUDIO), IMAGE, "late", {IMAGE: 0.7, AUDIO: 0.3}, {"late": 0.9})
    (folder / FILE).write_bytes(packed_choices(Choices(hash_space().fingerprint, 1, (row,))))
    try:
        with open_library(folder) as searcher:
            chosen = searcher.search(like=list(PARTS), wanted="image")
            assert names(chosen) == expected((IMAGE,), (1, 1))[:10]
            assert "merged" not in searcher.search(like=list(PARTS), wanted="audio").plan.words
            both = searcher.search(like=list(PARTS), wanted="image,audio", k=30)
            assert len(set(names(both))) == 30
            fixed = searcher.search(like=list(PARTS), wanted="image", fusion="fixed", explain=True)
            told = fixed.hits[0].explanation
            assert told is not None
            assert [part.attention for part in told.parts] == pytest.approx([0.7, 0.3])
    finally:
        (folder / FILE).unlink()


def test_names_that_mean_nothing_here_are_told(searcher: Searcher) -> None:
    for name, said in {
        "best": "use one of mean, fixed",
        "fixed": "hearsee eval",
        "dot": "not learned in space hash",
    }.items():
        with pytest.raises(BadInput, match=said):
            searcher.search(text=["a", "b"], fusion=name)
    assert names(searcher.search(text=["a", "b"], fusion="slerp")) == names(searcher.search(text=["a", "b"]))


def test_only_several_positive_parts_are_merged() -> None:
    part = EncodedPart(TEXT, 1.0, False, np.eye(DIM, dtype=np.float32)[0])
    away = EncodedPart(TEXT, 1.0, True, np.eye(DIM, dtype=np.float32)[1])
    assert merges(LateFusion(), [part, part], IMAGE)
    assert not merges(LateFusion(), [part, away], IMAGE)
    assert not merges(MeanFusion(), [part, part], IMAGE)
