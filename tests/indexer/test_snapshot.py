"""A served snapshot never changes; the next one reuses what still holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearsee.core.modality import Modality
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add, vectors

IMAGE = Modality.IMAGE
QUERIES = vectors("q", 0, 5)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(30)]))
        yield writer


@pytest.fixture
def library(writer: Writer) -> Iterator[Library]:
    with Library.open(writer.folder) as library:
        yield library


def test_nothing_new_is_the_same_snapshot(library: Library) -> None:
    assert library.snapshot() is library.snapshot()


def test_an_old_snapshot_answers_as_it_did(writer: Writer, library: Library) -> None:
    old = library.snapshot()
    before = old.parts[IMAGE].nearest(QUERIES, 30)
    writer.build_shards()
    sharded = library.snapshot()
    writer.remove([f"file:///{n}" for n in range(10)])
    writer.commit(Batch([add("file:///20", 7), add("file:///new")]))
    writer.compact()
    new = library.snapshot()
    assert new.parts[IMAGE].items == 21
    assert old.parts[IMAGE].nearest(QUERIES, 30) == before
    assert sharded.parts[IMAGE].nearest(QUERIES, 30) == before


def test_removed_items_are_never_found(writer: Writer, library: Library) -> None:
    writer.build_shards()
    every = library.snapshot().parts[IMAGE].nearest(QUERIES, 30)
    gone = {writer.catalog.find([uri])[uri].id for uri in ("file:///3", "file:///4", "file:///5")}
    writer.remove(sorted(gone))
    left = library.snapshot().parts[IMAGE].nearest(QUERIES, 30)
    assert left == [[near for near in answer if near[1] not in gone] for answer in every]


def test_a_shard_in_memory_is_shared_between_generations(writer: Writer, library: Library) -> None:
    writer.build_shards()
    first = library.snapshot()
    writer.commit(Batch([add("file:///new")]))
    writer.remove(["file:///1"])
    second = library.snapshot()
    assert second.parts[IMAGE].sources[0].shard is first.parts[IMAGE].sources[0].shard


def test_the_delta_need_not_be_read_twice(writer: Writer, library: Library) -> None:
    first = library.snapshot().parts[IMAGE].nearest(QUERIES, 10)
    for segment in writer.catalog.segments():
        (writer.folder / segment.path).unlink()
    writer.commit(Batch([add("file:///new")]))
    writer.remove(["file:///new"])
    assert library.snapshot().parts[IMAGE].nearest(QUERIES, 10) == first


def test_what_is_left_of_a_segment_in_memory_keeps_its_own_vectors(writer: Writer, library: Library) -> None:
    library.snapshot()
    for gone in (["file:///0"], ["file:///7", "file:///9"], ["file:///29"]):
        writer.remove(gone)
        with Library.open(writer.folder) as fresh:
            expected = fresh.snapshot().parts[IMAGE].nearest(QUERIES, 30)
        assert library.snapshot().parts[IMAGE].nearest(QUERIES, 30) == expected


@pytest.mark.parametrize("which", ["path", "rows_path"])
def test_a_damaged_shard_is_rebuilt_in_memory_and_said(
    writer: Writer, library: Library, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = library.snapshot().parts[IMAGE].nearest(QUERIES, 30)
    writer.build_shards()
    (shard,) = writer.catalog.view().shards
    path: Path = writer.folder / getattr(shard, which)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    caplog.set_level(logging.WARNING)
    with Library.open(writer.folder) as fresh:
        assert fresh.snapshot().parts[IMAGE].nearest(QUERIES, 30) == before
    assert path.name in caplog.text
    assert path.read_bytes().endswith(b"?")  # a reader never writes


def test_a_reader_leaves_no_trace_in_the_folder(writer: Writer, library: Library) -> None:
    library.snapshot()
    writer.close()
    files = {p: p.stat().st_mtime_ns for p in writer.folder.rglob("*") if "sqlite" not in p.name}
    with Library.open(writer.folder) as other:
        other.snapshot().parts[IMAGE].nearest(QUERIES, 3)
    assert {p: p.stat().st_mtime_ns for p in writer.folder.rglob("*") if "sqlite" not in p.name} == files


def test_an_empty_library_has_no_parts(tmp_path: Path) -> None:
    Writer.open(tmp_path / "empty", space=SPACE).close()
    with Library.open(tmp_path / "empty") as library:
        assert library.snapshot().parts == {}
