"""Encoded queries under tokens: asked again without encoding, for a while, within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput, NotFound
from hearsee.core.modality import Modality
from hearsee.search import Answer, Searcher, open_library
from hearsee.search.fusion import EncodedPart
from hearsee.search.tokens import EncodedQuery, Tokens
from tests.search.shelf import DIM, fill, things


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    with open_library(fill(tmp_path_factory.mktemp("shelf") / "library", things(60))) as opened:
        yield opened


def listed(answer: Answer) -> list[tuple[str, float]]:
    return [(hit.item.uri, hit.score) for hit in answer.hits]


def encoded(words: str = "x") -> EncodedQuery:
    part = EncodedPart(Modality.TEXT, 1.0, False, np.ones(DIM, np.float32))
    return EncodedQuery((part,), ("text",), (words,), frozenset())


def test_other_weights_are_answered_as_if_asked_anew(searcher: Searcher) -> None:
    parts = {"text": ["two bells", "rain"], "like": "test:0", "without": "dogs", "wanted": "image,audio"}
    kept = searcher.search(**parts, keep=True)  # type: ignore[arg-type]
    weights = {"text": 0.5, "like": 3.0, "without": 0.25}
    again = searcher.search(token=kept.token, weights=weights, wanted="image,audio")
    assert listed(again) == listed(searcher.search(**parts, weights=weights))  # type: ignore[arg-type]
    assert listed(again) != listed(kept)
    assert listed(searcher.search(token=kept.token, wanted="image,audio")) == listed(kept)
    assert again.token == kept.token
    assert "test:0" not in dict(listed(again))  # what was asked with is still no answer


def test_nothing_is_encoded_again(tmp_path: Path) -> None:
    library, picture = fill(tmp_path / "library", things(9)), tmp_path / "picture.png"
    from PIL import Image

    Image.new("RGB", (8, 8), "red").save(picture)
    with open_library(library) as opened:
        kept = opened.search(image=picture, text="bell", wanted="text", keep=True)
        picture.unlink()  # whoever encodes it again must fail
        again = opened.search(token=kept.token, weights={"image": 2}, wanted="text", where={"colour": "red"}, k=2)
        assert {hit.item.metadata["colour"] for hit in again.hits} == {"red"}


def test_a_token_is_given_only_when_asked_for_and_is_not_guessed(searcher: Searcher) -> None:
    assert searcher.search(text="x").token is None
    tokens = {searcher.search(text="x", keep=True).token for _ in range(20)}
    assert len(tokens) == 20
    assert all(token is not None and len(token) >= 32 for token in tokens)


@pytest.mark.parametrize(
    ("question", "error", "said"),
    [
        ({"token": "x"}, NotFound, "15 minutes.*send the parts again"),
        ({"token": "x", "text": "bell"}, BadInput, "both a token and parts"),
        ({"token": "x", "without": "bell"}, BadInput, "both a token and parts"),
        ({"token": "x", "edit": "blue"}, BadInput, "both a token and parts"),
        ({"token": "x", "weights": {"text": float("nan")}}, BadInput, "weight of text is nan"),
        ({"token": "x", "weights": {"smell": 1}}, BadInput, "unknown part 'smell'"),
    ],
)
def test_bad_tokens_are_told_in_one_line(
    searcher: Searcher, question: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        searcher.search(**question)  # type: ignore[arg-type]


def test_a_weight_for_a_part_that_is_not_there_is_refused(searcher: Searcher) -> None:
    token = searcher.search(text="x", keep=True).token
    with pytest.raises(BadInput, match="weight for image, but the query has no such part"):
        searcher.search(token=token, weights={"image": 2})


def test_tokens_expire() -> None:
    now = [100.0]
    tokens = Tokens(seconds=60, clock=lambda: now[0])
    token = tokens.keep(encoded())
    assert token is not None
    now[0] = 159.9
    assert tokens.query(token).names == ("x",)
    now[0] = 160.0
    with pytest.raises(NotFound, match="kept for 1 minutes"):
        tokens.query(token)
    assert len(tokens) == 0


def test_the_oldest_make_room_when_there_are_too_many_or_too_much() -> None:
    tokens = Tokens(most=3)
    first, *rest = [tokens.keep(encoded(str(number))) or "" for number in range(4)]
    assert [tokens.query(token).names for token in rest] == [("1",), ("2",), ("3",)]
    with pytest.raises(NotFound):
        tokens.query(first)
    tight = Tokens(most_bytes=2 * encoded().bytes)
    for _ in range(10):
        tight.keep(encoded())
    assert len(tight) == 2
    assert tight.keep(encoded("long" * 100_000)) is None  # larger than all the room: none is dropped for it
    assert len(tight) == 2
