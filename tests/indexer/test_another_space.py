"""Real towers of other files than those a library was filled with: refused, in lines that a person can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hearsee.api.main import run
from tests import checkpoints

TOWERS = {
    "transformers": (checkpoints.vit_folder, "preprocessor_config.json"),
    "open_clip": (checkpoints.open_clip_folder, "open_clip_config.json"),
}


def described(folder: Path, tower: str) -> Path:
    """A space over a folder of random weights inside it."""
    folder.mkdir()
    TOWERS[tower][0](folder / "model")
    towers = {"image": {"tower": tower, "options": {"model": "./model"}}}
    dim = 48 if tower == "open_clip" else 32
    (folder / "space.json").write_text(json.dumps({"name": tower, "dim": dim, "aligned": [], "towers": towers}))
    return folder


def with_mean(path: Path, mean: list[float]) -> None:
    held: dict[str, Any] = json.loads(path.read_text())
    held.get("preprocess_cfg", held)["mean" if "preprocess_cfg" in held else "image_mean"] = mean
    path.write_text(json.dumps(held))


@pytest.mark.parametrize("tower", TOWERS)
def test_a_changed_preprocessing_file_is_refused_with_both_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tower: str
) -> None:
    pytest.importorskip(tower)
    from PIL import Image

    space, media = described(tmp_path / "space", tower), tmp_path / "media"
    media.mkdir()
    Image.new("RGB", (90, 90), (200, 30, 30)).save(media / "red.png")
    with_mean(space / "model" / TOWERS[tower][1], [0.5, 0.5, 0.5])
    command = ["index", str(media), "--space", str(space), "--library", str(tmp_path / "library"), "--json"]
    assert run(command) == 0
    with_mean(space / "model" / TOWERS[tower][1], [0.5, 0.5, 0.4])
    capsys.readouterr()
    assert run(command) == 1
    said = capsys.readouterr()
    assert said.out == ""
    first, spaces, *values = said.err.splitlines()
    assert first.startswith(f"hearsee: library {tmp_path / 'library'} was made with another '{space}' (image tower: ")
    assert "preprocessing" in first
    assert f"`hearsee space add {space}`, then `hearsee space switch {space}`" in first
    assert "0.4" not in first
    fingers = spaces.split("(")[1:]
    assert fingers[0][:12] != fingers[1][:12]
    assert any(line.endswith("preprocessing: mean [0.5, 0.5, 0.5] -> [0.5, 0.5, 0.4]") for line in values)
    assert any(": weights: " in line for line in values), "the file itself counts among what a tower reads"
