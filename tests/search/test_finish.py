"""Words beside vectors, folded duplicates and diversity, through real libraries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import unit
from hearsee.indexer.batch import Batch
from hearsee.indexer.writer import Writer
from hearsee.search import Answer, Searcher, open_library
from hearsee.search.calibration.fit import calibrate
from hearsee.search.calibration.stored import save_calibration
from tests.search.shelf import Thing, directions, fill, things
from tests.search.worlds import clustered

IMAGE, AUDIO, TEXT = Modality
ASKED = "IMG_2041"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 things that know nothing of the question, and a few whose names and captions do."""
    home = tmp_path_factory.mktemp("finish") / "library"
    rng = np.random.default_rng(2)
    named = [
        Thing("file:///w/IMG_2041.png", IMAGE, directions(rng, 1), {"album": "a"}),
        Thing("file:///w/IMG_2041.wav", AUDIO, directions(rng, 3), {"album": "b"}),
        Thing("file:///w/IMG_2042.png", IMAGE, directions(rng, 1), {"album": "a"}),
    ]
    with Writer.open(home, space=hash_space()) as writer:
        writer.commit(Batch([thing.add() for thing in (*things(400), *named)]))
    return home


@pytest.fixture
def searcher(folder: Path) -> Iterator[Searcher]:
    with open_library(folder) as opened:
        yield opened


def names(answer: Answer) -> list[str]:
    return [hit.item.uri.rpartition("/")[2] for hit in answer.hits]


def test_an_exact_name_comes_first_where_vectors_miss_it(searcher: Searcher) -> None:
    plain = searcher.search(text=ASKED, k=10, lexical=False)
    assert "IMG_2041.png" not in names(plain)
    mixed = searcher.search(text=ASKED, k=10, lexical=True)
    assert set(names(mixed)[:2]) == {"IMG_2041.png", "IMG_2041.wav"}
    assert [hit.words for hit in mixed.hits[:3]] == [("img 2041",), ("img 2041",), ()]
    assert names(mixed)[2:] == names(plain)[:8]  # the others stay in their order
    assert [hit.rank for hit in mixed.hits] == list(range(1, 11))
    assert "2 of the best hold its words" in mixed.plan.words


@pytest.mark.parametrize("text", [ASKED, "the owl of img_2041, please", "img 2041 img_2041.png"])
def test_an_exact_name_comes_first_without_being_asked_for(searcher: Searcher, text: str) -> None:
    plain = searcher.search(text=text, k=10, lexical=False)
    answer = searcher.search(text=text, k=10)
    assert names(answer)[0].startswith("IMG_2041.")
    rest = [name for name in names(answer) if not name.startswith("IMG_2041.")]
    assert rest == [name for name in names(plain) if not name.startswith("IMG_2041.")][: len(rest)]
    assert "exact words: " in answer.plan.words


@pytest.mark.parametrize("text", ["about", "2 bells", "no_such_name.png", "test about 399 things e.g."])
def test_other_words_are_left_to_the_vectors(text: str, searcher: Searcher) -> None:
    """Captions here say "about test:399": only a number that few hold is a name."""
    plain, answer = (searcher.search(text=text, k=10, lexical=lexical) for lexical in (False, None))
    rest = [name for name in names(answer) if name != "test:399"]
    assert rest == names(plain)[: len(rest)]
    assert [hit.words for hit in answer.hits if hit.item.uri == "test:399"] == ([("399",)] if "399" in text else [])


def test_what_only_words_found_has_no_chance(tmp_path: Path) -> None:
    """Nobody judged how near it is; that it holds the name is certain, so it stays and something is close."""
    named = Thing("file:///w/IMG_2041.png", IMAGE, -clustered(1)[0].vectors)
    home = fill(tmp_path / "library", [*clustered(60), named])
    with open_library(home) as searcher:
        calibration = calibrate(searcher)
    with Writer.open(home, space=hash_space()) as writer:
        save_calibration(writer, calibration)
    with open_library(home) as searcher:
        few = searcher.search(text=ASKED, wanted="image", k=3)
        assert [hit.chance is None for hit in few.hits] == [True, False, False]
        assert (few.hits[0].words, few.nothing_close) == (("img 2041",), False)
        sure = searcher.search(text=ASKED, wanted="image", k=3, min_chance=1.0)
        assert (names(sure), sure.nothing_close) == (["IMG_2041.png"], False)
        every = searcher.search(text=ASKED, wanted="image", k=61)
        assert names(every)[0] == "IMG_2041.png"
        assert all(hit.chance is not None for hit in every.hits)  # now vectors found it, too


def test_scores_stay_cosines_and_spans_are_of_the_best_window(searcher: Searcher) -> None:
    every = {hit.item.uri: hit for hit in searcher.search(text=ASKED, k=10_000).hits}
    for hit in searcher.search(text=ASKED, k=10, lexical=True).hits:
        plain = every[hit.item.uri]
        assert (hit.score, hit.span, hit.item) == (plain.score, plain.span, plain.item)


