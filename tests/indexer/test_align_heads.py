"""Heads learn what can be learned, from pairs that are whole or not, and the report says what they are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hearsee.core.errors import BadInput, HearseeError
from hearsee.core.head import Head
from hearsee.core.modality import Modality
from hearsee.core.vectors import unit
from hearsee.indexer.align.data import Table, paired_groups, pairs_of, split, table_of
from hearsee.indexer.align.first import first_heads
from hearsee.indexer.align.recall import Answers, answers, mean_recall, projected
from hearsee.indexer.align.report import BETTER, NOT_BETTER, UNKNOWN, judge
from hearsee.indexer.align.training import AUTO, BEST, HeadRecipe, train_heads
from tests.indexer.pairs import CAPTIONS, QUICK, old_heads, views

EYE = np.eye(4, dtype=np.float32)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_heads_find_the_other_view_of_things_they_never_saw(kind: str, loss: str) -> None:
    given = split(views(sounds=True))
    heads, report = train_heads(given, replace(QUICK, kind=kind, loss=loss, epochs=25))
    assert report.verdict == BETTER
    assert report.sentence.startswith("Better: the new heads find more than answers in random order")
    found = {one.name: one.after["recall@10"].value for one in report.directions}
    assert found.keys() == {f"{a}->{b}" for a in Modality for b in Modality if a != b}
    assert min(found.values()) > 0.6, found  # 10 of 180 captions by chance: 0.16
    by_name = {modality.value: head for modality, head in heads.by_modality.items()}
    rows = projected(by_name, given.held)  # numpy computes what torch trained
    again = {one.name: one.worth()[:, 2].mean() for one in answers(rows, given.held)}
    assert again == pytest.approx(found)


def test_regression_is_a_start_and_training_never_ends_below_it() -> None:
    given = split(views(sounds=True))
    told: list[str] = []
    start = replace(QUICK, start=AUTO, kind="linear", epochs=1)
    heads, report = train_heads(given, replace(start, rate=1e-12), say=told.append)
    assert told[0].startswith("starting from regression, ridge ")
    assert min(one.after["recall@10"].value for one in report.directions) > 0.6
    wild, ruined = train_heads(given, replace(start, rate=5.0))
    assert ruined.history[0].recall < report.history[0].recall
    assert ruined.best_epoch == 0
    assert wild.by_modality.keys() == heads.by_modality.keys()
    assert [one.after for one in ruined.directions] == [one.after for one in report.directions]
    # Old heads that know nothing are no start where regression does better.
    old = old_heads(given.train, 8)
    told.clear()
    train_heads(given, replace(start, start=BEST), old=old, say=told.append)
    assert "from regression" in told[0]


def test_regression_needs_neither_many_rows_nor_many_numbers() -> None:
    table = views(40)
    wide = {name: np.pad(rows, ((0, 0), (0, 300))) for name, rows in table.vectors.items()}
    few = first_heads(Table(wide, table.groups, table.items), 8, 1.5)
    many = first_heads(table, 8, 1.5)
    cosines = []
    for heads, rows in ((few, wide), (many, table.vectors)):
        shared = {name: unit(heads[name].apply(rows[name])) for name in rows}
        cosines.append(shared["image"] @ shared["text"].T)
        assert all(head.problem(rows[name].shape[1], 8) is None for name, head in heads.items())
    np.testing.assert_allclose(cosines[0], cosines[1], atol=1e-3)
    assert first_heads(table, 30, 1.5)["image"].problem(24, 30) is None  # more numbers than the towers give


def test_the_same_seed_gives_the_same_bits() -> None:
    given = split(views())
    recipe = replace(QUICK, epochs=3, fuse_mix=1.0, noise=0.1, modality_dropout=0.2, consistency=0.1, hard_negatives=2)
    prints = [
        {modality: head.fingerprint for modality, head in train_heads(given, one)[0].by_modality.items()}
        for one in (recipe, recipe, replace(recipe, seed=1))
    ]
    assert prints[0] == prints[1] != prints[2]


def test_training_starts_from_the_old_heads_and_is_compared_with_them() -> None:
    given = split(views())
    old = old_heads(given.train, 8)
    heads, report = train_heads(given, replace(QUICK, dim=None, start=AUTO), old=old)
    assert heads.dim == 8
    assert report.verdict == BETTER
    before = mean_recall(answers(projected(old, given.held), given.held))
    shown = [one.before[f"recall@{k}"].value for one in report.directions for k in (1, 5, 10)]
    assert np.mean(shown) == pytest.approx(before)
    assert report.forgotten is not None
    assert report.forgotten.still_first <= report.forgotten.still_among_ten <= report.forgotten.questions
    trained = {modality.value: head for modality, head in heads.by_modality.items()}
    _, again = train_heads(given, replace(QUICK, dim=None, epochs=1, rate=1e-9, start=AUTO), old=trained)
    assert again.verdict == NOT_BETTER  # a step of nothing changes nothing: residual, centre and bias were taken over
    assert again.gain.value == pytest.approx(0, abs=0.01)
    assert again.forgotten is not None
    assert again.forgotten.still_first == again.forgotten.questions


def test_training_stops_when_validation_no_longer_rises() -> None:
    told: list[str] = []
    _, report = train_heads(split(views()), replace(QUICK, epochs=200, patience=3), say=told.append)
    assert len(report.history) < 200
    assert report.best_epoch == len(report.history) - 3
    assert told[0].startswith("epoch 1/200  loss ")


def test_groups_are_dealt_out_whole_and_the_same_way_each_time() -> None:
    table = views()
    given = split(table, seed=4)
    parts = [set(part.known.tolist()) for part in (given.train, given.validation, given.held)]
    assert set.union(*parts) == set(range(300))
    assert sum(map(len, parts)) == 300
    assert [len(part) for part in parts] == [210, 30, 60]
    assert len(given.held.vectors["text"]) == 60 * CAPTIONS
    assert split(table, seed=4).held.known.tolist() == given.held.known.tolist()
    assert split(table, seed=5).held.known.tolist() != given.held.known.tolist()


def test_groups_that_share_a_picture_stay_together() -> None:
    table = views(100)
    pictures = table.vectors["image"].copy()
    pictures[50:] = pictures[:50]
    shared = table_of({**table.vectors, "image": pictures}, table.groups)
    for part in vars(split(shared)).values():
        numbers = part.known
        assert set(numbers[numbers >= 50] - 50) == set(numbers[numbers < 50])


def test_what_a_group_lacks_is_normal() -> None:
    table = views(sounds=True)
    assert len(table.groups["audio"]) == 150
    assert pairs_of(table) == [("audio", "image"), ("audio", "text"), ("image", "text")]
    rows = {"image": table.vectors["image"][:100], "text": table.vectors["text"], "audio": table.vectors["audio"]}
    groups = {**table.groups, "image": np.arange(100)}
    torn = table_of(rows, groups)
    assert len(paired_groups(torn)) == 200  # the first hundred, and every other one of the rest
    assert torn.notes == ("100 groups with one modality only were left out",)


def bad(**changes: object) -> Table:
    table = views(40)
    given = {name: rows.copy() for name, rows in table.vectors.items()}
    given.update(changes)  # type: ignore[arg-type]
    return table_of(given, {name: table.groups[name][: len(rows)] for name, rows in given.items()})


def test_bad_vectors_and_groups_are_one_line_each() -> None:
    table = views(40)
    pictures, captions = table.vectors["image"].copy(), table.vectors["text"].copy()
    for value in (np.nan, np.inf):
        pictures[7, 3] = value
        with pytest.raises(BadInput, match="image vector 7 holds a number that is not finite"):
            bad(image=pictures)
    pictures[7] = 0
    with pytest.raises(BadInput, match="image vector 7 is all zeros"):
        bad(image=pictures)
    with pytest.raises(BadInput, match="vectors of text only"):
        bad(image=pictures[:0])
    with pytest.raises(BadInput, match="no pairs: no group holds two of image, text"):
        table_of({"image": EYE, "text": EYE}, {"image": [0, 1, 2, 3], "text": [4, 5, 6, 7]})
    with pytest.raises(BadInput, match="4 groups hold two modalities: training needs 20"):
        table_of({"image": EYE, "text": EYE})
    with pytest.raises(BadInput, match="3 image vectors and 4 groups"):
        table_of({"image": EYE[:3], "text": EYE}, {"image": np.arange(4), "text": np.arange(4)})
    rng = np.random.default_rng(0)
    groups = {"image": np.arange(8, 40), "text": table.groups["text"]}
    names = [f"thing {number}" for number in range(40)]
    with pytest.raises(BadInput, match="the captions contradict each other, thing"):
        table_of({"image": pictures[8:], "text": rng.permutation(captions)}, groups, names=names)


def test_a_group_whose_captions_contradict_each_other_is_left_out_and_named() -> None:
    table = views(60)
    captions = table.vectors["text"].copy()
    middle = captions.mean(axis=0)
    captions[3 * 17 + 1] = 2 * middle - captions[3 * 17]  # the opposite of the group's first caption
    captions[3 * 17 + 2] = middle + np.roll(captions[3 * 17] - middle, 5)
    kept = table_of({**table.vectors, "text": captions}, table.groups, names=table.names)
    assert kept.notes == ("1 groups with captions that contradict each other were left out, thing 17 first",)
    assert 17 not in kept.known


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "forest"}, "no head is called 'forest'"),
        ({"start": "over"}, "no start is called 'over'"),
        ({"loss": "hinge"}, "no loss is called 'hinge'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"dim": None}, "the shared space has no dimension"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        train_heads(split(views(60)), replace(QUICK, **change))  # type: ignore[arg-type]


def test_training_that_loses_its_way_says_so() -> None:
    with pytest.raises(HearseeError, match="lost its way: its heads no longer give numbers; use a rate below 1e"):
        train_heads(split(views(60)), replace(QUICK, rate=1e30))


def test_ranks_by_hand() -> None:
    # Two pictures; three captions, of which one says the first picture, two the second.
    both = (EYE[1] + 2 * EYE[0]) / np.sqrt(np.float32(5))
    rows = {"image": EYE[:2], "text": np.stack([EYE[0], both, EYE[1]]).astype(np.float32)}
    table = Table(rows, {"image": np.array([0, 1]), "text": np.array([0, 1, 1])},
                  {"image": np.arange(2), "text": np.arange(3)})  # fmt: skip
    found = {one.name: one for one in answers(rows, table)}
    assert found["image->text"].ranks.tolist() == [1, 1]
    assert found["text->image"].ranks.tolist() == [1, 2, 1]
    assert found["image->text"].by_chance()[:, 0] == pytest.approx([1 / 3, 2 / 3])
    assert found["text->image"].by_chance()[:, 1] == pytest.approx([1, 1, 1])
    # The captions of the second picture as two points of one item: it is asked by their middle, found by its best.
    points = Table(rows, table.groups, {"image": np.arange(2), "text": np.array([0, 1, 1])})
    found = {one.name: one for one in answers(rows, points)}
    assert found["image->text"].ranks.tolist() == [1, 1]
    assert found["text->image"].ranks.tolist() == [1, 1]
    # Equal vectors for everything are no success.
    same = {name: np.full_like(array, 0.5) for name, array in rows.items()}
    assert answers(same, table)[0].ranks.tolist() == [3, 2]


def asked(ranks: list[int]) -> Answers:
    numbers = np.arange(len(ranks))
    return Answers("text", "image", len(ranks), numbers, np.array(ranks), np.ones(len(ranks), np.int64))


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([50] * 200, [1] * 60 + [50] * 140, BETTER),
        ([1] * 200, [1] * 200, NOT_BETTER),
        ([1] * 60 + [50] * 140, [50] * 200, NOT_BETTER),
        ([50] * 9 + [2], [50] * 9 + [1], UNKNOWN),
    ],
)
def test_the_verdict_is_a_paired_one(before: list[int], after: list[int], verdict: str) -> None:
    found = judge([asked(before)], [asked(after)])
    assert found.verdict == verdict
    assert found.gain.low <= found.gain.value <= found.gain.high
    assert found.forgotten is not None
    assert found.forgotten.questions == before.count(1)
    assert found.forgotten.still_first == sum(a == b == 1 for a, b in zip(before, after, strict=True))


def test_a_missing_old_head_is_named() -> None:
    given = split(views(60))
    with pytest.raises(BadInput, match="no old text head"):
        train_heads(given, QUICK, old={"image": Head()})
    with pytest.raises(BadInput, match="does not fit these vectors"):
        train_heads(given, HeadRecipe(dim=8), old={"image": Head(), "text": Head()})
