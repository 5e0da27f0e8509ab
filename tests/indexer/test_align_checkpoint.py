"""A training run that was stopped goes on as if it had not been, to the bit; a full disk costs it a checkpoint only."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hearsee.core.errors import Damaged, Refused
from hearsee.core.head import packed_heads
from hearsee.indexer.align.checkpoint import FILE, Checkpoints, State
from hearsee.indexer.align.data import split
from hearsee.indexer.align.training import train_heads
from tests.indexer.pairs import QUICK, long_run, views

ROOT = Path(__file__).parents[2]
STATE = State({"weights": torch.arange(5.0), "draws": torch.get_rng_state()}, {"score": 0.1 + 0.2, "told": [[1.0, 2]]})


def test_a_run_that_is_killed_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    said: list[str] = []
    expected = packed_heads(long_run(whole, said.append))
    assert len(said) == 16
    command = [sys.executable, "-m", "tests.indexer.pairs", str(torn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as child:
        assert child.stdout is not None
        assert [child.stdout.readline().split()[1] for _ in range(3)] == ["1/16", "2/16", "3/16"]
        child.send_signal(signal.SIGKILL)
    assert (torn / FILE).is_file()
    rest: list[str] = []
    assert packed_heads(long_run(torn, rest.append)) == expected
    assert rest[0] == f"going on from {torn}"
    assert len(rest) <= 1 + 16 - 3
    assert rest[-1].split("  ")[:3] == said[-1].split("  ")[:3]  # the same loss and recall


def test_a_run_that_stops_early_stops_early_again(tmp_path: Path) -> None:
    recipe, given = replace(QUICK, epochs=100, patience=2), split(views())
    heads, report = train_heads(given, recipe, folder=tmp_path)
    told: list[str] = []
    again, reread = train_heads(given, recipe, folder=tmp_path, say=told.append)
    assert told == [f"going on from {tmp_path}"]
    assert {m: head.fingerprint for m, head in again.by_modality.items()} == {
        m: head.fingerprint for m, head in heads.by_modality.items()
    }
    assert (reread.history, reread.best_epoch) == (report.history, report.best_epoch)


def test_a_checkpoint_of_another_run_is_refused_with_what_differs(tmp_path: Path) -> None:
    given, recipe = split(views(60)), replace(QUICK, epochs=1)
    train_heads(given, recipe, folder=tmp_path, space="one")
    with pytest.raises(Refused, match=r"is of another run \(space: one against two\)"):
        train_heads(given, recipe, folder=tmp_path, space="two")
    with pytest.raises(Refused, match=r"is of another run \(rate: 0.005 against 0.001\)"):
        train_heads(given, replace(recipe, rate=0.001), folder=tmp_path, space="one")
    with pytest.raises(Refused, match="is of another run \\(data: "):
        train_heads(split(views(60, seed=1)), recipe, folder=tmp_path, space="one")


def test_states_come_back_to_the_bit(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "new", {"space": "a"}, pytest.fail)
    assert checkpoints.load() is None
    checkpoints.save(STATE)
    read = checkpoints.load()
    assert read is not None
    assert read.numbers == STATE.numbers
    assert all(torch.equal(read.tensors[name], tensor) for name, tensor in STATE.tensors.items())
    checkpoints.clear()
    assert checkpoints.load() is None


def test_what_is_no_checkpoint_is_said_in_one_line(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, {}, pytest.fail)
    checkpoints.save(STATE)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:-3])
    with pytest.raises(Damaged, match="is no checkpoint") as caught:
        checkpoints.load()
    assert "\n" not in str(caught.value)


def test_on_a_full_disk_the_last_good_checkpoint_stays_and_training_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    checkpoints = Checkpoints(tmp_path, {}, said.append)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python does at start; a test before may have changed it
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        checkpoints.save(STATE)
        assert said.pop().startswith("no checkpoint was written, there is none yet: ")
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        checkpoints.save(STATE)
        good = (tmp_path / FILE).read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(good), before[1]))
        checkpoints.save(State({"weights": torch.zeros(5000)}, {}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)
    assert said.pop().startswith("no checkpoint was written, the last good checkpoint stays: ")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).read_bytes() == good
    (tmp_path / f"{FILE}.tmp").write_bytes(b"killed while it wrote")
    checkpoints.save(State(STATE.tensors, {"later": True}))
    read = checkpoints.load()
    assert read is not None
    assert read.numbers == {"later": True}
    assert not said
