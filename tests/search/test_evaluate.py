"""Evaluation of real libraries: by hand, against the searches that users get, and what it says when it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.library import Library
from hearsee.search import Searcher, open_library
from hearsee.search.evaluate import evaluate
from tests.search.shelf import DIM, Thing, fill, things

IMAGE, AUDIO, TEXT = Modality
SIX = {f"{a}->{b}" for a in Modality for b in Modality if a is not b}


def axis(*numbers: float) -> Vectors:
    """A direction in the first few dimensions."""
    row = np.zeros((1, DIM), np.float32)
    row[0, : len(numbers)] = numbers
    return row


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    shelf = things(240, seed=2)
    with open_library(fill(tmp_path_factory.mktemp("shelf") / "library", shelf[:100], shelf[100:])) as opened:
        yield opened


def test_recall_and_mrr_worked_by_hand(tmp_path: Path) -> None:
    """Three pictures on three axes; the captions of b and c lean to other pictures."""
    pictures = [Thing(f"test:{n}", IMAGE, axis(*np.eye(3)[i]), group=n) for i, n in enumerate("abc")]
    captions = [
        Thing("test:1", TEXT, axis(1, 0.5, 0.2), group="a"),  # a, b, c: first
        Thing("test:2", TEXT, axis(1, 0.5, 0.2), group="b"),  # a, b, c: second
        Thing("test:3", TEXT, axis(1, 0.5, 0.2), group="c"),  # a, b, c: third
        Thing("test:4", TEXT, axis(0, 0, 1), group="c"),  # c: first
        Thing("test:5", TEXT, axis(1), group="alone"),  # no picture to find
        Thing("test:6", TEXT, axis(1)),  # in no group
    ]
    with Library.open(fill(tmp_path / "library", pictures, captions)) as library:
        report = evaluate(library, k=(1, 2)).as_dict()
    assert set(report["directions"]) == {"text->image", "image->text"}  # there are no sounds
    words = report["directions"]["text->image"]
    assert (words["queries"], words["candidates"], words["relevant_by"]) == (4, 3, "group")
    assert words["recall@1"]["value"] == pytest.approx(2 / 4)
    assert words["recall@2"]["value"] == pytest.approx(3 / 4)
    assert words["mrr"]["value"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1) / 4)
    # For a, 5 and 6 are nearer than 1; for b, 1 to 3 are equal and 1 comes before 2; for c, 4 is first.
    pictures_ask = report["directions"]["image->text"]
    assert (pictures_ask["queries"], pictures_ask["candidates"]) == (3, 6)
    assert pictures_ask["mrr"]["value"] == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)


def test_it_measures_what_a_search_would_find(searcher: Searcher) -> None:
    """Each item asked through `nearest`, with the mean of its points."""
    report = evaluate(searcher, k=(1, 5, 10))
    assert set(report.directions) == SIX
    items = {item.uri: item for item in searcher.library.catalog.page(limit=1000)}
    shelf = things(240, seed=2)
    for name, direction in report.directions.items():
        asking, answering = name.split("->")
        asked = [thing for thing in shelf if thing.modality == asking]
        rows = np.concatenate([unit(unit(thing.vectors).mean(axis=0, keepdims=True)) for thing in asked])
        ranks = [
            next(hit.rank for hit in hits if hit.item.group == items[thing.uri].group)
            for thing, hits in zip(asked, searcher.nearest(rows, wanted=answering, k=1000), strict=True)
        ]
        assert direction.queries == len(asked) == 80
        assert direction.metrics["mrr"].value == pytest.approx(np.mean(1 / np.array(ranks)))
        for k in (1, 5, 10):
            assert direction.metrics[f"recall@{k}"].value == pytest.approx(np.mean(np.array(ranks) <= k))


def test_metadata_may_say_what_is_relevant_for_each_direction(searcher: Searcher) -> None:
    keys = {"text->image": ["colour", "count"], "image->audio": ["in.side"]}
    report = evaluate(searcher, relevant_by=keys)
    assert report.directions["text->image"].relevant_by == "colour, count"
    assert report.directions["image->audio"].relevant_by == "in.side"
    assert report.directions["audio->image"].relevant_by == "group"
    # Half of all sounds are on the right side, so nearly every question finds one among the first ten.
    assert report.directions["image->audio"].metrics["recall@10"].value > 0.95
    everywhere = evaluate(searcher, relevant_by=["in.side"], directions=["audio->text"])
    assert everywhere.directions["audio->text"].relevant_by == "in.side"


def test_items_of_one_modality_do_not_find_themselves(searcher: Searcher) -> None:
    with pytest.raises(BadInput, match="no group holds"):  # every group holds one picture
        evaluate(searcher, directions=["image->image"])
    report = evaluate(searcher, directions=["image->image"], relevant_by=["in.side"]).directions["image->image"]
    assert 0.3 < report.metrics["recall@1"].value < 0.7  # a coin; 1.0 were it allowed to find itself


def test_a_limit_draws_the_same_questions_for_the_same_seed(searcher: Searcher) -> None:
    steps: list[tuple[str, int, int]] = []
    few = evaluate(searcher, limit=10, seed=4, progress=lambda *step: steps.append(step))
    assert {direction.queries for direction in few.directions.values()} == {10}
    assert ("text->image", 10, 10) in steps
    assert few == evaluate(searcher, limit=10, seed=4)
    alone = evaluate(searcher, limit=10, seed=4, directions=["text -> image"])
    assert alone.directions["text->image"] == few.directions["text->image"]
    assert few != evaluate(searcher, limit=10, seed=5)


def test_the_report_is_plain_json(searcher: Searcher) -> None:
    report = json.loads(json.dumps(evaluate(searcher, limit=5).as_dict()))
    estimate = report["directions"]["text->image"]["recall@1"]
    assert estimate["queries"] == 5
    assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1
    assert "at least one relevant item" in report["definitions"]["recall@k"]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"directions": ["text"]}, "write it like text->image"),
        ({"directions": ["text->smell"]}, "unknown modality 'smell'"),
        ({"k": ()}, "give whole numbers"),
        ({"k": (0,)}, "give whole numbers"),
        ({"relevant_by": "colour"}, "a list of metadata keys"),
        ({"relevant_by": ["nothing"]}, "name keys that they have"),
        ({"limit": 0}, "limit is 0"),
    ],
)
def test_a_question_that_cannot_be_measured_says_why(
    searcher: Searcher, question: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        evaluate(searcher, **question)  # type: ignore[arg-type]


def test_a_library_without_groups_says_what_to_do(tmp_path: Path) -> None:
    with (
        Library.open(fill(tmp_path / "library", [Thing("test:1", IMAGE, axis(1))])) as library,
        pytest.raises(BadInput, match="index a table with a `group` column"),
    ):
        evaluate(library)