def test_words_ask_for_what_is_wanted_and_let_through(searcher: Searcher) -> None:
    assert names(searcher.search(text=ASKED, wanted="audio", k=1, lexical=True)) == ["IMG_2041.wav"]
    assert names(searcher.search(text=ASKED, where={"album": "b"}, lexical=True)) == ["IMG_2041.wav"]
    assert names(searcher.search(text=ASKED, where={"album": "a"}, lexical=True)) == ["IMG_2041.png", "IMG_2042.png"]
    assert names(searcher.search(text=ASKED, where={"album": "c"}, lexical=True)) == []
    beside = searcher.search(text=ASKED, like="file:///w/IMG_2041.png", k=2, lexical=True)
    assert names(beside)[0] == "IMG_2041.wav"  # what is asked with is no answer
    assert "IMG_2041.png" not in names(beside)


def test_without_words_or_their_items_the_answer_is_that_of_vectors(searcher: Searcher) -> None:
    questions: list[dict[str, Any]] = [{"text": "no such word at all"}, {"like": "test:3"}, {"text": '"" * ( '}]
    for question in questions:
        plain, mixed = (searcher.search(**question, k=20, lexical=lexical) for lexical in (False, True))
        assert names(plain) == names(mixed)
        assert [hit.words for hit in mixed.hits] == [()] * 20
    steered = searcher.search(text="owl", without=ASKED, k=5, lexical=True)
    assert all(not hit.words for hit in steered.hits)  # what is steered away from is not looked for


def test_kept_words_are_looked_for_again(searcher: Searcher) -> None:
    kept = searcher.search(text=ASKED, keep=True, k=3, lexical=False)
    assert names(searcher.search(token=kept.token, k=3, lexical=True))[0].startswith("IMG_2041")


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five directions from near to far, each with twins: two near ones of its kind, and a sound like it."""
    home = tmp_path_factory.mktemp("doubled") / "library"
    rng = np.random.default_rng(4)
    adds = []
    for number, base in enumerate(directions(rng, 5)):
        for twin in range(3):
            close = unit(base[None] + 0.01 * twin * directions(rng, 1))
            adds.append(Thing(f"test:{number}-{twin}", IMAGE, close).add())
        adds.append(Thing(f"test:{number}-sound", AUDIO, base[None]).add())
    adds.append(replace(Thing("test:copy", IMAGE, directions(rng, 1)).add(), content=adds[0].content))
    with Writer.open(home, space=hash_space()) as writer:
        writer.commit(Batch(adds))
    return home


def test_duplicates_become_one_hit_that_lists_them(doubled: Path) -> None:
    with open_library(doubled) as searcher:
        plain = names(searcher.search(text="a", wanted="image", k=16))
        answer = searcher.search(text="a", wanted="image", k=5, fold_duplicates=True)
        assert names(answer) == [name for at, name in enumerate(plain) if at == first(plain, name)]
        for hit in answer.hits:
            family = {name for name in plain if kin(name) == kin(hit.item.uri)}
            assert {item.uri for item in hit.stands_for} == family - {hit.item.uri}
        both = searcher.search(text="a", wanted="image,audio", k=20, fold_duplicates=0.95)
        assert {hit.item.modality for hit in both.hits} == {IMAGE, AUDIO}  # a sound is no copy of a picture
        assert len(both.hits) == 10
        assert all(not hit.stands_for for hit in searcher.search(text="a", k=5).hits)


def first(names: list[str], name: str) -> int:
    return next(at for at, other in enumerate(names) if kin(other) == kin(name))


def kin(name: str) -> str:
    """The same bytes are the same thing, however far the vectors lie."""
    return "test:0" if name == "test:copy" else name.partition("-")[0]


def test_diverse_hits_show_every_direction_first(doubled: Path) -> None:
    with open_library(doubled) as searcher:
        plain = searcher.search(text="a", wanted="image", k=10)
        assert names(searcher.search(text="a", wanted="image", k=10, diverse=0.0)) == names(plain)
        spread = names(searcher.search(text="a", wanted="image", k=5, diverse=0.8))
        assert spread[0] == names(plain)[0]
        assert len({name.partition("-")[0] for name in spread}) == 5


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"lexical": "yes"}, "lexical is 'yes'"),
        ({"diverse": 2}, "diverse is 2: it must be from 0"),
        ({"diverse": float("nan")}, "diverse is nan"),
        ({"fold_duplicates": 0.0}, "likeness is 0.0: it is a cosine"),
        ({"fold_duplicates": "all"}, "likeness is 'all'"),
        ({"fold_duplicates": 10**9000}, "a very large number"),
    ],
)
def test_wrong_options_are_told(searcher: Searcher, option: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        searcher.search(text="a", **option)
