"""A recall can be proved with the queries of a file, which the library keeps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.recall import keep_recall, set_recall
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.ledger import FILE, FOLDER, read_ledger
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.writer import Writer
from tests.indexer.stock import DIM, SPACE, add, vectors

ROWS = 1_500


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "library"
    with Writer.open(folder, space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(ROWS)]))
    return folder


@pytest.fixture
def writer(filled: Path, tmp_path: Path) -> Iterator[Writer]:
    with Writer.open(Path(shutil.copytree(filled, tmp_path / "library")), space=SPACE) as writer:
        yield writer


def array(folder: Path, count: int = 300) -> Path:
    path = folder / "queries.npy"
    np.save(path, np.concatenate([vectors(f"query {n}", 0, 1) for n in range(count)]))
    return path


def lines(folder: Path, count: int = 300) -> Path:
    path = folder / "queries.txt"
    path.write_text("\n".join(f"what is number {n}?" for n in range(count)) + "\n\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("make", [array, lines])
def test_queries_of_a_file_are_what_proves(writer: Writer, tmp_path: Path, make: type) -> None:
    ledger = set_recall(writer, 0.9, Kind.LISTS, [str(make(tmp_path))])
    (entry,) = ledger.entries
    proved = {one.asking: one for one in entry.tuned}
    assert {asking: one.queries for asking, one in proved.items()} == {"image": 1_000, "text": 300}
    assert all(one.low >= 0.9 for one in entry.tuned)
    assert "in-distribution" not in entry.reason
    assert read_ledger(writer.folder) == ledger
    with Library.open(writer.folder, space=SPACE) as library:
        (source,) = library.snapshot().parts[Modality.IMAGE].sources
    shards = [source.shard_for(asking) for asking in (Modality.TEXT, Modality.IMAGE, None)]
    efforts = [shard.effort for shard in shards if isinstance(shard, ListShard)]
    assert efforts[:2] == [proved["text"].effort, proved["image"].effort]
    assert efforts[2] in efforts[:2]  # nobody knows who asks: the dearest


def test_queries_are_kept_for_later_runs_and_replaced_by_others(writer: Writer, tmp_path: Path) -> None:
    first = set_recall(writer, 0.9, Kind.LISTS, [str(array(tmp_path))])
    writer.commit(Batch([add(f"file:///new{n}") for n in range(200)]))
    second = keep_recall(writer, None)
    assert second is not None
    assert second.given == first.given
    assert {one.asking for one in second.entries[0].tuned} == {"image", "text"}
    assert second.entries[0].learned == ROWS
    third = keep_recall(writer, None, queries=[f"image:{array(tmp_path, 120)}", str(lines(tmp_path))])
    assert third is not None
    assert {one.asking: one.queries for one in third.entries[0].tuned} == {"image": 120, "text": 300}
    assert third.entries[0].learned == ROWS
    assert {f"{FOLDER}/{path.name}" for path in (writer.folder / FOLDER).iterdir()} == third.paths


def bad_files(folder: Path) -> dict[str, Path]:
    made = {name: folder / f"{name}.npy" for name in ("flat", "short", "long", "nan", "zero", "pickle", "cut", "few")}
    np.save(made["flat"], np.ones(DIM, np.float32))
    np.save(made["short"], np.ones((200, DIM - 1), np.float32))
    np.save(made["long"], np.ones((200, DIM), np.int64))
    np.save(made["nan"], np.full((200, DIM), np.nan, np.float32))
    np.save(made["zero"], np.zeros((200, DIM), np.float32))
    np.save(made["pickle"], np.array([{"a": 1}], object), allow_pickle=True)
    np.save(made["few"], np.ones((3, DIM), np.float32))
    made["cut"].write_bytes(made["zero"].read_bytes()[:200])
    made["latin"] = folder / "latin.txt"
    made["latin"].write_bytes("höre\n".encode("latin-1") * 300)
    made["same"] = folder / "same.txt"
    made["same"].write_text("again\n" * 300)
    made["none"] = folder / "none.txt"
    return made


BAD = ["flat", "short", "long", "nan", "zero", "pickle", "cut", "few", "latin", "same", "none"]


@pytest.mark.parametrize("name", BAD)
def test_what_holds_no_queries_is_refused_and_changes_nothing(writer: Writer, tmp_path: Path, name: str) -> None:
    path = bad_files(tmp_path)[name]
    generation = writer.catalog.generation()
    with pytest.raises(BadInput, match=path.name):
        set_recall(writer, 0.9, Kind.LISTS, [str(path)])
    assert writer.catalog.generation() == generation
    assert not (writer.folder / FILE).exists()


def test_a_text_cannot_ask_as_a_picture(writer: Writer, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"queries of modality image are given as a \.npy"):
        set_recall(writer, 0.9, Kind.LISTS, [f"image:{lines(tmp_path)}"])


def test_a_file_of_queries_that_was_lost_stops_no_search(writer: Writer, tmp_path: Path) -> None:
    ledger = set_recall(writer, 0.9, Kind.LISTS, [str(array(tmp_path))])
    (writer.folder / ledger.given[0].path).unlink()
    with Library.open(writer.folder, space=SPACE) as library:
        assert isinstance(library.snapshot().parts[Modality.IMAGE].sources[0].shard, ListShard)
    writer.commit(Batch([add(f"file:///new{n}") for n in range(300)]))
    writer.build_shards()  # proved with what the library holds itself
    after = read_ledger(writer.folder)
    assert after is not None
    assert {one.asking for one in after.entries[0].tuned} == {"image"}
