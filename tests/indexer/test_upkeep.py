"""Damage to what makes searching faster is found, never reaches FAISS, and is mended from the vectors."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import HearseeError
from hearsee.core.modality import Modality
from hearsee.indexer import proving
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.recall import keep_recall, set_recall
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.ledger import FILE, FOLDER, Ledger, read_ledger
from hearsee.indexer.shards.sealed import MAGIC
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add, vectors

ROWS = 1_000


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("proved")
    np.save(root / "queries.npy", np.concatenate([vectors(f"query {n}", 0, 1) for n in range(200)]))
    with Writer.open(root / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(ROWS)]))
        set_recall(writer, 0.9, Kind.GRAPH, [str(root / "queries.npy")])
    return root / "library"


@pytest.fixture
def library(proved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(proved, tmp_path / "library"))


def asked(folder: Path) -> Ledger:
    ledger = read_ledger(folder)
    assert ledger is not None
    return ledger


def index_file(folder: Path) -> Path:
    path = asked(folder).entries[0].path
    assert path is not None
    return folder / path


def shard(folder: Path) -> object:
    with Library.open(folder, space=SPACE) as opened:
        return opened.snapshot().parts[Modality.IMAGE].sources[0].shard


def flip(folder: Path) -> None:
    content = bytearray(index_file(folder).read_bytes())
    content[len(content) // 2] ^= 4
    index_file(folder).write_bytes(content)


def cut(folder: Path) -> None:
    index_file(folder).write_bytes(index_file(folder).read_bytes()[:-100])


def lose(folder: Path) -> None:
    index_file(folder).unlink()


def relabel(folder: Path, **changes: object) -> None:
    """As another version, or another library, would have sealed it: its checksum is right."""
    content = index_file(folder).read_bytes()
    label, _, rest = content[len(MAGIC) :].partition(b"\n")
    content = MAGIC + json.dumps({**json.loads(label), **changes}).encode() + b"\n" + rest
    index_file(folder).write_bytes(content)
    document = json.loads((folder / FILE).read_text())
    document["shards"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / FILE).write_text(json.dumps(document))


def other_faiss(folder: Path) -> None:
    relabel(folder, faiss="0.9")


def other_library(folder: Path) -> None:
    relabel(folder, vectors="f" * 64)


HARM = [flip, cut, lose, other_faiss, other_library]


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_shard_is_found_searched_exactly_and_built_again(
    library: Path, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    assert verify(library, space=SPACE).problems == ()
    assert isinstance(shard(library), GraphShard)
    harm(library)
    with caplog.at_level(logging.WARNING):
        assert isinstance(shard(library), FlatShard)
    assert "until then the search is exact" in caplog.text
    (problem,) = verify(library, space=SPACE).problems
    assert "image-" in problem
    report = verify(library, repair=True, space=SPACE)
    assert (report.problems, report.leftovers) == ((), ())
    assert any("for the image shard" in done for done in report.repaired)
    assert isinstance(shard(library), GraphShard)


@pytest.mark.parametrize("harm", HARM)
def test_the_next_run_builds_it_again_too(library: Path, harm: Callable[[Path], None]) -> None:
    harm(library)
    with Writer.open(library, space=SPACE) as writer:
        keep_recall(writer, None)
    assert isinstance(shard(library), GraphShard)
    assert verify(library, space=SPACE).problems == ()


def _no_memory(*_: object) -> None:
    raise MemoryError


def test_without_memory_to_build_it_again_the_search_stays_exact(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(library)
    with monkeypatch.context() as patch:
        patch.setattr(proving, "read_shard", _no_memory)
        with Writer.open(library, space=SPACE) as writer, pytest.raises(HearseeError, match="free memory"):
            keep_recall(writer, None)
        assert isinstance(shard(library), FlatShard)
    with Writer.open(library, space=SPACE) as writer:
        keep_recall(writer, None)
    assert isinstance(shard(library), GraphShard)


def test_a_record_that_cannot_be_read_goes_and_says_what_to_do(library: Path) -> None:
    (library / FILE).write_bytes(b"[]")
    (problem,) = verify(library, space=SPACE).problems
    assert "recall.json" in problem
    report = verify(library, repair=True, space=SPACE)
    assert (report.problems, report.leftovers) == ((), ())
    assert any("hearsee index --recall" in done for done in report.repaired)
    assert isinstance(shard(library), FlatShard)
    assert list((library / FOLDER).iterdir()) == []


def test_lost_queries_are_forgotten(library: Path) -> None:
    (library / asked(library).given[0].path).unlink()
    (problem,) = verify(library, space=SPACE).problems
    assert "queries-" in problem
    report = verify(library, repair=True, space=SPACE)
    assert report.problems == ()
    assert any("queries" in done for done in report.repaired)
    assert asked(library).given == ()
    assert {one.asking for one in asked(library).entries[0].tuned} == {"image"}


def test_a_file_that_was_never_served_is_left_over_and_harmless(library: Path) -> None:
    (library / FOLDER / "image-of-a-crash").write_bytes(b"half")
    report = verify(library, space=SPACE)
    assert (report.problems, report.leftovers) == ((), (f"{FOLDER}/image-of-a-crash",))
    Writer.open(library, space=SPACE).close()
    assert verify(library, space=SPACE).leftovers == ()
