"""`verify` names what is wrong, and repairs what can be had again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearsee.core.errors import NotFound
from hearsee.core.modality import Modality
from hearsee.indexer.batch import Batch
from hearsee.indexer.catalog import Change, NewShard
from hearsee.indexer.identity import NAME
from hearsee.indexer.library import Library
from hearsee.indexer.shards.files import stretches, write_shard
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add, kept, same, vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(10)]))
        writer.commit(Batch([add(f"file:///{n}") for n in range(10, 20)]))
        writer.commit(Batch([add("file:///sound", points=2, modality=Modality.AUDIO)]))
        writer.remove(["file:///3"])
        writer.build_shards()
        writer.commit(Batch([add("file:///20")]))
    return tmp_path / "library"


def spoil(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))


def test_a_sound_library_has_no_problems(folder: Path) -> None:
    report = verify(folder)
    assert (report.problems, report.repaired, report.leftovers) == ((), (), ())
    assert (report.generation, report.segments, report.points) == (6, 4, 22)


def test_a_lost_segment_costs_its_items_and_only_those(folder: Path) -> None:
    with Library.open(folder) as library:
        segment = library.catalog.segments()[1]
    spoil(folder / segment.path)
    assert any(segment.path in problem for problem in verify(folder).problems)
    report = verify(folder, repair=True)
    assert report.problems == ()
    assert any("dropped 10 items" in done for done in report.repaired)
    with Library.open(folder) as library:
        expected = {f"file:///{n}": (0, 1) for n in [0, 1, 2, *range(4, 10), 20]} | {"file:///sound": (0, 2)}
        assert same(kept(folder, library.catalog), expected)
        assert library.snapshot().parts[Modality.IMAGE].items == 10
    with Writer.open(folder, space=SPACE) as writer:  # what was dropped can come back
        writer.commit(Batch([add(f"file:///{n}") for n in range(10, 20)]))
    assert verify(folder).problems == ()


@pytest.mark.parametrize("which", ["path", "rows_path"])
@pytest.mark.parametrize("lost", [True, False])
def test_a_shard_that_is_lost_or_damaged_is_rebuilt(folder: Path, which: str, lost: bool) -> None:
    with Library.open(folder) as library:
        before = {m: part.nearest(vectors("q", 0, 3), 30) for m, part in library.snapshot().parts.items()}
        path: Path = folder / getattr(library.catalog.view().shards[0], which)
    path.unlink() if lost else spoil(path)
    (problem,) = verify(folder).problems
    assert path.name in problem
    report = verify(folder, repair=True)
    assert (report.problems, report.repaired) == ((), ["rebuilt the shards from the segments"])
    with Library.open(folder) as library:
        assert {m: part.nearest(vectors("q", 0, 3), 30) for m, part in library.snapshot().parts.items()} == before


def test_a_shard_of_other_vectors_is_found_out_though_its_checksum_holds(folder: Path) -> None:
    with Writer.open(folder, space=SPACE) as writer:
        view = writer.catalog.view()
        images = [segment for segment in view.segments if segment.modality == Modality.IMAGE][:2]
        ids = [segment.id for segment in images]
        parts = stretches(images, ids, writer.catalog.points_of(ids))

        def forged(order: list[int]) -> NewShard:
            return write_shard(folder, SPACE, Modality.IMAGE, [parts[n] for n in order], ids)

        right, wrong = forged([0, 1]), forged([1, 0])
        crossed = {**vars(right), "path": wrong.path, "sha256": wrong.sha256, "bytes": wrong.bytes}
        writer.catalog.commit(Change(shards=[NewShard(**crossed)]))
    assert any("holds other vectors than" in problem for problem in verify(folder).problems)
    assert verify(folder, repair=True).problems == ()


def test_a_shard_that_lacks_points_is_found_out(folder: Path) -> None:
    with Writer.open(folder, space=SPACE) as writer:
        images = [segment for segment in writer.catalog.segments() if segment.modality == Modality.IMAGE]
        ids = [segment.id for segment in images]
        parts = stretches(images, ids, writer.catalog.points_of(ids))
        writer.catalog.commit(Change(shards=[write_shard(folder, SPACE, Modality.IMAGE, parts[:2], ids)]))
    assert any("lacks points of" in problem for problem in verify(folder).problems)
    assert verify(folder, repair=True).problems == ()


def test_leftovers_are_no_problem_and_go_with_a_repair(folder: Path) -> None:
    (folder / "segments/image-1.npy.tmp").write_bytes(b"half")
    report = verify(folder)
    assert (report.problems, report.leftovers) == ((), ("segments/image-1.npy.tmp",))
    report = verify(folder, repair=True)
    assert report.leftovers == ()
    assert report.repaired == ["removed segments/image-1.npy.tmp, which no commit names"]


@pytest.mark.parametrize("lost", [True, False])
def test_a_lost_library_json_is_written_again(folder: Path, lost: bool) -> None:
    said = json.loads((folder / NAME).read_bytes())
    (folder / NAME).unlink() if lost else (folder / NAME).write_text("{broken")
    assert any(NAME in problem for problem in verify(folder).problems)
    report = verify(folder, repair=True)
    assert report.problems == ()
    assert json.loads((folder / NAME).read_bytes()) == said


def test_a_folder_that_is_no_library_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a library"):
        verify(tmp_path)
