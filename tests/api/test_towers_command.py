"""Towers trained from the terminal on a library of real media, and a new library indexed with what they learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsee.api.main import run
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.toybox.towers.encoders import WEIGHTS
from hearsee.toybox.towers.weights_file import load_towers, save_towers
from hearsee.toybox.write import write_toybox

GROUPS = 60
QUICK = ("--epochs", 6, "--batch", 24, "--rate", "0.002", "--chunk", 16)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toybox world, and a library of it in a space whose picture tower was spoiled."""
    root = tmp_path_factory.mktemp("towers")
    write_toybox(root / "world", 3 * GROUPS, seed=5)
    towers = load_towers(WEIGHTS)
    torch.manual_seed(0)
    weights = towers["image"].state_dict()  # the very weights, not a copy
    for name in ("grid.read.3.weight", "grid.anywhere.weight"):
        weights[name] += 8 * weights[name].std() * torch.randn_like(weights[name])
    save_towers(towers, root / "spoiled" / "toybox")
    described = {
        "name": "spoiled", "dim": 128, "aligned": ["audio", "image", "text"],
        "towers": {str(m): {"tower": "toybox", "options": {"folder": "./toybox"}} for m in Modality},
    }  # fmt: skip
    (root / "spoiled" / "space.json").write_text(json.dumps(described))
    assert run(["index", str(root / "world"), "--space", str(root / "spoiled"), "--library", str(root / "library"), "--json"]) == 0  # fmt: skip # noqa: E501
    return root


def said(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*map(str, args), "--json"]) == code
    out = capsys.readouterr()
    return json.loads(out.out.splitlines()[-1]) if code == 0 else out.err


def recall(capsys: pytest.CaptureFixture[str], library: Path, direction: str) -> float:
    found = said(capsys, "eval", "--library", library)["directions"]
    return float(found[direction]["recall@1"]["value"])


def test_a_spoiled_tower_is_trained_whole_and_indexed_with(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "whole"
    before = recall(capsys, place / "library", "text->image")
    told = said(capsys, "align", "towers", "--library", place / "library", "--whole", "--towers", "image", "--out", out, *QUICK)  # fmt: skip # noqa: E501
    assert told["verdict"] == "better"
    assert told["sentence"].startswith("Better: the new towers find more than the old towers")
    assert told["history"][-1]["loss"] < told["history"][0]["loss"]
    assert {path.name for path in out.iterdir()} >= {"space.json", "toybox", "report.json"}
    assert not list(out.glob("pieces-*"))
    space = load_space(str(out))
    assert space.fingerprint == told["fingerprint"] != load_space(str(place / "spoiled")).fingerprint
    said(capsys, "index", place / "world", "--space", out, "--library", place / "again")
    assert recall(capsys, place / "again", "text->image") > before + 0.1
    line = said(capsys, "align", "towers", "--library", place / "library", "--out", out, code=1)
    assert "describes a space already" in line


def test_low_rank_updates_change_the_layers_that_they_may(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = place / "low"
    table = tmp_path / "table.jsonl"
    rows = [json.dumps({"path": str(path), "text": path.stem}) for path in sorted((place / "world" / "images").glob("*.png"))]  # fmt: skip # noqa: E501
    table.write_text("\n".join(rows))
    told = said(
        capsys, "align", "towers", "--table", table, "--space", place / "spoiled", "--low-rank", 4, "--towers", "image",
        "--out", out, "--epochs", 1, "--batch", 16, "--rate", "0.01",
    )  # fmt: skip
    assert told["recipe"]["rank"] == 4
    new, old = load_towers(out / "toybox"), load_towers(place / "spoiled" / "toybox")
    changed = {
        f"{tower}.{name}"
        for tower in new
        for name, value in new[tower].state_dict().items()
        if not torch.equal(value, old[tower].state_dict()[name])
    }
    assert changed == {"image.grid.read.3.weight", "image.grid.anywhere.weight"}


def test_what_cannot_be_trained_is_one_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ("align", "towers", "--library", place / "library", "--out", tmp_path / "out")
    for options, words in {
        ("--whole", "--low-rank", "4"): "give one of them", ("--towers", "smell"): "no pairs for the tower of smell",
        ("--low-rank", "0"): "the rank is 0", ("--space", "clip"): "--space names the towers that read a --table",
        ("--device", "abacus"): "use cpu or cuda", ("--rate", "0"): "a number above 0",
    }.items():  # fmt: skip
        line = said(capsys, *start, *options, code=1)
        assert words in line, line
        assert line.startswith("hearsee: ")
        assert line.count("\n") == 1


def test_media_that_are_gone_are_counted_and_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = sorted((place / "world" / "images").glob("*.png"))[3]
    kept = picture.read_bytes()
    picture.write_bytes(np.zeros(9, np.uint8).tobytes())
    try:
        told = said(
            capsys, "align", "towers", "--library", place / "library", "--towers", "image", "--out", place / "gone",
            "--epochs", 1,
        )  # fmt: skip
    finally:
        picture.write_bytes(kept)
    (note,) = [note for note in told["notes"] if "could not be read" in note]
    assert note.startswith("1 items could not be read and were left out, the first ")
    assert "it has changed: index it again" in note
