"""Readers while a writer writes: no crash, no wrong id, no vector that no commit ever held."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.vectors import Vectors
from hearsee.indexer.library import Library
from hearsee.indexer.verify import verify
from tests.indexer.crasher import operation
from tests.indexer.stock import vectors

ROOT = Path(__file__).parents[2]
SEED = 77


class Reader(threading.Thread):
    """Asks for versions that it knows and checks that what comes back is one of them."""

    def __init__(self, library: Library, stop: threading.Event, seed: int) -> None:
        super().__init__()
        self.library = library
        self.stop = stop
        self.dice = np.random.default_rng(seed)
        self.wrong: list[str] = []
        self.answers = 0

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.ask()
        except BaseException as error:
            self.wrong.append(repr(error))

    def ask(self) -> None:
        snapshot = self.library.snapshot()
        for modality, part in snapshot.parts.items():
            query = vectors("question", int(self.dice.integers(1000)), 1)
            (near,) = part.nearest(query, 5)
            items = self.library.catalog.items([item for _, item, _ in near])
            for score, id_, _ in near:
                item = items.get(id_)
                if item is None:
                    continue  # compacted away since: then this snapshot is not the newest one
                if item.modality != modality:
                    self.wrong.append(f"{item.uri} is no {modality}")
                elif not self.ever(item.uri, int(item.metadata["version"]), query, score):
                    self.wrong.append(f"{item.uri} never scored {score}")
            if len(items) < len(near) and self.library.catalog.generation() == snapshot.generation:
                self.wrong.append("a served item is not in the catalog")
        self.answers += 1

    def ever(self, uri: str, newest: int, query: Vectors, score: float) -> bool:
        """Whether any version of the item up to the newest one has a point of that cosine."""
        for version in range(newest + 1):
            op = operation(SEED, version)
            if op.kind == "put" and uri in op.uris:
                rows = vectors(uri, version, op.points)
                cosines = rows @ query[0] / np.linalg.norm(rows, axis=1)
                if np.abs(cosines - score).min() < 1e-4:
                    return True
        return False


def test_readers_see_only_what_some_commit_held(tmp_path: Path) -> None:
    read_while_written(tmp_path / "library", threads=4, seconds=8)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
def test_sixteen_readers_for_ten_minutes(tmp_path: Path) -> None:
    read_while_written(tmp_path / "library", threads=16, seconds=600)


def read_while_written(folder: Path, threads: int, seconds: float) -> None:
    """The writer is another process that also removes, compacts and builds shards without a pause."""
    command = [sys.executable, "-m", "tests.indexer.crasher", str(folder), str(SEED), "0"]
    said = folder.with_name("said")
    with said.open("w") as out, subprocess.Popen(command, stdout=out, cwd=ROOT) as child:
        while not said.read_text().startswith("ready"):
            assert child.poll() is None
            time.sleep(0.02)
        stop = threading.Event()
        with Library.open(folder) as library:
            readers = [Reader(library, stop, seed) for seed in range(threads)]
            for reader in readers:
                reader.start()
            time.sleep(seconds)
            stop.set()
            for reader in readers:
                reader.join()
        assert child.poll() is None
        child.kill()
    assert [wrong for reader in readers for wrong in reader.wrong] == []
    assert min(reader.answers for reader in readers) > 3
    assert verify(folder).problems == ()
