"""`hearsee space`: add, compare, switch, drop, list; what a person types and reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hearsee.api.main import run
from tests.api.world import World


def second(folder: Path) -> str:
    towers = {modality: {"tower": "hash", "options": {"dim": 8}} for modality in ("image", "audio", "text")}
    held = {"name": "second", "dim": 8, "towers": towers, "aligned": [], "weights": []}
    folder.mkdir()
    (folder / "space.json").write_text(json.dumps(held))
    return str(folder.resolve())


def test_a_library_moves_and_moves_back(own_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def say(*args: str) -> Any:
        capsys.readouterr()
        assert run(["space", *args, "--library", str(own_world.library), "--json"]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    def shown(*args: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(["space", *args, "--library", str(own_world.library)]) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    name = second(tmp_path / "other")
    (before,) = say("list")["spaces"]
    assert (before["name"], before["live"], before["missing"]) == ("hash", True, 0)
    added = say("add", name)
    assert added["given"] == 3 * 8 + 2
    assert added["missing"] == 0
    assert "0 items were given vectors" in shown("add", name)
    compared = say("compare", name, "--seed", "1", "--limit", "6")
    assert (compared["old"], compared["new"], compared["left_out"]) == ("hash", name, 0)
    assert set(compared["directions"]["text->image"]["gain"]) == {"recall@1", "recall@5", "recall@10", "mrr"}
    table = shown("compare", name)
    assert "gain" in table
    assert "question by question" in table
    assert say("switch", name) == {"generation": added_generation(say), "live": name, "before": "hash", "missing": 0}
    assert [row["live"] for row in say("list")["spaces"]] == [False, True]
    assert f"switch {name}" in shown("switch", "hash")
    assert "is live" in shown("switch", str(tmp_path / "x" / ".." / "other"))  # the folder, however it is written
    shown("switch", "hash")
    dropped = say("drop", name)
    assert (dropped["name"], dropped["points"]) == (name, added["points"])
    assert [row["name"] for row in say("list")["spaces"]] == ["hash"]
    assert run(["verify", "--library", str(own_world.library), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []
    assert "no space 'second' lies beside 'hash': there is none" in shown("drop", "second", code=1)
    assert "'hash' is live already" in shown("switch", "hash", code=1)
    assert "hash" in shown("list")


def added_generation(say: Any) -> int:
    """The newest generation, which the switch made."""
    return int(max(row["generation"] for row in say("list")["spaces"])) + GENERATIONS_OF_A_FILL


GENERATIONS_OF_A_FILL = 3  # the vectors, their shards, the switch
