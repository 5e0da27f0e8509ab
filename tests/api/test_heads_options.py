"""What `hearsee align heads` can be asked beyond its defaults: several processes, tables, every option of the loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.api.main import run
from hearsee.core.head import read_heads
from hearsee.indexer.library import Library
from tests.indexer.pairs import view

ROOT = Path(__file__).parents[2]
QUICK = ("--dim", "8", "--epochs", "3", "--batch", "32", "--rate", "0.005")


def fill(folder: Path) -> Path:
    """Three views of the same things, of which the third lacks every other one."""
    things = np.random.default_rng(0).standard_normal((150, 5)).astype(np.float32)
    folder.mkdir()
    for seed, (name, mine) in enumerate({"image": things, "text": things, "audio": things[::2]}.items()):
        np.save(folder / f"{name}.npy", view(mine, 12 + seed, 0.03, seed))
        step = 2 if name == "audio" else 1
        (folder / f"{name}.groups.txt").write_text("".join(f"{number}\n" for number in range(0, 150, step)))
    return folder


def said(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*map(str, args), "--json"]) == code
    out = capsys.readouterr()
    return json.loads(out.out.splitlines()[-1]) if code == 0 else out.err


def test_two_processes_started_by_torchrun_learn_what_one_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = fill(tmp_path / "vectors")
    # A linear head draws nothing at random, and its hard negatives must be the same ones everywhere.
    command = ["align", "heads", "--vectors", str(vectors), *QUICK, "--head", "linear", "--hard-negatives", "1"]
    one = said(capsys, *command, "--out", tmp_path / "one")
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "hearsee.api.main", *command, "--out", str(tmp_path / "two"), "--json"],
        env=environ, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1  # one speaks for both
    two = json.loads(lines[0])
    assert [step["loss"] for step in two["history"]] == pytest.approx([step["loss"] for step in one["history"]], 1e-4)
    mine, theirs = (read_heads(tmp_path / name / "heads.safetensors").by_modality for name in ("one", "two"))
    for modality, head in mine.items():
        assert head.matrix is not None
        assert theirs[modality].matrix == pytest.approx(head.matrix, abs=1e-3)
    assert done.stderr.count("epoch 1/3") == 1
    assert not (tmp_path / "two" / "checkpoint.safetensors").exists()


def test_every_option_of_the_loop_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vectors, out = fill(tmp_path / "vectors"), tmp_path / "out"
    command = ("align", "heads", "--vectors", vectors, "--out", out, *QUICK)
    options = (
        "--mix", 1, "--noise", 0.1, "--dropout", 0.3, "--consistency", 0.2, "--hard-negatives", 2, "--loss", "sigmoid",
        "--head", "residual", "--width", 16, "--positives", 2, "--chunk", 20, "--patience", 2, "--seed", 3, "--bf16",
    )  # fmt: skip
    found = said(capsys, *command, *options)["recipe"]
    assert found == found | {
        "fuse_mix": 1.0, "noise": 0.1, "modality_dropout": 0.3, "consistency": 0.2, "hard_negatives": 2,
        "loss": "sigmoid", "kind": "mlp", "width": 16, "positives": 2, "chunk": 20, "patience": 2, "seed": 3,
        "bfloat16": True, "batch": 32, "rate": 0.005, "dim": 8,
    }  # fmt: skip
    plain = said(capsys, *command)["recipe"]
    assert plain == plain | {"fuse_mix": 0.0, "noise": 0.0, "modality_dropout": 0.0, "consistency": 0.0}
    assert (plain["hard_negatives"], plain["loss"], plain["kind"], plain["chunk"]) == (0, "info_nce", "mlp", None)


def test_a_batch_in_chunks_gives_the_same_heads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vectors = fill(tmp_path / "vectors")
    command = ("align", "heads", "--vectors", vectors, *QUICK, "--head", "linear")
    whole = said(capsys, *command, "--out", tmp_path / "whole")
    parts = said(capsys, *command, "--out", tmp_path / "parts", "--chunk", 7)
    losses = [[step["loss"] for step in one["history"]] for one in (whole, parts)]
    assert losses[1] == pytest.approx(losses[0], 1e-5)


def table(folder: Path) -> Path:
    """Twenty-five pictures with a caption each, and one that is no picture."""
    from PIL import Image

    folder.mkdir()
    rows = []
    for number in range(25):
        colours = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(colours).save(folder / f"{number}.png")
        rows += [{"path": f"{number}.png", "text": f"picture {number}", "group": f"thing {number}"}]
    (folder / "bad.png").write_bytes(b"no picture at all")
    rows += [{"path": "bad.png", "group": "thing 3"}]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "pairs.jsonl"


def test_pairs_come_from_a_table_and_its_media_are_read_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = table(tmp_path / "data"), tmp_path / "out"
    command = ("align", "heads", "--table", file, "--space", "hash", "--epochs", 1, "--head", "linear")
    assert "--space needs --out DIR" in said(capsys, *command, code=1)
    assert run([*map(str, command), "--out", str(out), "--json"]) == 0
    first = capsys.readouterr()
    assert "pairs.jsonl: 50 items, 50 points encoded" in first.err
    found = json.loads(first.out.splitlines()[-1])
    assert sum(found["groups"].values()) == 25
    assert found["verdict"] != "better"  # hashes have nothing to learn from
    assert "1 rows or files of pairs.jsonl were left out" in found["notes"][0]
    assert "bad.png" in found["notes"][0]
    with Library.open(next(out.glob("pairs-*"))) as opened:
        assert opened.catalog.stats()["items"] == {"image": 25, "text": 25}
    for path in file.parent.glob("*.png"):
        os.utime(path)
    assert run([*map(str, command), "--out", str(out), "--json"]) == 0
    assert "pairs.jsonl: 50 items, 0 points encoded" in capsys.readouterr().err


def test_tables_that_give_no_pairs_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ("align", "heads", "--space", "hash", "--out", tmp_path / "out", "--table")
    (tmp_path / "lone.csv").write_text("text\n" + "".join(f"words {number}\n" for number in range(30)))
    (tmp_path / "other.csv").write_text("size,weight\n1,2\n3,4\n")
    (tmp_path / "notes.md").write_text("words")
    for name, words in {
        "none.csv": "there is no such file", "notes.md": "it must be a .csv", "lone.csv": "nothing to align",
        "other.csv": "a row with no path and no text",
    }.items():  # fmt: skip
        line = said(capsys, *start, tmp_path / name, code=1)
        assert words in line
        assert line.splitlines()[-1].startswith("hearsee: ")
    assert "give one of them" in said(capsys, *start, tmp_path / "lone.csv", "--vectors", tmp_path, code=1)
    alone = ("align", "heads", "--space", "hash", "--out", tmp_path / "out")
    assert "--space names the towers that read a --table" in said(capsys, *alone, code=1)


def test_anchors_are_read_by_both_text_towers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("open_clip")
    pytest.importorskip("transformers")
    from tests import checkpoints

    clip, bert = checkpoints.open_clip_folder(tmp_path / "clip"), checkpoints.bert_folder(tmp_path / "bert")
    space = tmp_path / "space"
    space.mkdir()
    towers = {
        "image": {"tower": "open_clip", "options": {"model": str(clip)}},
        "text": {"tower": "transformers", "options": {"model": str(bert)}},
    }
    (space / "space.json").write_text(json.dumps({"name": "mine", "dim": 48, "towers": towers}))
    names = tmp_path / "names.txt"
    names.write_text("".join(f"a photo of the dog {number}\n" for number in range(30)))
    command = ("align", "heads", "--table", table(tmp_path / "data"), "--space", space, "--epochs", 1)
    assert run([*map(str, command), "--out", str(tmp_path / "out"), "--anchors", str(names), "--json"]) == 0
    assert "30 anchors read by transformers-text bert and by open_clip-text clip" in capsys.readouterr().err
    towers["text"] = {"tower": "open_clip", "options": {"model": str(clip)}}
    (space / "space.json").write_text(json.dumps({"name": "mine", "dim": 48, "towers": towers}))
    line = said(capsys, *command, "--out", tmp_path / "other", "--anchors", names, code=1)
    assert "no model of space" in line.splitlines()[-1]
    assert "image.anchors.npy" in said(
        capsys, "align", "heads", "--vectors", tmp_path, "--out", tmp_path, "--anchors", names, code=1
    )
