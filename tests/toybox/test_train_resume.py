"""The toybox's training goes on where it was killed, to the bit, and does not draw its lessons twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hearsee.core.errors import Refused
from hearsee.toybox.train import Recipe, train

ROOT = Path(__file__).parents[2]
SMALL = Recipe(seed=7, groups=256, epochs=3, batch=64, validation_groups=40)
WEIGHTS = ("image.safetensors", "audio.safetensors", "text.safetensors")


def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    command = [sys.executable, "-m", "tests.toybox.test_train_resume", str(torn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        while not child.stdout.readline().startswith("epoch 1/3"):
            assert child.poll() is None
        os.killpg(child.pid, signal.SIGKILL)
    assert {path.name for path in torn.iterdir()} >= {"checkpoint.safetensors", "lessons"}
    with pytest.raises(Refused, match="is of another run"):
        train(torn, replace(SMALL, rate=1e-3), 1, print)
    lines: list[str] = []
    note = train(torn, SMALL, 1, lines.append)
    assert lines[:2] == ["lessons for train: 256 are there already", "lessons for validation: 40 are there already"]
    assert lines[2].startswith("epoch 1/3 was over before")
    assert sum("s left" in line for line in lines) <= 2
    assert {path.name for path in torn.iterdir()} == {*WEIGHTS, "training.json"}
    expected = train(whole, SMALL, 1, lambda _: None)
    assert [(torn / name).read_bytes() for name in WEIGHTS] == [(whole / name).read_bytes() for name in WEIGHTS]
    assert note["validation"] == expected["validation"]


if __name__ == "__main__":  # meant to be killed
    train(Path(sys.argv[1]), SMALL, 1, lambda line: print(line, flush=True))  # noqa: T201
