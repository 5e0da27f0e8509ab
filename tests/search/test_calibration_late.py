"""Chances of merged lists: fitted on the hits that a merge shows, and kept in its order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.indexer.choices import FILE, Choice, Choices, packed_choices
from hearsee.indexer.writer import Writer
from hearsee.search import Searcher, open_library
from hearsee.search.calibration.chance import Scale, in_turn
from hearsee.search.calibration.curves import Curve
from hearsee.search.calibration.evidence import Evidence
from hearsee.search.calibration.fit import calibrate
from hearsee.search.calibration.pair import DEPTH, PairCalibration, Presence
from hearsee.search.calibration.stored import save_calibration
from tests.search.shelf import fill, things

IMAGE, AUDIO, TEXT = Modality
GROUPS = 80
MIX = (IMAGE, AUDIO)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library where validation said that a picture and a sound are answered apart."""
    home = fill(tmp_path_factory.mktemp("late") / "library", things(3 * GROUPS))
    rows = tuple(Choice(MIX, wanted, "late", {IMAGE: 0.5, AUDIO: 0.5}, {"late": 0.9}) for wanted in Modality)
    (home / FILE).write_bytes(packed_choices(Choices(hash_space().fingerprint, 1, rows)))
    with open_library(home) as searcher, Writer.open(home, space=hash_space()) as writer:
        save_calibration(writer, calibrate(searcher))
    return home


@pytest.fixture
def searcher(folder: Path) -> Iterator[Searcher]:
    with open_library(folder) as opened:
        yield opened


def asked(number: int) -> list[str]:
    return [f"test:{3 * number}", f"test:{3 * number + 1}"]


def test_chances_are_fitted_on_the_hits_that_are_shown(searcher: Searcher) -> None:
    shown = {}
    for way in ("late", "mean"):
        answers = [searcher.search(like=asked(n), wanted="text", k=DEPTH, fusion=way) for n in range(GROUPS)]
        shown[way] = sum(
            hit.item.group == f"group {number}" for number, answer in enumerate(answers) for hit in answer.hits
        )
    kept = searcher._chances.calibration()
    assert kept is not None
    assert kept.pairs["image+audio->text"].relevant == shown["late"] != shown["mean"]


def test_a_merged_list_carries_chances_and_says_that_it_was_merged(searcher: Searcher) -> None:
    answer = searcher.search(like=asked(3), wanted="text", explain=True)
    assert answer.calibration.calibrated
    assert "2 lists merged by reciprocal rank" in answer.plan.words
    for hit in answer.hits:
        assert hit.chance is not None
        assert hit.explanation is not None
        assert sum(part.share for part in hit.explanation.parts) == pytest.approx(hit.score)
    # Another way to fuse was not what chances were fitted on.
    assert not searcher.search(like=asked(3), wanted="text", fusion="mean").calibration.calibrated


def test_without_chances_kinds_are_merged_by_rank_and_each_keeps_its_order(searcher: Searcher) -> None:
    alone = searcher.search(like=asked(5), wanted="text", k=GROUPS)
    order = [hit.item.uri for hit in alone.hits]
    both = searcher.search(like=asked(5), wanted="text,image", k=40)
    assert not both.calibration.calibrated  # no group holds two pictures: nothing to fit image+audio->image on
    assert {hit.item.modality for hit in both.hits} == {TEXT, IMAGE}
    texts = [hit.item.uri for hit in both.hits if hit.item.modality is TEXT]
    assert texts == order[: len(texts)]


def test_lists_take_turns_by_the_best_chance_that_is_left() -> None:
    even = Evidence(1.0, 0.0)
    curve = Curve((0.0, 1.0), (0.0, 1.0))
    found = {
        TEXT: [(0.3, 1, 10), (0.9, 2, 20), (0.2, 3, 30)],
        IMAGE: [(0.8, 4, 40), (0.1, 5, 50), (0.6, 6, 60)],
    }
    scales = dict.fromkeys(found, Scale(pair_of(curve), *even.line(0.0, 1.0), (1.0, 0.0)))
    assert [item for _, item, _ in in_turn(found, scales)] == [1, 2, 4, 5, 6, 3]
    assert in_turn({TEXT: [], IMAGE: []}, scales) == []


def pair_of(curve: Curve) -> PairCalibration:
    presence = Presence(1.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0))
    return PairCalibration(
        "text",
        "image",
        Evidence(1.0, 0.0),
        curve,
        curve,
        "cosine, platt",
        "platt",
        presence,
        1,
        1,
        1,
        0.0,
        0.0,
        0.0,
        0.0,
        (),
        (),
    )
