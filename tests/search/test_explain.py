"""Explanations: shares that add up, attention that is the fusion's, ranks that a search without the part gives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsee.core.errors import BadMedia
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.search import Searcher, open_library
from hearsee.search.explain import contributions, exactly, explain
from hearsee.search.fusion import EncodedPart, Fusion, MeanFusion, SlerpFusion
from tests.search.shelf import directions, fill, things

IMAGE, AUDIO, TEXT = Modality
SHELF = things(90)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    with open_library(fill(tmp_path_factory.mktemp("shelf") / "library", SHELF)) as opened:
        yield opened


QUESTION = {
    "text": ["two bells", "far"],
    "like": "test:3",
    "weights": {"text": 3},
    "wanted": "image,audio,text",
    "k": 20,
}


@pytest.mark.parametrize("without", [None, "dogs", ["dogs", "rain"]])
def test_shares_add_up_to_the_score_to_the_last_digit(searcher: Searcher, without: object) -> None:
    hits = searcher.search(**QUESTION, without=without, explain=True).hits  # type: ignore[arg-type]
    assert len(hits) == 20
    for hit in hits:
        assert hit.explanation is not None
        assert math.fsum(part.share for part in hit.explanation.parts) == hit.score
        assert all(math.isfinite(part.share) for part in hit.explanation.parts)


def test_attention_and_shares_are_those_of_the_formula(searcher: Searcher) -> None:
    """With a mean: attention is weight / Σ weights, a share is that times the part's cosine over the length."""
    for hit in searcher.search(**QUESTION, explain=True).hits:  # type: ignore[arg-type]
        assert hit.explanation is not None
        parts = hit.explanation.parts
        assert [part.part for part in parts] == ["text 'two bells'", "text 'far'", "like 'test:3'"]
        assert [part.attention for part in parts] == pytest.approx([3 / 7, 3 / 7, 1 / 7], abs=1e-5)
        pulls = [part.attention * part.cosine for part in parts]
        assert [part.share / hit.score for part in parts] == pytest.approx([p / sum(pulls) for p in pulls], abs=1e-4)


def test_the_rank_without_a_part_is_that_of_the_search_without_it(searcher: Searcher) -> None:
    asked = {"text": "two bells", "like": "test:3", "wanted": "image,audio"}
    rest = {"text": {"like": "test:3"}, "like": {"text": "two bells"}}
    ranks = {
        out: {hit.item.uri: hit.rank for hit in searcher.search(**left, wanted="image,audio", k=90).hits}  # type: ignore[arg-type]
        for out, left in rest.items()
    }
    ranks["like"] = {uri: at for at, uri in enumerate((u for u in ranks["like"] if u != "test:3"), 1)}
    for hit in searcher.search(**asked, explain=True).hits:  # type: ignore[arg-type]
        assert hit.explanation is not None
        words, item = hit.explanation.parts
        assert words.rank_without == ranks["text"][hit.item.uri]
        assert item.rank_without == ranks["like"][hit.item.uri]  # test:3 stays left out: it was asked with


def test_one_part_alone_has_it_all_and_no_rank_without(searcher: Searcher) -> None:
    hit = searcher.search(text="two bells", wanted="audio", explain=True).hits[0]
    assert hit.explanation is not None
    (part,) = hit.explanation.parts
    assert part.attention == pytest.approx(1)
    assert part.share == hit.score
    assert part.rank_without is None
    steered = searcher.search(text="two bells", without="rain", wanted="audio", explain=True).hits[0].explanation
    assert steered is not None
    assert steered.parts[0].rank_without is None  # only "without rain" would be left
    assert steered.parts[1].negative
    assert steered.parts[1].attention < 0
    assert steered.parts[1].rank_without is not None


def test_nothing_is_explained_unless_asked(searcher: Searcher) -> None:
    assert searcher.search(text="bell").hits[0].explanation is None


def test_a_filter_holds_for_the_ranks_too(searcher: Searcher) -> None:
    asked = {"text": ["bell", "rain"], "wanted": "image", "where": {"colour": "red"}, "k": 10}
    for hit in searcher.search(**asked, explain=True).hits:  # type: ignore[arg-type]
        assert hit.explanation is not None
        assert all(1 <= (part.rank_without or 0) <= 10 for part in hit.explanation.parts)  # ten pictures are red


class Silent:
    """A fusion that does not say what each part adds."""

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return MeanFusion().fuse(parts, wanted)


@pytest.mark.parametrize("fusion", [MeanFusion(), SlerpFusion(), Silent()])
@given(seed=st.integers(0, 10_000), positive=st.integers(1, 6), negative=st.integers(0, 2))
def test_any_target_is_shared_out_whole(fusion: Fusion, seed: int, positive: int, negative: int) -> None:
    rng = np.random.default_rng(seed)
    rows = directions(rng, positive + negative + 1)
    rows[1:positive] = rows[0] if seed % 5 == 0 else rows[1:positive]  # the same part several times
    parts = [EncodedPart(TEXT, float(rng.uniform(0.1, 9)), at >= positive, rows[at]) for at in range(len(rows) - 1)]
    target = fusion.fuse(parts, IMAGE)
    made = contributions(parts, IMAGE, fusion)
    np.testing.assert_allclose(made.added.sum(axis=0), target, atol=1e-6)
    points = directions(rng, 3)
    score = float((points / np.linalg.norm(points, axis=1, keepdims=True) @ target).max())
    found = explain(parts, [""] * len(parts), made, score, points, {}, 100)
    assert found is not None
    assert math.fsum(part.share for part in found.parts) == score


def test_a_score_that_is_no_cosine_is_not_explained_away() -> None:
    assert exactly([0.1, 0.2], 0.5) is None
    assert exactly([0.1, float("nan")], 0.1) is None
    shares = exactly([0.1, 0.2], 0.30001)
    assert shares is not None
    assert math.fsum(shares) == 0.30001
    assert shares[0] == 0.1


def test_a_bad_part_is_named_and_left_out_only_when_told_to(searcher: Searcher, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(BadMedia, match=r"broken\.png"):
        searcher.search(text="bell", image=broken, wanted="image")
    answer = searcher.search(text="bell", image=[broken, tmp_path / "gone.png"], wanted="image", skip_bad_parts=True)
    assert [hit.item.uri for hit in answer.hits] == [
        hit.item.uri for hit in searcher.search(text="bell", wanted="image").hits
    ]
    assert len(answer.skipped) == 2
    assert "broken.png" in answer.skipped[0]
    assert "gone.png" in answer.skipped[1]
    with pytest.raises(BadMedia, match=r"no part of the query could be read: .*broken\.png"):
        searcher.search(image=broken, without="rain", wanted="image", skip_bad_parts=True)
