"""Killed at any moment while a space is filled or switched to: one space is live and whole, and the fill goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hearsee.core.space import load_space
from hearsee.indexer.sweep import named
from hearsee.indexer.turning import list_spaces
from hearsee.indexer.verify import verify
from tests.indexer.moved import Mover, agree, served

ROOT = Path(__file__).parents[2]

# Fills the space that is not live, a few items a commit, switches to it, drops the other one, and begins again.
MOVING = """
import sys
from pathlib import Path
from hearsee.core.space import load_space
from hearsee.indexer.turning import drop_space, list_spaces, switch_space
from tests.indexer.moved import Mover
mover = Mover(Path(sys.argv[1]))
names = ["hash", mover.second]
print("ready", flush=True)
while True:
    live, *others = sorted(list_spaces(mover.library), key=lambda row: not row.live)
    other = names[1 - names.index(live.name)]
    mover.add(other, commit_items=3)
    print("filled", other, flush=True)
    switch_space(mover.library, other)
    print("live", other, flush=True)
    drop_space(mover.library, live.name)
    print("dropped", live.name, flush=True)
"""


# Switches between two spaces that are filled, and does nothing else.
SWITCHING = """
import sys
from pathlib import Path
from hearsee.indexer.turning import list_spaces, switch_space
from tests.indexer.moved import Mover
mover = Mover(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    (other,) = [row.name for row in list_spaces(mover.library) if not row.live]
    switch_space(mover.library, other)
    print("live", other, flush=True)
"""


def killed(mover: Mover, dice: random.Random, script: str = MOVING) -> list[tuple[str, str]]:
    """Run it until killed; what was acknowledged."""
    command = [sys.executable, "-c", script, str(mover.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(dice.random())
        os.kill(child.pid, signal.SIGKILL)
        said = [line.split() for line in child.stdout.read().splitlines()]
    return [(what, name) for what, name in said]


def move(mover: Mover, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    mover.put_all(4)
    mover.index()
    live, held_before = "hash", 0
    for kill in range(kills):
        said = killed(mover, dice)
        rows = {row.name: row for row in list_spaces(mover.library)}
        now = next(row.name for row in rows.values() if row.live)
        acknowledged = next((name for what, name in reversed(said) if what == "live"), live)
        last = said[-1] if said else ("", "")
        other = next(name for name in ("hash", mover.second) if name != acknowledged)
        # What was acknowledged is so; at most the one thing that was under way is done, too.
        assert now == acknowledged or (now == other and last == ("filled", other)), f"kill {kill} of seed {seed}"
        if not said and live in rows and len(rows) > 1:  # a fill goes on where it was killed
            assert rows[next(name for name in rows if name != live)].points >= held_before
        with mover.open() as reader:
            assert reader.space.fingerprint == load_space(now).fingerprint
            assert agree(served(reader), mover.expected(load_space(now))), f"kill {kill} of seed {seed}: {now} is torn"
        for row in rows.values():
            if not row.live:
                with mover.open(beside=row.name) as beside:
                    held, expected = served(beside), mover.expected(load_space(row.name))
                    assert agree(held, {uri: expected[uri] for uri in held})
                    assert len(held) + row.missing == len(expected)
        assert verify(mover.library).problems == ()
        live = now
        held_before = next((row.points for row in rows.values() if not row.live), 0)
    with mover.writer() if live == "hash" else mover.open() as opened:
        known = named(opened.catalog)
    there = {f"{d}/{p.name}" for d in ("segments", "shards", "heads") for p in (mover.library / d).iterdir()}
    assert known <= there


def switch(mover: Mover, kills: int, seed: int) -> None:
    dice, names = random.Random(seed), ["hash", mover.second]
    mover.put_all(4)
    mover.index()
    mover.add()
    with mover.open() as reader:
        began = reader.info.generation
    acknowledged = 0
    for kill in range(kills):
        acknowledged += len(killed(mover, dice, SWITCHING))
        with mover.open() as reader:
            done = reader.info.generation - began  # each switch is one generation: no shards were to be made
            assert done in (acknowledged, acknowledged + 1), f"kill {kill} of seed {seed}"
            live = names[done % 2]
            assert reader.info.space == live
            assert agree(served(reader), mover.expected(load_space(live))), (
                f"kill {kill} of seed {seed}: {live} is torn"
            )
        acknowledged = done
        assert [row.missing for row in list_spaces(mover.library)] == [0, 0]
        assert verify(mover.library).problems == ()


def test_five_kills_while_moving_leave_one_space_live_and_whole(tmp_path: Path) -> None:
    move(Mover(tmp_path), 5, seed=random.randrange(2**32))


def test_five_kills_while_switching_leave_one_space_live_and_whole(tmp_path: Path) -> None:
    switch(Mover(tmp_path), 5, seed=random.randrange(2**32))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4))
def test_sixty_kills_while_moving_leave_one_space_live_and_whole(tmp_path: Path, seed: int) -> None:
    move(Mover(tmp_path), 15, seed)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4))
def test_forty_kills_while_switching_leave_one_space_live_and_whole(tmp_path: Path, seed: int) -> None:
    switch(Mover(tmp_path), 10, seed)
