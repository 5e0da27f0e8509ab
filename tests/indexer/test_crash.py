"""Killed at any moment, a library holds every acknowledged commit whole, at most one more, and nothing else."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import NotFound
from hearsee.core.modality import Modality
from hearsee.indexer.library import Library
from hearsee.indexer.sweep import named
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.crasher import State, after, modality, operation
from tests.indexer.stock import SPACE, kept, same, vectors

ROOT = Path(__file__).parents[2]


def killed(folder: Path, seed: int, start: int, dice: random.Random) -> int:
    """Run a writer from an operation on, kill it after a random time; how many operations it acknowledged."""
    command = [sys.executable, "-m", "tests.indexer.crasher", str(folder), str(seed), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as child:
        assert child.stdout is not None
        if dice.random() < 0.9:
            assert child.stdout.readline() == "ready\n"
            time.sleep(dice.random() * 0.35)
        else:  # perhaps while the library is made or opened
            time.sleep(dice.random() * 1.2)
        child.send_signal(signal.SIGKILL)
        said = [line for line in child.stdout.read().splitlines() if line != "ready"]
    assert said == [str(start + n) for n in range(len(said))]
    return len(said)


def check_search(folder: Path, expected: State) -> None:
    """Every item is found as its own nearest, from the shards and the delta as they are."""
    with Library.open(folder, space=SPACE) as library:
        parts = library.snapshot().parts
        held = {m: sum(modality(uri) == m for uri in expected) for m in (Modality.IMAGE, Modality.AUDIO)}
        assert {m: g.items for m, g in parts.items() if g.items} == {m: n for m, n in held.items() if n}
        for uri, (version, points) in list(expected.items())[:20]:
            near = parts[modality(uri)].nearest(vectors(uri, version, points), 1)
            items = library.catalog.items([found[0][1] for found in near])
            assert {item.uri for item in items.values()} == {uri}
            assert np.allclose([found[0][0] for found in near], 1, atol=1e-3)


def crash(folder: Path, kills: int, seed: int) -> None:
    state: State = {}
    number = 0
    dice = random.Random(seed)
    for kill in range(kills):
        for done in range(number, number + killed(folder, seed, number, dice)):
            state = after(state, done, operation(seed, done))
            number = done + 1
        further = after(state, number, operation(seed, number))
        try:
            with Library.open(folder, space=SPACE) as library:  # as the dead writer left it
                held = kept(folder, library.catalog)
        except NotFound:
            assert number == 0  # killed before the library was whole
            continue
        assert same(held, state) or same(held, further), f"kill {kill} of seed {seed}: operation {number} is torn"
        assert verify(folder, space=SPACE).problems == ()
        if not same(held, state):
            state, number = further, number + 1
        check_search(folder, state)
        with Writer.open(folder, space=SPACE) as writer:  # no stale lock; orphans go
            files = {p.relative_to(folder).as_posix() for d in ("segments", "shards") for p in (folder / d).iterdir()}
            assert files == named(writer.catalog)
            assert same(kept(folder, writer.catalog), state)
        report = verify(folder, space=SPACE)
        assert (report.problems, report.leftovers) == ((), ())


def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    crash(tmp_path / "library", 20, seed=random.randrange(2**32))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(5))
def test_two_hundred_kills_lose_nothing(tmp_path: Path, seed: int) -> None:
    crash(tmp_path / "library", 40, seed)
