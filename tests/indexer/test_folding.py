"""Items come and go: what is new is found at once, the shards follow, and nobody ever waits for them."""

from __future__ import annotations

import json
import logging
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import HearseeError
from hearsee.core.head import Head, Heads
from hearsee.core.modality import Modality
from hearsee.indexer import proving, sharding
from hearsee.indexer.batch import Batch, Commit
from hearsee.indexer.gallery import Gallery
from hearsee.indexer.library import Library
from hearsee.indexer.recall import set_recall
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.ledger import FOLDER, Entry, read_ledger
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.shop import Shop
from tests.indexer.stock import SPACE, add, vectors
from tests.indexer.test_crash import ROOT

IMAGE, TEXT = Modality.IMAGE, Modality.TEXT
ROWS = 1_500


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proved") / "library"
    with Writer.open(folder, space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(ROWS)]))
        writer.commit(Batch([add(f"file:///t{n}", modality=TEXT) for n in range(300)]))
        set_recall(writer, 0.9, Kind.LISTS)
    return folder


@pytest.fixture
def writer(proved: Path, tmp_path: Path) -> Iterator[Writer]:
    with Writer.open(Path(shutil.copytree(proved, tmp_path / "library")), space=SPACE) as writer:
        yield writer


def churn(writer: Writer, gone: int, new: int, name: str = "new") -> None:
    found = list(writer.catalog.find([f"file:///{n}" for n in range(ROWS)]))[:gone]
    ids = [known.id for known in writer.catalog.find(found).values()]
    writer.commit(Batch([add(f"file:///{name}{n}") for n in range(new)], remove=ids))


def pictures(folder: Path) -> Entry:
    ledger = read_ledger(folder)
    assert ledger is not None
    return next(entry for entry in ledger.entries if entry.modality == IMAGE)


def gallery(folder: Path) -> Gallery:
    with Library.open(folder, space=SPACE) as library:
        return library.snapshot().parts[IMAGE]


def recall(found: Gallery, asking: Modality | None = None) -> float:
    """Of the ten best by what serves, against every live row."""
    queries = np.concatenate([vectors(f"query {n}", 0, 1) for n in range(200)])
    rows, items = [], []
    for source in found.sources:
        alive = np.ones(len(source.item_ids), np.bool_) if source.alive is None else source.alive
        rows.append(source.shard.take(np.flatnonzero(alive)))
        items.append(source.item_ids[alive])
    ids = np.concatenate(items)
    exact = Gallery(SPACE.dim, [type(found.sources[0])(FlatShard.of(np.concatenate(rows)), ids, ids)])
    pairs = zip(found.nearest(queries, 10, asking=asking), exact.nearest(queries, 10), strict=True)
    return float(np.mean([len({near[1] for near in one} & {near[1] for near in other}) / 10 for one, other in pairs]))


def test_lists_and_proof_outlive_small_changes(writer: Writer) -> None:
    before = pictures(writer.folder)
    churn(writer, gone=40, new=60)
    writer.build_shards()
    after = pictures(writer.folder)
    assert (after.rows, after.learned, after.aged) == (ROWS + 20, ROWS, 100)
    assert (after.measured, after.changed, after.tuned) == (ROWS, 100, before.tuned)
    held = gallery(writer.folder)
    (source,) = held.sources
    assert isinstance(source.shard, ListShard)
    assert source.alive is None
    assert recall(held) >= 0.88
    assert recall(held, TEXT) >= 0.88


def test_recall_is_measured_again_after_a_tenth_and_lists_are_learned_again_after_half(writer: Writer) -> None:
    churn(writer, gone=75, new=76)
    writer.build_shards()
    tenth = pictures(writer.folder)
    assert (tenth.learned, tenth.aged) == (ROWS, 151)
    assert (tenth.measured, tenth.changed) == (ROWS + 1, 0)
    assert all(one.low >= 0.9 for one in tenth.tuned)
    churn(writer, gone=300, new=400, name="newer")
    writer.build_shards()
    half = pictures(writer.folder)
    assert (half.learned, half.aged, half.measured) == (half.rows, 0, half.rows)
    assert recall(gallery(writer.folder)) >= 0.88


def test_compaction_drops_tombstones_and_keeps_what_was_built(writer: Writer) -> None:
    churn(writer, gone=40, new=0)
    (source,) = gallery(writer.folder).sources
    assert (len(source.shard), source.live) == (ROWS, ROWS - 40)
    writer.compact(round_points=400)  # several transactions: the shard serves through all of them
    (source,) = gallery(writer.folder).sources
    assert isinstance(source.shard, ListShard)
    assert len(source.shard) == ROWS - 40
    entry = pictures(writer.folder)
    assert (entry.rows, entry.learned, entry.aged) == (ROWS - 40, ROWS, 40)
    assert verify(writer.folder, space=SPACE).problems == ()


