"""A disk that fills up stops the writer; what it acknowledged stays, and the next run goes on."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearsee.core.errors import HearseeError
from hearsee.indexer.library import Library
from hearsee.indexer.sweep import named
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.crasher import State, after, operation
from tests.indexer.stock import SPACE, kept, same
from tests.indexer.test_crash import ROOT, check_search


def until_full(folder: Path, seed: int, file_bytes: int | None) -> list[int]:
    """Write until it fails; which operations were acknowledged before."""

    def limit() -> None:
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))

    command = [sys.executable, "-m", "tests.indexer.crasher", str(folder), str(seed), "0"]
    child = subprocess.run(command, capture_output=True, cwd=ROOT, text=True, preexec_fn=limit, timeout=250)
    assert child.returncode == 1
    assert "hearsee.core.errors." in child.stderr.splitlines()[-1], child.stderr
    return [int(line) for line in child.stdout.splitlines() if line != "ready"]


def holds_what_was_acknowledged(folder: Path, seed: int, acknowledged: list[int]) -> State:
    state: State = {}
    for number in acknowledged:
        state = after(state, number, operation(seed, number))
    further = after(state, len(acknowledged), operation(seed, len(acknowledged)))
    with Library.open(folder, space=SPACE) as library:  # reads go on
        held = kept(folder, library.catalog)
    assert same(held, state) or same(held, further)
    state = state if same(held, state) else further
    assert verify(folder, space=SPACE).problems == ()
    check_search(folder, state)
    return state


def goes_on(folder: Path, state: State) -> None:
    with Writer.open(folder, space=SPACE) as writer:
        files = {p.relative_to(folder).as_posix() for d in ("segments", "shards") for p in (folder / d).iterdir()}
        assert files == named(writer.catalog)
        writer.compact()
        writer.build_shards()
        assert same(kept(folder, writer.catalog), state)
    assert verify(folder, space=SPACE).problems == ()


@pytest.mark.parametrize("kilobytes", [1, 2, 200, 300, 420])
def test_files_that_may_not_grow_stop_the_writer_cleanly(tmp_path: Path, kilobytes: int) -> None:
    folder, seed = tmp_path / "library", 5
    if kilobytes < 100:  # too little for a catalog: give it one first
        Writer.open(folder, space=SPACE).close()
    acknowledged = until_full(folder, seed, kilobytes * 1024)
    goes_on(folder, holds_what_was_acknowledged(folder, seed, acknowledged))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_every_fill_level_of_a_small_disk(small_disk: Path) -> None:
    for level in range(40):
        folder, ballast = small_disk / f"library{level}", small_disk / "ballast"
        Writer.open(folder, space=SPACE).close()
        free = os.statvfs(small_disk).f_bavail * 4096
        ballast.write_bytes(bytes(int(free * level / 40)))
        try:
            acknowledged = until_full(folder, level, None)
        finally:
            ballast.unlink()
        state = holds_what_was_acknowledged(folder, level, acknowledged)
        try:
            goes_on(folder, state)
        except HearseeError:
            assert level == 0  # the library itself may fill the disk
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
