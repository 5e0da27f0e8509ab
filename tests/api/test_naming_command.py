"""Chances of names on a real toybox library, from the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.api.commands.calibrate import FEWEST_HITS
from hearsee.api.main import run
from hearsee.toybox.write import write_toybox


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty pictures, sounds and texts of what `thing` names."""
    home = tmp_path_factory.mktemp("naming")
    write_toybox(home / "toybox", 240, seed=11)
    library = home / "library"
    assert run(["index", str(home / "toybox"), "--library", str(library), "--space", "toybox", "--json"]) == 0
    return library


@pytest.fixture
def fitted(library: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, Any]]:
    """What was fitted, and it is gone again afterwards."""
    capsys.readouterr()
    assert run(["calibrate", "--names", "thing", "--library", str(library), "--json"]) == 0
    yield json.loads(capsys.readouterr().out)
    (library / "naming.json").unlink()


def named(capsys: pytest.CaptureFixture[str], library: Path, names: list[str], *args: str) -> Any:
    capsys.readouterr()
    assert run(["label", "--names", ",".join(names), "--library", str(library), "--json", *args]) == 0
    return json.loads(capsys.readouterr().out)


def things_of(library: Path, capsys: pytest.CaptureFixture[str]) -> dict[int, str]:
    capsys.readouterr()
    assert run(["list", "--library", str(library), "--limit", "500", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    return {row["id"]: row["metadata"]["thing"] for row in rows["items"]}


def test_chances_of_names_come_true(library: Path, fitted: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Right names have high chances, and those of things that are not on the list have low ones."""
    assert {kind: one["error"] <= 0.1 for kind, one in fitted["kinds"].items()} == dict.fromkeys(
        ("image", "audio", "text"), True
    )
    own = things_of(library, capsys)
    listed = sorted(set(own.values()))[::2]
    for kind in ("image", "audio"):
        found = named(capsys, library, listed, "--want", kind)
        assert found["calibration"].startswith(
            f"that the best name is right, calibrated on {len(set(own.values()))} names"
        )
        best = [(own[item["id"]], item["names"][0]) for item in found["items"]]
        chances = np.array([name["chance"] for _, name in best])
        right = np.array([name["name"] == thing for thing, name in best])
        there = np.array([thing in listed for thing, _ in best])
        assert 0.3 < there.mean() < 0.7
        assert np.median(chances[right]) > 0.8
        assert np.median(chances[~there]) < 0.1
        assert abs(chances.mean() - right.mean()) < 0.1


def test_the_terminal_says_what_a_chance_is(
    library: Path, fitted: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A share of a few hits would say nothing, and is not shown."""
    assert run(["calibrate", "--names", "thing", "--library", str(library)]) == 0
    shown = capsys.readouterr().out
    assert "expected calibration error on items of held-out names" in " ".join(shown.split())
    for kind, one in fitted["kinds"].items():
        row = next(line for line in shown.splitlines() if line.split()[:1] == [kind] and "%" in line)
        assert row.split()[1:] == [f"{cell['true']:.0%}" for cell in one["table"] if cell["hits"] >= FEWEST_HITS]
        assert len(row.split()) < 1 + len(one["table"])  # some cells of this small library hold too little
    assert f"A cell of fewer than {FEWEST_HITS} hits is left empty." in shown
    assert run(["label", "--names", "bell,owl", "--library", str(library)]) == 0
    assert "chance: that the best name is right, calibrated on" in " ".join(capsys.readouterr().out.split())


def test_without_them_one_line_says_how_to_get_them(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = named(capsys, library, ["bell", "owl"])
    assert found["calibration"].startswith("not calibrated: `hearsee calibrate --names KEY`")
    assert all(item["names"][0]["chance"] is None for item in found["items"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--names", "nothing"], "with words under the metadata key 'nothing', of 5 different names"),
        (["--names", "thing", "--relevant-by", "thing"], "give --relevant-by or --pairs in a call of its own"),
        (["--names", "thing", "--seed", "-1"], "--seed is -1"),
        (["--names", "thing", "--limit", "3"], "limit is 3: a chance needs at least 50 items"),
    ],
)
def test_wrong_calls_are_one_line(
    library: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    assert run(["calibrate", *args, "--library", str(library)]) == 1
    assert said in capsys.readouterr().err
    assert not (library / "naming.json").exists()
