"""Compaction changes where vectors lie, and nothing that anybody can ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hearsee.core.errors import Damaged
from hearsee.core.modality import Modality
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.lock import opening
from hearsee.indexer.sweep import named
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add, kept, same, vectors

QUERIES = vectors("q", 0, 5)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        yield writer


def fill(writer: Writer) -> dict[str, tuple[int, int]]:
    """Eight segments of pictures and sounds, some rows dead."""
    for version in range(4):
        pictures = [add(f"file:///p{n}", version) for n in range(version * 10, version * 10 + 20)]
        sounds = [add(f"file:///s{n}", version, 2, Modality.AUDIO) for n in range(version, version + 6)]
        writer.commit(Batch([*pictures, *sounds]))
    writer.remove(["file:///p49", "file:///s0"])
    expected = {f"file:///p{n}": (min(n // 10, 3), 1) for n in range(49)}
    return expected | {f"file:///s{n}": (min(n, 3), 2) for n in range(1, 9)}


def files(writer: Writer) -> set[str]:
    folders = [writer.folder / "segments", writer.folder / "shards"]
    return {path.relative_to(writer.folder).as_posix() for folder in folders for path in folder.iterdir()}


@pytest.mark.parametrize("sharded", [False, True])
def test_everything_live_survives_and_nothing_else(writer: Writer, sharded: bool) -> None:
    expected = fill(writer)
    if sharded:
        writer.build_shards()
    with Library.open(writer.folder) as library:
        before = {modality: part.nearest(QUERIES, 100) for modality, part in library.snapshot().parts.items()}
        report = writer.compact()
        assert (report.segments_before, report.segments_after) == (8, 2)
        assert report.rows_removed == 30 + 1 + 2 * 15 + 2
        assert {m: part.nearest(QUERIES, 100) for m, part in library.snapshot().parts.items()} == before
    assert same(kept(writer.folder, writer.catalog), expected)
    assert files(writer) == named(writer.catalog)
    stats = writer.catalog.stats()
    assert (stats["removed_points"], stats["removed_items"]) == (0, 0)
    assert verify(writer.folder).problems == ()


def test_a_second_compaction_has_nothing_to_do(writer: Writer) -> None:
    fill(writer)
    generation = writer.compact().generation
    assert writer.compact().generation == generation


def test_a_library_that_lost_all_its_items_becomes_empty(writer: Writer) -> None:
    fill(writer)
    writer.build_shards()
    writer.remove([item.id for item in writer.catalog.page(limit=1000)])
    assert writer.compact().segments_after == 0
    assert files(writer) == set()
    with Library.open(writer.folder) as library:
        assert library.snapshot().parts == {}


def test_large_segments_are_cut_and_rounds_follow_each_other(writer: Writer) -> None:
    expected = fill(writer)
    with Library.open(writer.folder) as library:
        before = {modality: part.nearest(QUERIES, 100) for modality, part in library.snapshot().parts.items()}
        writer.compact(round_points=16)
        after = {modality: part.nearest(QUERIES, 100) for modality, part in library.snapshot().parts.items()}
    assert before == after
    assert same(kept(writer.folder, writer.catalog), expected)
    segments = writer.catalog.segments()
    assert max(segment.rows for segment in segments) < 20
    assert sum(segment.rows for segment in segments) == 49 + 16
    assert files(writer) == named(writer.catalog)


def test_old_files_stay_while_a_reader_opens_them_and_go_with_the_next_writer(writer: Writer) -> None:
    fill(writer)
    with opening(writer.folder):
        writer.compact()
        assert len(files(writer) - named(writer.catalog)) == 8
    assert verify(writer.folder).problems == ()
    writer.close()
    with Writer.open(writer.folder, space=SPACE) as again:
        assert files(again) == named(again.catalog)


def test_a_damaged_segment_stops_it_before_anything_changes(writer: Writer) -> None:
    fill(writer)
    segment = writer.catalog.segments()[2]
    path = writer.folder / segment.path
    sound = path.read_bytes()
    path.write_bytes(sound[:-2] + b"??")
    generation = writer.catalog.generation()
    with pytest.raises(Damaged, match=path.name):
        writer.compact()
    # the other modality may have been compacted before; this one is as it was
    path.write_bytes(sound)
    assert writer.catalog.generation() >= generation
    assert segment in writer.catalog.segments()
    writer.compact()
    assert verify(writer.folder).problems == ()
