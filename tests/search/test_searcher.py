"""Searches through real libraries against a numpy oracle."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.errors import BadInput, NotFound, Refused
from hearsee.core.media import Limits, Span
from hearsee.core.modality import Modality
from hearsee.core.space import Head, Space, hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from hearsee.search import Hit, Searcher, open_library
from hearsee.search.fusion import EncodedPart
from hearsee.search.parts import PartEncoder
from hearsee.search.query import ask
from tests.search.shelf import DIM, Thing, directions, expected, fill, things, words

IMAGE, AUDIO, TEXT = Modality
SHELF = things(90)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("shelf") / "library", SHELF[:40], SHELF[40:])


@pytest.fixture
def searcher(folder: Path) -> Iterator[Searcher]:
    with open_library(folder) as opened:
        yield opened


def found(hits: Sequence[Hit]) -> list[str]:
    return [hit.item.uri for hit in hits]


def vector_of(**part: Any) -> Vectors:
    return PartEncoder(hash_space(), Limits()).encode(ask(**part).parts)[0]


@pytest.mark.parametrize("wanted", [(IMAGE,), (AUDIO,), (TEXT,), (IMAGE, AUDIO), tuple(Modality)])
@pytest.mark.parametrize("k", [1, 10, 10_000])
def test_hits_are_the_oracles(searcher: Searcher, wanted: tuple[Modality, ...], k: int) -> None:
    answer = searcher.search(text="two bells far away", wanted=wanted, k=k)
    want = expected(SHELF, vector_of(text="two bells far away"), wanted, k)
    assert found(answer.hits) == [uri for uri, _ in want]
    np.testing.assert_allclose([hit.score for hit in answer.hits], [score for _, score in want], atol=1e-5)
    assert [hit.rank for hit in answer.hits] == list(range(1, len(want) + 1))


def test_a_hit_carries_its_item_and_where_in_it(searcher: Searcher) -> None:
    thing = next(thing for thing in SHELF if len(thing.vectors) == 4)
    hit = searcher.nearest(thing.vectors[2:3], wanted="audio", k=1)[0][0]
    assert (hit.item.uri, hit.span, hit.metadata) == (thing.uri, Span(2, 3, "seconds"), thing.metadata)
    assert hit.item.caption == f"about {thing.uri}"
    assert hit.score == pytest.approx(1, abs=1e-5)
    assert searcher.nearest(SHELF[0].vectors, wanted="image", k=1)[0][0].span is None


def test_many_vectors_answer_as_one_by_one(searcher: Searcher) -> None:
    asked = directions(np.random.default_rng(5), 20)
    together = searcher.nearest(asked, wanted=["audio", "text"], k=7)
    assert together == [searcher.nearest(row[None], wanted=["audio", "text"], k=7)[0] for row in asked]
    for hits, row in zip(together, asked, strict=True):
        assert found(hits) == [uri for uri, _ in expected(SHELF, row, (AUDIO, TEXT), 7)]
    assert searcher.nearest(np.empty((0, DIM)), k=3) == []


def test_weights_and_negatives_steer_as_the_formula_says(searcher: Searcher) -> None:
    a, b, n = (vector_of(text=text).astype(np.float64) for text in ("bell", "far", "rain"))
    z = (a + b) / np.linalg.norm(a + b) - 1.25 * 1.5 * n
    weights = {"text": 3, "without": 1.5}
    answer = searcher.search(text=["bell", "far"], without="rain", weights=weights, wanted="image", k=20)
    want = expected(SHELF, z / np.linalg.norm(z), (IMAGE,), 20)
    assert found(answer.hits) == [uri for uri, _ in want]
    np.testing.assert_allclose([hit.score for hit in answer.hits], [score for _, score in want], atol=1e-5)


def test_an_edit_turns_the_parts_that_are_sought(searcher: Searcher) -> None:
    a, e, n = (vector_of(text=text).astype(np.float64) for text in ("bell", "blue", "rain"))
    z = a + 0.5 * e
    z = z / np.linalg.norm(z) - 1.25 * n
    asked: dict[str, Any] = {"text": "bell", "edit": "blue", "without": "rain", "wanted": "image", "k": 20}
    answer = searcher.search(**asked, weights={"edit": 0.5}, keep=True)
    want = expected(SHELF, z / np.linalg.norm(z), (IMAGE,), 20)
    assert found(answer.hits) == [uri for uri, _ in want]
    assert "; edited by adding the words, since this space has learned nothing better" in answer.plan.words
    assert found(searcher.search(token=answer.token, wanted="image", k=20).hits) == found(answer.hits)
    assert found(searcher.search(**asked).hits) != found(answer.hits)
    explained = searcher.search(**asked, explain=True).hits[0].explanation
    assert explained is not None
    assert [(part.part, part.edit, part.negative) for part in explained.parts] == [
        ("text 'bell'", False, False), ("edit 'blue'", True, False), ("without text 'rain'", False, True),
    ]  # fmt: skip
    assert explained.parts[0].rank_without is None  # an edit and what is steered away from ask for nothing


def test_several_edits_are_one_change_in_any_order(searcher: Searcher) -> None:
    one, other = (searcher.search(text="bell", edit=edits, k=20).hits for edits in (["blue", "far"], ["far", "blue"]))
    assert [(hit.item.uri, hit.score) for hit in one] == [(hit.item.uri, hit.score) for hit in other]


def test_like_asks_with_the_stored_vectors_and_leaves_the_item_out(searcher: Searcher) -> None:
    thing = next(thing for thing in SHELF if len(thing.vectors) == 3)  # a sound of three windows
    item = searcher.library.catalog.by_uri(thing.uri)
    assert item is not None
    target = unit(unit(thing.vectors).mean(axis=0, keepdims=True))[0]
    want = [uri for uri, _ in expected(SHELF, target, (AUDIO,), 6, lambda other: other.uri != thing.uri)]
    for name in (item.id, np.int64(item.id), str(item.id), thing.uri):
        answer = searcher.search(like=name, wanted="audio", k=6)
        assert found(answer.hits) == want
    assert answer.plan.left_out == 1
    near, far = [thing.uri, SHELF[0].uri], SHELF[1].uri
    everything = searcher.search(like=near, without={"like": far}, wanted=tuple(Modality), k=10_000)
    assert set(found(everything.hits)) == {t.uri for t in SHELF} - {*near, far}


@pytest.mark.parametrize(
    "name", ["test:9999", 9999, "9999", -1, 0, 10**30, "9" * 5000, "nowhere.png", "a\0b", "\ud800"]
)
def test_like_an_unknown_item_says_so(searcher: Searcher, name: Any) -> None:
    with pytest.raises(NotFound, match="like: no item") as error:
        searcher.search(like=name)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("where", "keep"),
    [
        ({"colour": "red"}, lambda m: m["colour"] == "red"),
        (
            {"count": {"$gte": 3}, "colour": {"$in": ["red", "blue"]}},
            lambda m: m["count"] >= 3 and m["colour"] != "green",
        ),
        ({"$not": {"in.side": 1}}, lambda m: m["in"]["side"] == 0),
        ({"colour": {"$prefix": "gr"}}, lambda m: m["colour"] == "green"),
        ({"missing": {"$exists": True}}, lambda _: False),
    ],
)
@pytest.mark.parametrize("k", [1, 5, 1000])
def test_no_hit_is_lost_to_a_filter(searcher: Searcher, where: dict[str, Any], keep: Any, k: int) -> None:
    answer = searcher.search(text="a red bird", where=where, wanted=["image", "audio"], k=k)
    kept = [thing for thing in SHELF if keep(thing.metadata) and thing.modality is not TEXT]
    assert found(answer.hits) == [uri for uri, _ in expected(kept, vector_of(text="a red bird"), (IMAGE, AUDIO), k)]
    assert answer.plan.allowed == len(kept)
    assert f"the filter allows {len(kept)} of 60 items" in answer.plan.words


def test_the_plan_says_what_was_searched_and_how_long_it_took(searcher: Searcher) -> None:
    answer = searcher.search(text="x", k=3)
    assert answer.plan.words == "exact search over 30 pictures and 30 sounds"
    assert answer.plan.exact
    assert answer.generation == searcher.library.info.generation
    stages = [answer.timings[name] for name in ("encode_ms", "filter_ms", "search_ms", "fetch_ms")]
    assert all(stage >= 0 for stage in stages)
    assert sum(stages) <= answer.timings["total_ms"]


def test_pictures_and_sounds_are_wanted_unless_there_are_only_texts(searcher: Searcher, tmp_path: Path) -> None:
    assert searcher.search(text="x").plan.wanted == (IMAGE, AUDIO)
    texts = fill(tmp_path / "texts", [words("a bell", "test:bell"), words("some rain", "test:rain")])
    with open_library(texts) as opened:
        answer = opened.search(text="a bell")
        assert found(answer.hits) == ["test:bell", "test:rain"]
        assert answer.hits[0].score == pytest.approx(1, abs=1e-3)  # the same words, the same vector
        assert opened.search(text="a bell", wanted="image").hits == []
        assert opened.search(text="a bell", wanted="image").plan.words == "exact search over 0 pictures"


def test_equal_scores_come_by_item_id_over_all_modalities(tmp_path: Path) -> None:
    same = directions(np.random.default_rng(0), 1)
    shelf = [Thing(f"test:{i}", list(Modality)[i % 3], same) for i in range(9)]
    with open_library(fill(tmp_path / "same", shelf[:5], shelf[5:])) as opened:
        for k in (1, 4, 9):
            hits = opened.nearest(same, wanted=["text", "audio", "image"], k=k)[0]
            assert found(hits) == [thing.uri for thing in shelf][:k]


def test_an_empty_library_has_no_hits(tmp_path: Path) -> None:
    with open_library(fill(tmp_path / "empty")) as opened:
        assert opened.search(text="x").hits == []
        assert opened.nearest(directions(np.random.default_rng(0), 2)) == [[], []]


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.full((1, DIM), np.nan), "not a number"),
        (np.full((1, DIM), np.inf), "infinite"),
        (np.zeros((1, DIM)), "no direction"),
        (np.ones((1, DIM + 1)), "17 dimensions: space hash has 16"),
        (np.ones(DIM), "two dimensions"),
        ([["a"]], "must be numbers"),
    ],
)
def test_vectors_that_point_nowhere_are_refused(searcher: Searcher, vectors: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        searcher.nearest(vectors)


def test_a_library_of_another_space_is_refused_with_both_names(folder: Path) -> None:
    other = Space("sixteen", DIM, hash_space().towers, {TEXT: Head(np.eye(DIM, dtype=np.float32))})
    with pytest.raises(Refused, match=r"'hash'.*'sixteen'"):
        open_library(folder, space=other)
    with pytest.raises(NotFound, match="no space is named 'nowhere'"):
        open_library(folder, space="nowhere")
    with pytest.raises(NotFound, match="hearsee index"):
        open_library(folder.parent / "nothing")


class TowardsWanted:
    """A fusion that looks at what is wanted: the last part for pictures, the first for all else."""

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return parts[-1 if wanted is IMAGE else 0].vector


def test_fusion_may_aim_at_each_wanted_modality_by_itself(folder: Path) -> None:
    with Library.open(folder) as library:
        searcher = Searcher(library, fusion=TowardsWanted())
        answer = searcher.search(text=["bell", "rain"], wanted=["image", "audio"], k=1000)
    want = expected(SHELF, vector_of(text="rain"), (IMAGE,), 99) + expected(SHELF, vector_of(text="bell"), (AUDIO,), 99)
    assert found(answer.hits) == [uri for uri, _ in sorted(want, key=lambda pair: -pair[1])]


def test_a_commit_is_seen_by_the_next_search(tmp_path: Path) -> None:
    home = fill(tmp_path / "library", SHELF[:6])
    new, asked = SHELF[6], SHELF[6].vectors
    with open_library(home) as opened:
        assert new.uri not in found(opened.nearest(asked, wanted="image", k=99)[0])
        fill(home, [new])
        assert found(opened.nearest(asked, wanted="image", k=1)[0]) == [new.uri]
        assert opened.search(like=new.uri, wanted="image", k=99).generation == opened.library.info.generation
        with Writer.open(home, space=hash_space()) as writer:
            writer.remove([new.uri])
        assert new.uri not in found(opened.nearest(asked, wanted="image", k=99)[0])


def test_an_item_removed_between_search_and_look_up_is_replaced(tmp_path: Path) -> None:
    """Removals race with searches from several threads: never a gone item once its removal was answered for."""
    home = fill(tmp_path / "library", SHELF)
    asked = unit(directions(np.random.default_rng(3), 1))
    gone: set[str] = set()
    wrong: list[str] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            already = set(gone)
            hits = opened.nearest(asked, wanted=tuple(Modality), k=10)[0]
            by_oracle = dict(every)
            if len(hits) != 10 or set(found(hits)) & already:
                wrong.append(f"{len(hits)} hits, {set(found(hits)) & already} are gone")
            wrong.extend(hit.item.uri for hit in hits if abs(hit.score - by_oracle[hit.item.uri]) > 1e-5)

    every = expected(SHELF, asked[0], tuple(Modality), len(SHELF))
    with open_library(home) as opened:
        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        with Writer.open(home, space=hash_space()) as writer:
            for uri, _ in every[:40]:
                writer.remove([uri])
                gone.add(uri)
            writer.compact()
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:5]


def test_threads_that_share_a_searcher_get_the_same_answers(searcher: Searcher) -> None:
    texts = [f"thing {i % 7}" for i in range(40)]
    alone = [found(searcher.search(text=text, k=5).hits) for text in texts]
    together: list[Any] = [None] * len(texts)

    def ask_one(at: int) -> None:
        together[at] = found(searcher.search(text=texts[at], k=5).hits)

    threads = [threading.Thread(target=ask_one, args=(at,)) for at in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_an_updated_item_keeps_its_id_and_answers_with_its_new_vectors(tmp_path: Path) -> None:
    home = fill(tmp_path / "library", SHELF[:9])
    with open_library(home) as opened:
        before = opened.library.catalog.by_uri(SHELF[0].uri)
        turned = Thing(SHELF[0].uri, IMAGE, -SHELF[0].vectors, {"colour": "gone"})
        with Writer.open(home, space=hash_space()) as writer:
            writer.commit(Batch([turned.add()]))
        hit = opened.nearest(-SHELF[0].vectors, wanted="image", k=1)[0][0]
        assert before is not None
        assert (hit.item.id, hit.item.uri, hit.metadata) == (before.id, turned.uri, {"colour": "gone"})
        assert hit.score == pytest.approx(1, abs=1e-5)