def test_readers_meet_no_shard_that_is_not_proved_and_miss_nothing_new(writer: Writer) -> None:
    """While a writer adds, folds and compacts, every snapshot searches its shards at the recall that was proved."""
    stop, seen, wrong = threading.Event(), set[int](), list[str]()

    def read() -> None:
        with Library.open(writer.folder, space=SPACE) as library:
            while not stop.is_set():
                snapshot = library.snapshot()
                seen.add(snapshot.generation)
                first = snapshot.parts[IMAGE].sources[0].shard
                if not isinstance(first, ListShard):
                    wrong.append(f"generation {snapshot.generation} is searched with {type(first).__name__}")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(2):
            churn(writer, gone=20, new=30, name=f"round{number}-")
            found = gallery(writer.folder).nearest(vectors(f"file:///round{number}-7", 0, 1), 1)
            assert found[0][0][0] == pytest.approx(1.0, abs=1e-3)
            writer.compact() if number % 2 else writer.build_shards()
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not wrong
    assert len(seen) > 1


def test_shards_are_made_aside_while_the_writer_goes_on(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearsee.indexer.writer.LOOSE_ROWS", 50)
    monkeypatch.setattr(sharding, "LOOSE_ROWS", 50)
    churn(writer, gone=0, new=30)
    assert writer.fold() is None
    churn(writer, gone=0, new=60, name="newer")
    assert writer.fold() is None  # begun
    churn(writer, gone=25, new=5, name="newest")  # goes on meanwhile: removed points stay removed
    until = time.monotonic() + 60
    while (generation := writer.fold()) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert generation == writer.catalog.generation()
    first, delta = gallery(writer.folder).sources
    assert isinstance(first.shard, ListShard)
    assert (len(first.shard), len(delta.shard)) == (ROWS + 90, 5)
    assert first.live == ROWS + 90 - 25
    assert first.alive is not None or len(first.shard) == first.live
    writer.build_shards()
    assert len(gallery(writer.folder).sources) == 1


def test_a_writer_that_closes_leaves_nothing_half_made(proved: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(proved, tmp_path / "library"))
    with Writer.open(folder, space=SPACE) as writer:
        churn(writer, gone=0, new=30)
        writer._aside = sharding.Aside(lambda: sharding.make_shards(folder, writer.catalog, SPACE))
    report = verify(folder, space=SPACE)
    assert (report.problems, report.leftovers) == ((), ())
    assert len(gallery(folder).sources) == 2  # the old shard and what is new


def test_other_heads_are_proved_too(writer: Writer) -> None:
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((SPACE.dim, SPACE.dim)))[0].astype(np.float32)
    before = pictures(writer.folder)
    writer.switch_heads(Heads(dict.fromkeys(SPACE.towers, Head(turn)), SPACE.dim), "turned")
    after = pictures(writer.folder)
    assert after.vectors != before.vectors
    assert (after.learned, after.aged) == (ROWS, 0)
    with Library.open(writer.folder, space=SPACE) as library:
        snapshot = library.snapshot()
    assert isinstance(snapshot.parts[IMAGE].sources[0].shard, ListShard)
    turned = snapshot.space.project(IMAGE, np.concatenate([vectors(f"file:///{n}", 0, 1) for n in range(20)]))
    scores = [found[0][0] for found in snapshot.parts[IMAGE].nearest(turned, 1)]
    assert np.mean(np.isclose(scores, 1, atol=1e-3)) >= 0.9
    assert recall(snapshot.parts[IMAGE]) >= 0.88


@pytest.mark.parametrize("limit", ["disk", "memory"])
def test_without_room_the_old_shards_keep_serving(writer: Writer, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.name for path in (writer.folder / FOLDER).iterdir())
    churn(writer, gone=40, new=60)
    if limit == "disk":  # files may not grow beyond what the rows take: the index does not fit
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    else:
        monkeypatch.setattr(proving, "read_shard", _no_memory)
    try:
        with pytest.raises(HearseeError, match=r"free (some space|memory)"):
            writer.build_shards()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.undo()
    writer.close()
    report = verify(writer.folder, space=SPACE)
    assert (report.problems, report.leftovers) == ((), ())
    assert sorted(path.name for path in (writer.folder / FOLDER).iterdir()) == before
    old, delta = gallery(writer.folder).sources
    assert isinstance(old.shard, ListShard)
    assert (old.live, len(delta.shard)) == (ROWS - 40, 60)
    with Writer.open(writer.folder, space=SPACE) as again:
        again.build_shards()
    assert len(gallery(writer.folder).sources) == 1


def _no_memory(*_: object) -> None:
    raise MemoryError


KILLED = """
import sys
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE
from tests.indexer.test_folding import churn
with Writer.open(sys.argv[1], space=SPACE) as writer:
    print("ready", flush=True)
    for number in range(1000):
        churn(writer, gone=10, new=20, name=sys.argv[2] + str(number) + "-")
        writer.compact() if number % 3 == 2 else writer.build_shards()
        print(number, flush=True)
"""


