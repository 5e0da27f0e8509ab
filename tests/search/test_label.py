"""Naming items out of a list, against numpy; captions from the library's texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.errors import BadInput, NotFound
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.batch import Batch
from hearsee.indexer.writer import Writer
from hearsee.search import Searcher, open_library
from hearsee.search.captioning import captions
from hearsee.search.label import label, shares
from hearsee.search.parts import PartEncoder
from hearsee.search.query import Part
from tests.search.shelf import Thing, directions, fill, things, words

IMAGE, AUDIO, TEXT = Modality
SHELF = things(30)
NAMES = ["bell", "owl", "rain"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("label") / "library", SHELF[:20], SHELF[20:])


@pytest.fixture
def searcher(folder: Path) -> Iterator[Searcher]:
    with open_library(folder) as opened:
        yield opened


def asked(*texts: str) -> Vectors:
    return np.stack(PartEncoder(hash_space(), Limits()).encode([Part("text", text) for text in texts]))


@pytest.mark.parametrize("templates", [None, ["{}"], ["see {} here", "{} there"]])
def test_names_are_numpys(searcher: Searcher, templates: list[str] | None) -> None:
    """Mean direction of a name's sentences, cosine of the best window, softmax."""
    found = {one.item.uri: one for one in label(searcher, NAMES, templates=templates, sharpness=5, top=3).items}
    assert found.keys() == {thing.uri for thing in SHELF if thing.modality is not TEXT}
    for thing in SHELF:
        if thing.modality is TEXT:
            continue
        used = templates or ["{}", "a {}", "a photo of a {}" if thing.modality is IMAGE else "the sound of a {}"]
        rows = unit(np.stack([asked(*(one.format(name) for one in used)).mean(axis=0) for name in NAMES]))
        cosines = (unit(thing.vectors) @ rows.T).max(axis=0)
        powers = np.exp(5 * cosines.astype(np.float64))
        named = {one.name: one for one in found[thing.uri].names}
        np.testing.assert_allclose([named[name].cosine for name in NAMES], cosines, atol=1e-5)
        np.testing.assert_allclose([named[name].share for name in NAMES], powers / powers.sum(), atol=1e-4)
        assert [one.share for one in found[thing.uri].names] == sorted(
            (one.share for one in named.values()), reverse=True
        )
        assert all(one.chance is None for one in named.values())  # nothing to calibrate on


def test_a_filter_and_kinds_choose_what_is_named(searcher: Searcher) -> None:
    only = label(searcher, NAMES, where={"colour": "red"}, wanted=(AUDIO,), top=1)
    red = {thing.uri for thing in SHELF if thing.modality is AUDIO and thing.metadata["colour"] == "red"}
    found = list(only.items)
    assert {one.item.uri for one in found} == red
    assert all(len(one.names) == 1 for one in found)
    assert only.standing.startswith("not calibrated")
    assert list(label(searcher, NAMES, where={"colour": "no such"}).items) == []


def test_shares_add_up_however_sharp() -> None:
    cosines = np.array([[0.9, 0.1, -1.0], [1.0, 1.0, 1.0]])
    np.testing.assert_allclose(shares(cosines, 1e6), [[1.0, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(shares(cosines, 100).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (["owl"], {}, "1 different names"),
        ([], {}, "0 different names"),
        (["owl", " owl "], {}, "1 different names"),
        (NAMES, {"templates": ["no place"]}, "must hold {} once"),
        (NAMES, {"templates": ["{} {}"]}, "must hold {} once"),
        (NAMES, {"sharpness": 0}, "sharpness is 0"),
        (NAMES, {"sharpness": float("nan")}, "sharpness is nan"),
    ],
)
def test_wrong_questions_are_told(searcher: Searcher, names: list[str], options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        label(searcher, names, **options)


@pytest.fixture(scope="module")
def sayings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture with a text right beside it, the same saying in other cases, and others."""
    home = tmp_path_factory.mktemp("sayings") / "library"
    picture = Thing("test:picture", IMAGE, words("A red owl.", "x").vectors)
    said = ["A red owl.", "a red owl", "A RED OWL!", "two bells", "Two bells.", "rain"]
    texts = [replace(words(text, f"test:{n}").add(), text=text) for n, text in enumerate(said)]
    near = replace(texts[1], vectors=unit(texts[0].vectors + 0.1 * directions(np.random.default_rng(0), 1)))
    with Writer.open(home, space=hash_space()) as writer:
        writer.commit(Batch([picture.add(), texts[0], near, *texts[2:]]))
    return home


def test_captions_are_near_and_say_once(sayings: Path) -> None:
    with open_library(sayings) as searcher:
        found = captions(searcher, like="test:picture", k=3).captions
        assert found[0].text == "A red owl."
        held = searcher.library.catalog.items(found[0].items)
        assert {item.uri for item in held.values()} == {"test:0", "test:1", "test:2"}
        assert {one.text.lower().strip(".") for one in found} == {"a red owl", "two bells", "rain"}
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        assert found[0].score == pytest.approx(1, abs=1e-3)
        assert [one.text for one in captions(searcher, like="test:picture", k=1).captions] == ["A red owl."]


def test_a_library_without_texts_says_so(tmp_path: Path) -> None:
    home = fill(tmp_path / "library", [Thing("test:1", IMAGE, directions(np.random.default_rng(0), 1))])
    with open_library(home) as searcher, pytest.raises(NotFound, match="holds no texts to caption with"):
        captions(searcher, like="test:1")
