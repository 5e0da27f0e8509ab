"""A library whose recall is set answers as well as was asked, says how, and falls back to exact search."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput, Damaged
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.recall import described, keep_recall, set_recall
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.ledger import FILE, FOLDER, read_ledger
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add, vectors

IMAGE, TEXT = Modality.IMAGE, Modality.TEXT
ROWS = 1_500


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "library"
    with Writer.open(folder, space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(ROWS)]))
        writer.commit(Batch([add(f"file:///t{n}", modality=TEXT) for n in range(300)]))
    return folder


@pytest.fixture
def writer(filled: Path, tmp_path: Path) -> Iterator[Writer]:
    with Writer.open(Path(shutil.copytree(filled, tmp_path / "library")), space=SPACE) as writer:
        yield writer


def queries(count: int = 200) -> Vectors:
    return np.concatenate([vectors(f"query {n}", 0, 1) for n in range(count)])


def answers(folder: Path) -> tuple[object, list[list[tuple[float, int, int]]]]:
    """What the pictures are searched with, and what it finds, by a library opened anew."""
    with Library.open(folder) as library:
        gallery = library.snapshot().parts[IMAGE]
        return gallery.sources[0].shard, gallery.nearest(queries(), 10)


def share(found: list[list[tuple[float, int, int]]], exact: list[list[tuple[float, int, int]]]) -> float:
    pairs = zip(found, exact, strict=True)
    return float(np.mean([len({near[1] for near in f} & {near[1] for near in e}) / len(e) for f, e in pairs]))


@pytest.mark.parametrize(("kind", "made"), [(Kind.LISTS, ListShard), (Kind.GRAPH, GraphShard)])
def test_the_library_reaches_what_was_asked(writer: Writer, kind: Kind, made: type) -> None:
    writer.build_shards()
    plain, exact = answers(writer.folder)
    ledger = set_recall(writer, 0.9, kind)
    shard, found = answers(writer.folder)
    assert isinstance(plain, FlatShard)
    with Library.open(writer.folder) as library:
        assert not library.snapshot().parts[IMAGE].exact
    assert isinstance(shard, made)
    assert isinstance(shard, ListShard | GraphShard)
    assert shard.effort is not None
    assert share(found, exact) >= 0.88
    assert ledger.entries[0].modality is IMAGE
    assert ("built anew whenever" in ledger.entries[0].reason) is (kind is Kind.GRAPH)
    known = [{near[1]: near for near in answer} for answer in exact]
    pairs = [
        (near, right[near[1]])
        for answer, right in zip(found, known, strict=True)
        for near in answer
        if near[1] in right
    ]
    assert all(near == right for near, right in pairs)  # score and point, to the last bit
    entry = next(entry for entry in ledger.entries if entry.modality == IMAGE)
    assert {one.asking for one in entry.tuned} == {"image", "text"}
    assert all(one.low >= 0.9 for one in entry.tuned)
    assert read_ledger(writer.folder) == ledger


def test_a_small_library_stays_exact_and_says_so(writer: Writer) -> None:
    ledger = set_recall(writer, 0.95)
    assert [entry.path for entry in ledger.entries] == [None, None]
    told = {row["modality"]: row["reason"] for row in described(ledger, writer.catalog.view().shards)}
    assert told["image"] == "exact: 1,500 points are fewer than 200,000, so every one is scored"
    assert isinstance(answers(writer.folder)[0], FlatShard)


def test_a_library_nobody_asked_anything_of_says_how_it_is_searched(writer: Writer) -> None:
    writer.build_shards()
    told = described(None, writer.catalog.view().shards)
    assert {row["kind"] for row in told} == {"exact"}
    assert not (writer.folder / FILE).exists()


def test_a_recall_asked_for_once_is_kept(writer: Writer) -> None:
    assert keep_recall(writer, None) is None
    first = keep_recall(writer, 0.8, Kind.LISTS)
    writer.commit(Batch([add("file:///new")]))
    second = keep_recall(writer, None)
    assert first is not None
    assert second is not None
    assert (second.recall, second.kind) == (0.8, Kind.LISTS)
    assert {entry.vectors for entry in second.entries} != {entry.vectors for entry in first.entries}
    (writer.folder / FILE).write_bytes(b"{}")
    assert keep_recall(writer, None) is None
    third = keep_recall(writer, 0.7)
    assert third is not None
    assert (third.recall, third.kind) == (0.7, None)


def test_new_and_removed_items_are_heeded_at_once(writer: Writer) -> None:
    set_recall(writer, 0.9, Kind.LISTS)
    _, before = answers(writer.folder)
    best = before[0][0]
    writer.commit(Batch([add("query 0")], remove=[best[1]]))
    shard, after = answers(writer.folder)
    assert isinstance(shard, ListShard)
    assert after[0][0][0] == pytest.approx(1.0, abs=1e-3)
    assert best[1] not in {near[1] for near in after[0]}


def test_proved_once_is_not_built_again_until_the_rows_change(writer: Writer) -> None:
    first = set_recall(writer, 0.9, Kind.LISTS)
    files = sorted(path.name for path in (writer.folder / FOLDER).iterdir())
    assert set_recall(writer, 0.9, Kind.LISTS) == first
    assert sorted(path.name for path in (writer.folder / FOLDER).iterdir()) == files
    writer.commit(Batch([add("file:///new")]))
    second = set_recall(writer, 0.9, Kind.LISTS)
    left = {f"{FOLDER}/{path.name}" for path in (writer.folder / FOLDER).iterdir()}
    assert left == {entry.path for entry in second.entries}
    assert sum(entry.rows for entry in second.entries) == ROWS + 301


@pytest.mark.parametrize("harm", ["flip", "cut", "lose", "ledger", "format"])
def test_what_is_damaged_is_searched_exactly(writer: Writer, harm: str, caplog: pytest.LogCaptureFixture) -> None:
    writer.build_shards()
    _, exact = answers(writer.folder)
    ledger = set_recall(writer, 0.9, Kind.LISTS)
    for entry in ledger.entries:
        assert entry.path is not None
        path = writer.folder / entry.path
        content = bytearray(path.read_bytes())
        if harm == "flip":
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        elif harm == "cut":
            path.write_bytes(content[:-9])
        elif harm == "lose":
            path.unlink()
    if harm == "ledger":
        (writer.folder / FILE).write_bytes(b"{}")
    elif harm == "format":
        row = json.loads((writer.folder / FILE).read_text())
        (writer.folder / FILE).write_text(json.dumps({**row, "format": 99}))
    with caplog.at_level(logging.WARNING):
        shard, found = answers(writer.folder)
    assert isinstance(shard, FlatShard)
    assert found == exact
    assert "until then the search is exact" in caplog.text


def test_one_modality_alone_says_that_its_figure_is_its_own(tmp_path: Path) -> None:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(ROWS)]))
        (entry,) = set_recall(writer, 0.8, Kind.LISTS).entries
    assert entry.reason.endswith("in-distribution queries only: images that ask for images")


def test_an_empty_library_has_nothing_to_prove(tmp_path: Path) -> None:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        assert set_recall(writer, 0.95).entries == ()


@pytest.mark.parametrize(("recall", "kind"), [(0.0, None), (2.0, None), (0.9, Kind.HALF)])
def test_what_cannot_be_is_refused_before_anything_is_built(writer: Writer, recall: float, kind: Kind | None) -> None:
    generation = writer.catalog.generation()
    with pytest.raises(BadInput):
        set_recall(writer, recall, kind)
    assert writer.catalog.generation() == generation
    assert not (writer.folder / FILE).exists()


def test_a_ledger_that_is_not_one_is_damaged(writer: Writer) -> None:
    (writer.folder / FILE).write_bytes(b"[]")
    with pytest.raises(Damaged, match="hearsee index --recall"):
        read_ledger(writer.folder)
