"""What limits an ingest, its speed and the time that is left: by clocks that the tests set."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.space import Space, hash_space
from hearsee.core.vectors import Vectors
from hearsee.indexer.batch import Commit
from hearsee.indexer.corpus import Entry, Source, open_source
from hearsee.indexer.ingest.counting import Counting
from hearsee.indexer.ingest.gauge import Gauge
from hearsee.indexer.ingest.pace import Moment, Pace, limiting
from tests.indexer.shop import SETTINGS, Shop, png


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_every_second_counts_against_the_last_stage_with_work_in_hand() -> None:
    clock = Clock()
    gauge = Gauge(clock)
    clock.now = 1.0  # nothing is queued anywhere: files are waited for
    gauge.enter("decode", 3)
    clock.now = 3.0  # three files to decode, the tower idle
    with gauge.during("encode"):
        clock.now = 7.0  # the tower works, whatever else is queued
        gauge.enter("write")
        clock.now = 8.0
    gauge.leave("decode", 3)
    clock.now = 10.0  # only the commit is left
    gauge.leave("write")
    clock.now = 10.5
    assert gauge.held() == {"read": 1.5, "decode": 2.0, "encode": 5.0, "write": 2.0}


def moment(done: int, seconds: float, total: int | None = 1000, **held: float) -> Moment:
    return Moment(done, total, seconds, {}, held)


def test_speed_is_that_of_the_last_seconds() -> None:
    pace = Pace(window_seconds=10.0)
    first = pace.at(moment(500, 1.0, read=1.0))  # all of it unchanged since the last run
    assert (first.items_per_second, first.limit) == (500.0, "read")
    for second in range(2, 30):
        speed = pace.at(moment(500 + 10 * second, second, read=1.0, encode=second - 1.0))
    assert speed.items_per_second == pytest.approx(10.0)
    assert speed.left_seconds == pytest.approx((1000 - 790) / 10)
    assert (speed.limit, speed.share) == ("encode", 1.0)


def test_no_time_is_left_over_where_none_can_be_told() -> None:
    assert Pace().at(moment(10, 1.0, total=None)).left_seconds is None
    assert Pace().at(moment(0, 1.0)).left_seconds is None
    assert Pace().at(moment(0, 0.0)).items_per_second == 0.0
    assert Pace().at(moment(1200, 1.0)).left_seconds == 0.0  # more than the source had promised
    assert limiting({}) == (None, 0.0)


@dataclass(frozen=True)
class SlowTower(HashEncoder):
    modality: Modality = Modality.IMAGE

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        time.sleep(0.1 + 0.002 * len(pieces))
        return super().encode(pieces)


def slow_source(folder: Path) -> Source:
    def read(number: int) -> bytes:
        time.sleep(0.01)
        return png(number)

    entries = [
        Entry(f"file:///{number}.png", Modality.IMAGE, lambda number=number: read(number))  # type: ignore[misc]
        for number in range(150)
    ]
    return Source(folder.as_uri(), iter(entries), len(entries))


@pytest.mark.parametrize("stage", ["read", "encode", "write"])
def test_the_stage_that_is_slow_is_the_one_that_limits(tmp_path: Path, stage: str) -> None:
    slow = SlowTower()
    space = Space("slow", slow.dim, {Modality.IMAGE: slow}) if stage == "encode" else hash_space()
    shop = Shop(tmp_path, space)
    for number in range(150):
        shop.put(f"{number:03}.png", png(number))

    def dawdle(_: Commit) -> None:
        time.sleep(0.3)

    told: list[Moment] = []
    given = (slow_source(tmp_path),) if stage == "read" else (shop.folder,)
    on_commit = dawdle if stage == "write" else None
    items = 20 if stage == "write" else 150  # of a commit: on a busy disk many would be what limits
    report = shop.run(*given, on_commit=on_commit, commit_items=items, progress=told.append)
    held = dict(report.held)
    held["decode"] = 0.0  # starting the processes takes longer than all else here
    assert limiting(held)[0] == stage
    assert sum(report.held.values()) == pytest.approx(report.seconds, abs=0.05)
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert (told[-1].done, told[-1].total) == (150, 150)


def test_entries_are_counted_beside_the_run(tmp_path: Path) -> None:
    shop = Shop(tmp_path, hash_space())
    for number in range(30):
        shop.put(f"{number:02}.png", png(number))
    shop.put("notes.xyz", b"\x01\x02")
    table = shop.table({"text": "a bell"}, {"text": "rain"}, name="more/table.jsonl")
    counting = Counting([open_source(str(shop.folder), SETTINGS.limits), open_source(str(table), SETTINGS.limits)])
    until = time.monotonic() + 20
    while counting.total is None and time.monotonic() < until:
        time.sleep(0.01)
    counting.close()
    assert counting.total == 32
    told: list[Moment] = []
    shop.run(progress=told.append)
    assert (told[-1].done, told[-1].total) == (30, 30)
