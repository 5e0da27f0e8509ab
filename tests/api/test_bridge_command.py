"""`hearsee align bridge`: a space out of two, from captions alone; what cannot be is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hearsee.api.main import run
from hearsee.core.head import read_heads
from hearsee.core.media.kinds import Sound
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.core.vectors import unit
from hearsee.indexer.align.bridged import read_texts
from hearsee.indexer.align.scenes import captions
from hearsee.indexer.library import Library
from tests.indexer import bags


def describe(folder: Path, name: str, dim: int, *modalities: str) -> str:
    """A folder that describes a space of bags of words."""
    towers = {one: {"tower": "bag", "options": {"salt": name, "dim": dim}} for one in modalities}
    folder.mkdir()
    content: dict[str, Any] = {"name": name, "dim": dim, "towers": towers, "aligned": list(modalities), "weights": []}
    (folder / "space.json").write_text(json.dumps(content))
    return str(folder)


@pytest.fixture
def spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    bags.install(tmp_path / "site", monkeypatch)
    return describe(tmp_path / "ears", "ears", 200, "text", "audio"), describe(
        tmp_path / "eyes", "eyes", 160, "text", "image"
    )


def test_our_captions_make_a_space_of_two(
    tmp_path: Path, spaces: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "both"
    command = [
        "align",
        "bridge",
        "--from",
        spaces[0],
        "--into",
        spaces[1],
        "--out",
        str(out),
        "--epochs",
        "1",
        "--json",
    ]
    assert run(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bridge"]["captions"] + told["bridge"]["held"] == 10_000
    assert told["bridge"]["learned"] > 0.8
    space = load_space(str(out))
    assert json.loads((out / "space.json").read_text())["name"] == "eyes-ears"
    assert set(space.towers) == set(Modality)
    # What the one space made of a scene, carried as a sound, lies by what the other reads in it.
    scenes = captions(300)
    heard = load_space(spaces[0]).tower(Modality.AUDIO)
    carried = space.project(Modality.AUDIO, read_texts(load_space(spaces[0]), scenes))
    assert heard.contract.fingerprint == space.tower(Modality.AUDIO).contract.fingerprint
    found = (carried @ read_texts(space, scenes).T).argmax(axis=1)
    assert (found == np.arange(300)).mean() > 0.7
    np.testing.assert_allclose(np.linalg.norm(carried, axis=1), 1, atol=1e-5)
    assert read_heads(out / "heads.safetensors").about["from"] == "ears"
    assert run(command) == 1
    assert "describes a space already" in capsys.readouterr().err


def test_captions_of_a_file_make_a_bridge_and_bad_ones_a_line(
    tmp_path: Path, spaces: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    own, few, wide = tmp_path / "own.txt", tmp_path / "few.txt", tmp_path / "wide.csv"
    own.write_text("\n".join(captions(400)))
    few.write_text("a dog\na cat\n")
    wide.write_text("one,two\na,b\n")
    base = ["align", "bridge", "--from", spaces[0], "--into", spaces[1], "--out", str(tmp_path / "out")]
    for more, said in (
        (["--captions", str(few)], "2 captions"),
        (["--captions", str(wide)], "2 columns (one, two)"),
        (["--captions", str(tmp_path / "away")], "no such file"),
        (["--captions", str(own), "--from", spaces[1]], "has no tower for audio"),
        (["--from", "toybox"], "has no tower for text and audio"),
    ):
        assert run([*base, *more]) == 1
        error = capsys.readouterr().err.strip().splitlines()
        assert said in " ".join(error[-3:])
        assert not (tmp_path / "out" / "space.json").exists()
    assert run([*base, "--captions", str(own), "--epochs", "0"]) == 0
    assert "index with --space" in " ".join(capsys.readouterr().out.split())
    assert unit(load_space(str(tmp_path / "out")).head(Modality.AUDIO).apply(np.eye(200, dtype=np.float32))).shape == (
        200,
        160,
    )


def test_a_library_tells_where_sounds_lie_and_takes_the_bridge(
    tmp_path: Path, spaces: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As clip-clap before and after: its sounds teach the bridge, then it switches; sounds of another tower do not."""
    reads = {name: {"tower": "bag", "options": {"salt": name, "dim": 16}} for name in ("ears", "eyes")}
    senses = {"tower": "hash"}
    folders = {}
    for name, towers in (
        ("one", {"text": reads["ears"], "audio": senses}),
        ("other", {"text": reads["eyes"], "image": senses}),
        ("unbridged", {"text": reads["eyes"], "image": senses, "audio": senses}),
    ):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        about = {"name": name, "dim": 16, "towers": towers, "aligned": [*towers]}
        (folders[name] / "space.json").write_text(json.dumps(about))
    shelf, own, library, out = tmp_path / "shelf", tmp_path / "own.txt", str(tmp_path / "library"), tmp_path / "out"
    shelf.mkdir()
    soundfile.write(shelf / "long.wav", np.random.default_rng(0).standard_normal(240_000) * 0.1, 8000)
    own.write_text("\n".join(captions(400)))
    assert run(["index", str(shelf), "--library", library, "--space", str(folders["unbridged"])]) == 0
    base = ["align", "bridge", "--captions", str(own), "--library", library, "--epochs", "1"]
    capsys.readouterr()
    ways = ["--from", str(folders["one"]), "--into", str(folders["other"]), "--out", str(out)]
    assert run([*base, *ways, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["bridge"]
    assert (told["sounds"], told["pictures"]) == (30, 0)
    head = load_space(str(out)).head(Modality.AUDIO)
    windows = load_space(str(folders["one"])).tower(Modality.AUDIO)
    sound = Sound(soundfile.read(shelf / "long.wav", dtype="float32", always_2d=True)[0], 8000)
    heard = windows.encode(find_preparation(windows.preparation)(sound))
    np.testing.assert_allclose(head.more["centre"], heard.mean(axis=0), atol=2e-3)  # float16 in the library
    assert run(["align", "switch", "--to", str(out), "--library", library]) == 0
    with Library.open(library) as opened:
        assert opened.snapshot().space.head(Modality.AUDIO).fingerprint == head.fingerprint
    capsys.readouterr()
    assert run([*base, "--from", spaces[0], "--into", spaces[1], "--out", str(tmp_path / "not")]) == 1
    assert "holds 0 points of sounds that the tower of space" in " ".join(capsys.readouterr().err.split())
