"""A disk that refuses at random: what the writer acknowledged stays, whichever call failed; needs `fiu-run`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hearsee.indexer.library import Library
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE
from tests.indexer.test_crash import ROOT
from tests.indexer.test_full_disk import goes_on, holds_what_was_acknowledged

# What may fail, and how often; all the ways in which a byte reaches the disk and a name the folder.
POINTS = {
    "posix/io/sync/fsync": 0.02,
    "posix/io/sync/fdatasync": 0.02,
    "posix/io/rw/pwrite": 0.004,
    "posix/io/dir/rename": 0.03,
}
TEXTS = 2_000
pytestmark = [
    pytest.mark.campaign,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(shutil.which("fiu-run") is None, reason="no fiu-run: apt-get install fiu-utils"),
]


def faulty(point: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python where this call of the C library fails at random."""
    inject = ["fiu-run", "-x", "-c", f"enable_random name={point},probability={POINTS[point]}"]
    return subprocess.run(
        [*inject, sys.executable, *command], capture_output=True, text=True, cwd=ROOT, timeout=600, check=False
    )


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("seed", range(5))
def test_a_call_that_fails_stops_the_writer_and_loses_nothing(tmp_path: Path, point: str, seed: int) -> None:
    folder = tmp_path / "library"
    Writer.open(folder, space=SPACE).close()
    ran = faulty(point, "-m", "tests.indexer.crasher", str(folder), str(seed), "0")
    assert ran.returncode == 1
    assert "hearsee.core.errors." in ran.stderr.splitlines()[-1], ran.stderr
    acknowledged = [int(line) for line in ran.stdout.splitlines() if line != "ready"]
    assert acknowledged == list(range(len(acknowledged)))
    goes_on(folder, holds_what_was_acknowledged(folder, seed, acknowledged))


@pytest.mark.parametrize("point", POINTS)
def test_hearsee_index_keeps_what_it_said(tmp_path: Path, point: str) -> None:
    """Again and again until it is through: each run holds what all before it acknowledged, and says what went wrong."""
    table, folder = tmp_path / "texts.jsonl", tmp_path / "library"
    table.write_text("".join(json.dumps({"text": f"text {n}", "n": n}) + "\n" for n in range(TEXTS)))
    held, generation = 0, -1
    Writer.open(folder, space=SPACE).close()
    for _ in range(40):
        ran = faulty(point, "-m", "hearsee.api.main", "index", str(table), "--library", str(folder), "--json")
        said = [json.loads(line) for line in ran.stdout.splitlines()]
        generation = max([generation, *(line["generation"] for line in said)])
        held += sum(line["items"] for line in said if "items" in line)
        assert ran.returncode == 0 or len(ran.stderr.splitlines()) == 1, ran.stderr
        with Library.open(folder) as library:
            assert library.catalog.generation() >= generation
            assert sum(library.catalog.stats()["items"].values()) >= held
        assert verify(folder).problems == ()
        if ran.returncode == 0:
            break
    clean = subprocess.run(
        [sys.executable, "-m", "hearsee.api.main", "index", str(table), "--library", str(folder)],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert clean.returncode == 0, clean.stderr
    with Library.open(folder) as library:
        assert sum(library.catalog.stats()["items"].values()) == TEXTS
    assert verify(folder).problems == ()