def killed_folds(folder: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    for kill in range(kills):
        command = [sys.executable, "-c", KILLED, str(folder), f"kill{kill}-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(dice.random() * 0.5)
            child.kill()
        report = verify(folder, space=SPACE)
        assert report.problems == ()
        found = gallery(folder)  # as the dead writer left it: whatever serves is proved
        assert isinstance(found.sources[0].shard, ListShard)
        assert recall(found) >= 0.85
        with Writer.open(folder, space=SPACE) as writer:
            writer.build_shards()
            named = {row.sha256 for row in writer.catalog.view().shards}
        ledger = read_ledger(folder)
        assert ledger is not None
        assert {entry.vectors for entry in ledger.entries} == named
        assert {f"{FOLDER}/{path.name}" for path in (folder / FOLDER).iterdir()} == ledger.paths


def test_killed_while_folding_nothing_is_lost(proved: Path, tmp_path: Path) -> None:
    killed_folds(Path(shutil.copytree(proved, tmp_path / "library")), 3, seed=random.randrange(2**32))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_killed_a_hundred_times_while_folding(proved: Path, tmp_path: Path) -> None:
    killed_folds(Path(shutil.copytree(proved, tmp_path / "library")), 100, seed=1)


def test_a_library_that_learns_to_ask_in_another_way_is_proved_for_that(tmp_path: Path) -> None:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(ROWS)]))
        (alone,) = set_recall(writer, 0.8, Kind.LISTS).entries
        assert {one.asking for one in alone.tuned} == {"image"}
        writer.commit(Batch([add(f"file:///t{n}", modality=TEXT) for n in range(300)]))
        both = set_recall(writer, 0.8, Kind.LISTS)
    entry = next(entry for entry in both.entries if entry.modality == IMAGE)
    assert {one.asking for one in entry.tuned} == {"image", "text"}
    assert entry.learned == ROWS
    assert "in-distribution" not in entry.reason
    assert "in-distribution" in alone.reason


def test_what_was_tried_in_vain_is_not_tried_again_for_every_change(tmp_path: Path) -> None:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(1_000)]))
        (first,) = set_recall(writer, 0.9999, Kind.LISTS).entries  # more than a thousand queries can prove
        assert (first.kind, first.chosen, first.path) == (Kind.EXACT, Kind.LISTS, None)
        writer.commit(Batch([add(f"file:///new{n}") for n in range(50)]))
        writer.build_shards()
        second = pictures(tmp_path / "library")
        assert (second.chosen, second.reason, second.rows) == (Kind.LISTS, first.reason, 1_050)
        assert (second.measured, second.changed, second.tuned) == (1_000, 50, first.tuned)
        writer.commit(Batch([add(f"file:///newer{n}") for n in range(60)]))
        writer.build_shards()
        third = pictures(tmp_path / "library")
        assert (third.chosen, third.measured, third.changed) == (Kind.LISTS, 1_110, 0)


def test_a_ledger_of_before_is_understood(writer: Writer, caplog: pytest.LogCaptureFixture) -> None:
    """Fields that came later have defaults, and the next change builds anew."""
    path = writer.folder / "recall.json"
    document = json.loads(path.read_text())
    later = ("chosen", "learned", "aged", "measured", "changed")
    shards = [{name: value for name, value in row.items() if name not in later} for row in document["shards"]]
    del document["queries"]
    path.write_text(json.dumps({**document, "shards": shards}))
    assert isinstance(gallery(writer.folder).sources[0].shard, ListShard)
    churn(writer, gone=5, new=5)
    with caplog.at_level(logging.WARNING):
        writer.build_shards()
    assert not caplog.records
    assert pictures(writer.folder).learned == ROWS


def test_a_long_ingest_folds_while_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearsee.indexer.writer.LOOSE_ROWS", 20)
    monkeypatch.setattr(sharding, "LOOSE_ROWS", 20)
    shop = Shop(tmp_path, SPACE)
    for number in range(200):
        shop.put(f"{number:03}.txt", f"text {number}".encode())
    commits: list[Commit] = []

    def slowly(commit: Commit) -> None:
        commits.append(commit)
        time.sleep(0.05)  # as towers are: there is time to fold between commits

    report = shop.run(commit_items=10, on_commit=slowly)
    assert report.added == 200
    folds = [place for place, commit in enumerate(commits) if commit.items == 0]
    assert len(folds) >= 2  # the last at the end, others between commits
    assert folds[0] < len(commits) - 2
    assert [commit.generation for commit in commits] == sorted({commit.generation for commit in commits})
    with Library.open(tmp_path / "library", space=SPACE) as library:
        (source,) = library.snapshot().parts[TEXT].sources
    assert source.live == 200
    assert verify(tmp_path / "library", space=SPACE).problems == ()
