"""A searcher that is open while the library moves to another space: nothing of the old one answers in the new one."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import NotFound, Refused
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.indexer.choices import FILE, Choice, Choices, keep, packed_choices
from hearsee.indexer.recall import keep_recall, set_recall
from hearsee.indexer.shards.ledger import read_ledger
from hearsee.indexer.turning import drop_space, switch_space
from hearsee.indexer.writer import Writer
from hearsee.search import open_library
from hearsee.search.calibration.fit import calibrate
from hearsee.search.calibration.stored import save_calibration
from hearsee.search.fusion import MeanFusion
from hearsee.search.fusion.chosen import ChosenFusion
from tests.indexer.moved import Mover
from tests.indexer.shop import SETTINGS

NAMES = tuple(f"{n:03}.txt" for n in range(4))


@pytest.fixture
def mover(tmp_path: Path) -> Mover:
    made = Mover(tmp_path)
    for n, name in enumerate(NAMES):
        made.put(name, 2 * n)  # short texts: a passage each
    made.index()
    made.add()
    return made


def test_what_was_measured_in_one_space_is_not_used_in_the_other(mover: Mover) -> None:
    rows = (Choice((Modality.TEXT, Modality.TEXT), Modality.TEXT, "slerp", {Modality.TEXT: 1.0}, {"slerp": 1.0}),)
    first = load_space("hash").fingerprint
    keep(mover.library, FILE, packed_choices(Choices(first, 1, rows)))
    with open_library(mover.library) as searcher:
        assert isinstance(searcher.fusion, ChosenFusion)
        token = searcher.search(text="words", keep=True, wanted="text").token
        switch_space(mover.library, mover.second)
        answer = searcher.search(text="words number 2, ", wanted="text")
        assert (answer.hits[0].item.uri, round(answer.hits[0].score, 3)) == ((mover.media / "001.txt").as_uri(), 1.0)
        assert isinstance(searcher._of(searcher.library.snapshot().space).fusion, MeanFusion)
        with pytest.raises(NotFound, match="names no query"):
            searcher.search(token=token, wanted="text")
        with pytest.raises(Refused):
            open_library(mover.library, space="hash")
        switch_space(mover.library, "hash")
        assert isinstance(searcher._of(searcher.library.snapshot().space).fusion, ChosenFusion)
        assert searcher.search(like=(mover.media / "001.txt").as_uri(), wanted="text", k=3).hits


def test_chances_are_of_their_space(tmp_path: Path) -> None:
    mover = Mover(tmp_path)
    for n in range(60):
        mover.put(f"{n:03}.txt", 2 * n)
        mover.put(f"{n:03}.png", n)
    lines = [f'{{"path": "{n:03}.png", "text": "picture {n}", "group": "g{n}"}}' for n in range(60)]
    (mover.media / "items.jsonl").write_text("\n".join(lines))
    mover.index()
    mover.add()
    with open_library(mover.library) as searcher:
        found = calibrate(searcher)
        with mover.writer() as writer:
            save_calibration(writer, found)
        assert searcher.search(text="picture 3").calibration.calibrated
        switch_space(mover.library, mover.second)
        told = searcher.search(text="picture 3").calibration
        assert not told.calibrated
        assert "space" in told.words
        switch_space(mover.library, "hash")
        assert searcher.search(text="picture 3").calibration.calibrated


def test_the_recall_that_was_set_is_proved_anew(mover: Mover) -> None:
    with mover.writer() as writer:
        set_recall(writer, 0.9)
    before = read_ledger(mover.library)
    switch_space(mover.library, mover.second)
    after = read_ledger(mover.library)
    assert before is not None
    assert after is not None
    assert after.recall == before.recall
    mine = {one.vectors for one in after.entries} - {one.vectors for one in before.entries}
    with open_library(mover.library) as searcher:
        assert mine == {row.sha256 for row in searcher.library.catalog.view().shards}  # what was proved before stays
    with Writer.open(mover.library, space=load_space(mover.second)) as writer:
        assert keep_recall(writer, None) == after


def test_searches_are_right_while_the_library_moves_under_them(mover: Mover) -> None:
    wrong: list[object] = []
    asked = 0
    over = threading.Event()

    def ask() -> None:
        nonlocal asked
        while not over.is_set():
            for n, name in enumerate(NAMES):
                try:
                    hit = searcher.search(text=f"words number {2 * n}, ", wanted="text").hits[0]
                except Exception as error:  # any at all is a failure of the test
                    wrong.append(error)
                    return
                if hit.item.uri != (mover.media / name).as_uri() or hit.score < 0.999:
                    wrong.append((name, hit))
                asked += 1

    with open_library(mover.library, settings=SETTINGS) as searcher:
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for turn in range(8):
            switch_space(mover.library, (mover.second, "hash")[turn % 2])
        over.set()
        for thread in threads:
            thread.join()
        assert asked > 10
        assert not wrong
        drop_space(mover.library, mover.second)
        assert np.isclose(searcher.search(text="words number 0, ", wanted="text").hits[0].score, 1, atol=1e-3)
