"""`hearsee duplicates` on a library with a copy in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hearsee.api.main import run
from tests.api.world import World


@pytest.fixture(scope="module")
def doubled(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, one of them under two names."""
    folder = tmp_path_factory.mktemp("doubled")
    pictures = folder / "pictures"
    pictures.mkdir()
    shutil.copy(world.file("image", 0), pictures / "a.png")
    shutil.copy(world.file("image", 0), pictures / "b.png")
    shutil.copy(world.file("image", 1), pictures / "c.png")
    assert run(["index", str(pictures), "--library", str(folder / "library"), "--space", "hash", "--json"]) == 0
    return folder / "library"


def test_a_copy_is_named(doubled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["duplicates", "--library", str(doubled), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["modality"], one["exact"]) for one in found["groups"]] == [("image", True)]
    assert [item["uri"].rpartition("/")[2] for item in found["groups"][0]["items"]] == ["a.png", "b.png"]
    assert [item["same_bytes"] for item in found["groups"][0]["items"]] == [False, True]
    assert found["likeness"] == 0.98
    assert run(["duplicates", "--library", str(doubled), "--exact"]) == 0
    shown = capsys.readouterr().out
    assert "same bytes" in shown
    assert "1 group, 1 item more than needed" in shown


def test_nothing_twice_is_said(doubled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["duplicates", "--library", str(doubled), "--want", "audio,text"]) == 0
    assert "No two items are nearer than a cosine of 0.98." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--likeness", "1.5"], "likeness is 1.5: it is a cosine"),
        (["--limit", "0"], "--limit is 0"),
        (["--want", "smell"], "smell"),
    ],
)
def test_wrong_options_are_one_line(
    doubled: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["duplicates", "--library", str(doubled), *options]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
