"""A library from the outside: made, opened, refused, and read while it changes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.errors import BadInput, Busy, Damaged, HearseeError, NotFound, Refused
from hearsee.core.modality import Modality
from hearsee.core.space import Head, Space
from hearsee.indexer.batch import Batch
from hearsee.indexer.catalog import Catalog, NewFields, sqlite_url
from hearsee.indexer.identity import NAME, Identity
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from tests.indexer.stock import DIM, SOURCE, SPACE, add, kept, same, vectors

IMAGE = Modality.IMAGE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def writer(folder: Path) -> Iterator[Writer]:
    with Writer.open(folder, space=SPACE) as writer:
        yield writer


def test_what_is_committed_is_found(writer: Writer, folder: Path) -> None:
    commit = writer.commit(Batch([add("file:///bell"), add("file:///rain", points=3, modality=Modality.AUDIO)]))
    assert (commit.generation, commit.items) == (1, 2)
    with Library.open(folder) as library:
        (near,) = library.snapshot().parts[Modality.AUDIO].nearest(vectors("file:///rain", 0, 3)[2:], 5)
        score, item, point = near[0]
        assert len(near) == 1
        assert score == pytest.approx(1, abs=1e-3)
        assert library.catalog.items([item])[item].uri == "file:///rain"
        assert library.catalog.spans([point])[point].start == 2


def test_an_update_replaces_and_keeps_the_id(writer: Writer, folder: Path) -> None:
    writer.commit(Batch([add("file:///bell", 0, 2), add("file:///rain")]))
    before = writer.catalog.find(["file:///bell"])["file:///bell"]
    writer.commit(Batch([add("file:///bell", 1)]))
    after = writer.catalog.find(["file:///bell"])["file:///bell"]
    assert (after.id, after.content) == (before.id, add("file:///bell", 1).content)
    assert same(kept(folder, writer.catalog), {"file:///bell": (1, 1), "file:///rain": (0, 1)})
    with Library.open(folder) as library:
        (near,) = library.snapshot().parts[IMAGE].nearest(vectors("file:///bell", 0, 2)[:1], 2)
        assert max(score for score, _, _ in near) < 0.99  # the old vectors are gone


def test_new_fields_leave_the_vectors_alone(writer: Writer, folder: Path) -> None:
    writer.commit(Batch([add("file:///bell")]))
    with Library.open(folder) as library:
        before = library.snapshot().parts[IMAGE].nearest(vectors("q", 0, 1), 5)
        writer.commit(Batch(fields=[NewFields("file:///bell", SOURCE, caption="two bells", metadata={"version": 0})]))
        assert library.snapshot().parts[IMAGE].nearest(vectors("q", 0, 1), 5) == before
        item = library.catalog.by_uri("file:///bell")
        assert item is not None
        assert item.caption == "two bells"


def test_equal_bytes_are_copied_and_not_encoded_again(writer: Writer, folder: Path) -> None:
    first = add("file:///bell", 0, 3)
    writer.commit(Batch([first]))
    placed = writer.catalog.placed([(first.modality, first.content)])[first.modality, first.content]
    again = replace(first, uri="file:///copy", vectors=writer.vectors(placed), spans=[p.span for p in placed])
    writer.commit(Batch([again]))
    held = kept(folder, writer.catalog)
    assert held.keys() == {"file:///bell", "file:///copy"}
    assert np.array_equal(held["file:///bell"][1], held["file:///copy"][1])


def test_removal_is_by_uri_or_id_and_all_or_nothing(writer: Writer, folder: Path) -> None:
    writer.commit(Batch([add(f"file:///{n}") for n in range(4)]))
    id_ = writer.catalog.find(["file:///1"])["file:///1"].id
    for unknown in (["file:///0", "file:///9"], [id_, 999]):
        with pytest.raises(NotFound, match="nothing was removed"):
            writer.remove(unknown)
    assert writer.remove(["file:///0", id_, "file:///1"]).items == 2
    assert kept(folder, writer.catalog).keys() == {"file:///2", "file:///3"}
    with pytest.raises(NotFound):
        writer.remove([id_])  # is gone already


def test_an_answer_is_the_same_before_and_after_shards_are_built(writer: Writer, folder: Path) -> None:
    rows = [add(f"file:///{n}", points=1 + n % 3) for n in range(60)]
    queries = vectors("q", 0, 10)
    with Library.open(folder) as library:
        for start in range(0, 60, 20):
            writer.commit(Batch(rows[start : start + 20]))
            before = library.snapshot().parts[IMAGE].nearest(queries, 15)
            writer.build_shards()
            after = library.snapshot().parts[IMAGE]
            assert after.nearest(queries, 15) == before
            assert len(after.sources) == 1


def test_shards_are_made_only_where_something_changed(writer: Writer) -> None:
    writer.commit(Batch([add("file:///bell"), add("file:///rain", modality=Modality.AUDIO)]))
    writer.build_shards()
    first = {shard.modality: shard.path for shard in writer.catalog.view().shards}
    writer.build_shards()
    writer.commit(Batch([add("file:///drum")]))
    writer.build_shards()
    second = {shard.modality: shard.path for shard in writer.catalog.view().shards}
    assert first[Modality.AUDIO] == second[Modality.AUDIO]
    assert first[IMAGE] != second[IMAGE]
    assert not (writer.folder / first[IMAGE]).exists()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (np.full((1, DIM), np.nan, np.float32), "not finite"),
        (np.zeros((1, DIM), np.float32), "row of zeros"),
        (np.ones((2, DIM), np.float32), r"shape \(2, 16\)"),
        (np.ones((1, DIM + 1), np.float32), r"shape \(1, 17\)"),
        (np.ones((0, DIM), np.float32), r"shape \(0, 16\)"),
    ],
)
def test_bad_vectors_are_refused_by_name_and_nothing_is_kept(
    writer: Writer, bad: np.ndarray[tuple[int, int], np.dtype[np.float32]], said: str
) -> None:
    with pytest.raises(BadInput, match=f"file:///bad.*{said}"):
        writer.commit(Batch([add("file:///good"), replace(add("file:///bad"), vectors=bad)]))
    assert writer.catalog.generation() == 0
    assert list((writer.folder / "segments").iterdir()) == []
    assert writer.commit(Batch([add("file:///good")])).generation == 1  # no harm done


def test_a_commit_that_names_a_uri_twice_leaves_no_file(writer: Writer) -> None:
    with pytest.raises(BadInput, match="twice"):
        writer.commit(Batch([add("file:///bell"), add("file:///bell", 1)]))
    assert list((writer.folder / "segments").iterdir()) == []
    assert writer.commit(Batch([add("file:///bell")])).generation == 1


def test_after_a_failed_write_nothing_more_is_acknowledged(writer: Writer, folder: Path) -> None:
    writer.commit(Batch([add("file:///bell")]))
    (folder / "segments").rename(folder / "away")
    with pytest.raises(HearseeError, match="cannot be written"):
        writer.commit(Batch([add("file:///rain")]))
    (folder / "away").rename(folder / "segments")
    for attempt in (lambda: writer.commit(Batch([add("file:///rain")])), writer.build_shards, writer.compact):
        with pytest.raises(HearseeError, match="nothing more is written"):
            attempt()
    writer.close()
    with Writer.open(folder, space=SPACE) as again:
        again.commit(Batch([add("file:///rain")]))
        assert kept(folder, again.catalog).keys() == {"file:///bell", "file:///rain"}


def test_a_second_writer_is_refused(writer: Writer) -> None:
    with pytest.raises(Busy, match=f"is being written by process {os.getpid()}"):
        Writer.open(writer.folder, space=SPACE)


def test_a_new_writer_removes_orphans_and_nothing_else(folder: Path) -> None:
    with Writer.open(folder, space=SPACE) as writer:
        writer.commit(Batch([add("file:///bell")]))
        writer.build_shards()
    for name in ("segments/image-lost.npy", "segments/x.npy.tmp", "shards/image-lost.points.npy", "library.json.tmp"):
        (folder / name).write_bytes(b"half")
    before = {p for p in folder.rglob("*.npy") if "lost" not in p.name}
    with Library.open(folder) as library:
        library.snapshot()  # a reader removes nothing
    assert (folder / "segments/image-lost.npy").exists()
    with Writer.open(folder, space=SPACE) as writer:
        assert set(folder.rglob("*.npy")) == before
        assert not list(folder.rglob("*.tmp"))
        assert kept(folder, writer.catalog).keys() == {"file:///bell"}


def test_another_space_is_refused_with_what_differs(folder: Path) -> None:
    Writer.open(folder, space=SPACE).close()
    other = Space("hash", 16, {**SPACE.towers, IMAGE: HashEncoder(IMAGE, 8)})
    for attempt in (lambda: Writer.open(folder, space=other), lambda: Library.open(folder, space=other)):
        with pytest.raises(Refused, match=r"image tower \(\w{12} -> \w{12}\): tower: hash-image-16 -> hash-image-8"):
            attempt()
    turned = Space("hash", 16, SPACE.towers, {IMAGE: Head(np.eye(16, dtype=np.float32)[::-1].copy())})
    with pytest.raises(Refused, match="their heads differ"):
        Library.open(folder, space=turned)
    Writer.open(folder, space=SPACE).close()  # a refusal leaves no lock


def test_a_folder_that_is_no_library_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"mine")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotFound, match="hearsee index SOURCE --library"):
        Library.open(tmp_path / "nowhere")
    with pytest.raises(NotFound, match="is not a library"):
        Library.open(tmp_path)
    with pytest.raises(NotFound, match="is a file"):
        Library.open(tmp_path / "file")
    with pytest.raises(Refused, match="holds"):
        Writer.open(tmp_path, space=SPACE)
    with pytest.raises(NotFound):
        Writer.open(tmp_path / "nowhere", space=SPACE, create=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "photo.png"]


def test_a_library_whose_founding_was_interrupted_is_finished(folder: Path) -> None:
    folder.mkdir()
    Identity(None, None).write(folder)  # killed before the catalog was made
    with pytest.raises(NotFound, match="never finished"):
        Library.open(folder)
    Writer.open(folder, space=SPACE).close()
    made = Identity.read(folder).library_id
    (folder / NAME).unlink()
    Identity(None, None).write(folder)  # killed after it was made
    Writer.open(folder, space=SPACE).close()
    assert Identity.read(folder).library_id == made


def test_a_catalog_of_another_library_is_refused(folder: Path, tmp_path: Path) -> None:
    Writer.open(folder, space=SPACE).close()
    url = sqlite_url(tmp_path / "other.sqlite")
    Catalog.create(url, SPACE).close()
    with pytest.raises(Refused, match="belongs to library"):
        Library.open(folder, database=url)
    with pytest.raises(Refused, match="belongs to library"):
        Writer.open(folder, space=SPACE, database=url)


def test_library_json_is_private_and_says_whose_catalog_it_is(folder: Path, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "elsewhere.sqlite")
    with Writer.open(folder, space=SPACE, database=url) as writer:
        writer.commit(Batch([add("file:///bell")]))
    said = json.loads((folder / NAME).read_bytes())
    assert (said["format"], said["database"]) == (1, url)
    assert (folder / NAME).stat().st_mode & 0o077 == 0
    with Library.open(folder) as library:  # finds its database by itself
        assert library.info.library_id == said["library_id"]
        assert library.snapshot().parts[IMAGE].items == 1
    (folder / NAME).write_text("{}")
    with pytest.raises(Damaged, match=r"library\.json is damaged"):
        Library.open(folder)


def test_postgresql_holds_a_library_too(folder: Path, postgres_url: str) -> None:
    with Writer.open(folder, space=SPACE, database=postgres_url) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(5)]))
        writer.remove(["file:///3"])
        writer.compact()
        assert same(kept(folder, writer.catalog), {f"file:///{n}": (0, 1) for n in (0, 1, 2, 4)})
    with Library.open(folder) as library:
        assert library.snapshot().parts[IMAGE].items == 4
    with pytest.raises(Refused, match="already holds a library"):
        Writer.open(folder.with_name("other"), space=SPACE, database=postgres_url)


def test_heads_carry_backbone_vectors_into_the_shared_space(folder: Path) -> None:
    matrix = np.random.default_rng(3).standard_normal((16, 6)).astype(np.float32)
    space = Space("bent", 6, {IMAGE: SPACE.towers[IMAGE]}, {IMAGE: Head(matrix)})
    with Writer.open(folder, space=space) as writer, Library.open(folder, space=space) as library:
        writer.commit(Batch([add(f"file:///{n}") for n in range(9)]))
        queries = space.project(IMAGE, vectors("file:///4", 0, 1))
        fresh = library.snapshot().parts[IMAGE].nearest(queries, 3)
        writer.build_shards()
        assert library.snapshot().parts[IMAGE].nearest(queries, 3) == fresh
        item = library.catalog.items([fresh[0][0][1]])
        assert [found.uri for found in item.values()] == ["file:///4"]
