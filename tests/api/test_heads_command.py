"""Heads trained from the terminal on a library whose media never existed: only vectors can have been read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsee.api.main import run
from hearsee.core.head import read_heads
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.indexer.align.checkpoint import Checkpoints, State
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from hearsee.search import open_library
from hearsee.search.evaluate import evaluate
from tests.indexer.pairs import view

GROUPS = 240
QUICK = ("--epochs", "15", "--batch", "64", "--rate", "0.005")


def fill(folder: Path, *, shuffled: bool = False) -> None:
    """A picture and two captions of each thing, as two towers would see them that know nothing of each other."""
    things = np.random.default_rng(0).standard_normal((GROUPS, 5)).astype(np.float32)
    order = np.random.default_rng(1).permutation(GROUPS) if shuffled else np.arange(GROUPS)
    pictures, captions = view(things, 16, 0.03, 1), [view(things[order], 16, 0.03, seed) for seed in (2, 2)]
    captions[1] += view(things[order], 16, 0.02, 2) * 0.01
    adds = []
    for group in range(GROUPS):
        rows = {"image": pictures[group], "text": captions[0][group], "text2": captions[1][group]}
        for name, row in rows.items():
            uri = f"file:///nowhere/{group}.{name}"
            content = hashlib.sha256(uri.encode()).hexdigest()
            adds.append(Add(uri, Modality(name[:5].rstrip("2")), content, 1, "file:///nowhere", row[None], [None], group=str(group)))  # fmt: skip # noqa: E501
    with Writer.open(folder, space=hash_space()) as writer:
        writer.commit(Batch(adds))
        writer.build_shards()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    fill(tmp_path / "library")
    return tmp_path / "library"


def said(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> Any:
    capsys.readouterr()
    assert run([*map(str, args), "--json"]) == code
    out = capsys.readouterr()
    return json.loads(out.out.splitlines()[-1]) if code == 0 else out.err


def recall(library: Path) -> float:
    with open_library(library) as opened:
        return float(np.mean([one.metrics["recall@10"].value for one in evaluate(opened).directions.values()]))


def test_heads_are_trained_switched_to_and_switched_back(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = recall(library)
    said(capsys, "calibrate", "--library", library)
    told = said(capsys, "align", "heads", "--library", library, *QUICK)
    assert told["verdict"] == "better"
    assert told["switched"]
    assert told["groups"] == {"train": 168, "validation": 24, "held": 48}
    assert "720 vectors were projected again, no media read" in told["said"][0]
    assert told["said"][1].startswith("calibration.json is of the old heads and is passed over with these")
    with open_library(library) as opened:
        assert not opened.search(text="anything", wanted="image").calibration.calibrated
    assert (library / "align" / "report.json").is_file()
    assert not (library / "align" / "checkpoint.safetensors").exists()
    assert recall(library) > 0.8 > 0.2 > before
    listed = said(capsys, "align", "list", "--library", library)
    assert [(row["name"], row["live"], row["previous"]) for row in listed["heads"]] == [
        ("trained, seed 0", True, False), ("own", False, True),
    ]  # fmt: skip
    assert listed["kinds"] == {"audio": "identity", "image": "mlp", "text": "mlp"}
    assert listed["heads"][0]["sentence"] == told["sentence"]
    stats = said(capsys, "stats", "--library", library)["heads"]
    assert (stats["live"], stats["kinds"]["image"]) == ("trained, seed 0", "mlp")
    said(capsys, "align", "switch", "--to", "previous", "--library", library)
    assert recall(library) == before
    with open_library(library) as opened:
        assert opened.search(text="anything", wanted="image").calibration.calibrated
    said(capsys, "align", "switch", "--to", "trained, seed 0", "--library", library)
    assert recall(library) > 0.8
    assert verify(library).problems == ()
    again = said(capsys, "align", "heads", "--library", library, "--epochs", 1, "--rate", "1e-9")
    assert (again["verdict"], again["switched"]) == ("not better", False)
    assert again["forgotten"]["still_first"] == again["forgotten"]["questions"] > 0
    assert "the old heads stay" in again["said"][0]
    assert len(said(capsys, "align", "list", "--library", library)["heads"]) == 2


def test_heads_that_are_not_better_stay_out_unless_told_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, shuffled=True)
    told = said(capsys, "align", "heads", "--library", tmp_path, "--epochs", 2, "--head", "linear")
    assert told["verdict"] != "better"
    assert not told["switched"]
    told = said(capsys, "align", "heads", "--library", tmp_path, "--epochs", 2, "--anyway", "--name", "mine")
    assert told["switched"]
    assert said(capsys, "align", "list", "--library", tmp_path)["heads"][0]["name"] == "mine"
    forget = ("align", "forget", "--library", tmp_path)
    assert "heads 'mine' are live: switch to others first" in said(capsys, *forget, "mine", code=1)
    assert "own heads stay" in said(capsys, *forget, "own", code=1)
    assert "no heads are called 'other'" in said(capsys, *forget, "other", code=1)
    said(capsys, "align", "switch", "--to", "own", "--library", tmp_path)
    files = len(list((tmp_path / "heads").glob("*.safetensors")))
    assert [row["name"] for row in said(capsys, *forget, "mine")["forgotten"]] == ["mine"]
    assert len(list((tmp_path / "heads").glob("*.safetensors"))) == files - 1
    assert [row["name"] for row in said(capsys, "align", "list", "--library", tmp_path)["heads"]] == ["own"]
    assert "no heads were live before these" in said(capsys, "align", "switch", "--to", "previous", "--library", tmp_path, code=1)  # fmt: skip # noqa: E501
    assert verify(tmp_path).problems == ()


def test_heads_can_be_kept_in_a_folder_and_taken_from_there(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    told = said(capsys, "align", "heads", "--library", library, "--no-switch", "--out", out, *QUICK)
    assert not told["switched"]
    assert said(capsys, "align", "list", "--library", library)["heads"] == []
    kept = read_heads(out / "heads.safetensors")
    assert kept.towers == {m: hash_space().tower(m).contract.fingerprint for m in kept.by_modality}
    said(capsys, "align", "switch", "--to", out, "--library", library)
    assert recall(library) > 0.8
    assert "are live already" in said(capsys, "align", "switch", "--to", out, "--library", library, code=1)


def test_heads_of_vectors_in_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    things = np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32)
    np.save(tmp_path / "image.npy", view(things, 16, 0.03, 1))
    np.save(tmp_path / "audio.npy", view(things, 9, 0.03, 2).astype(np.float16))
    out = tmp_path / "out"
    command = ("align", "heads", "--vectors", tmp_path, "--dim", 8, *QUICK)
    assert "--vectors needs --out" in said(capsys, *command, code=1)
    told = said(capsys, *command, "--out", out, "--head", "linear")
    assert {one["name"] for one in told["directions"]} == {"audio->image", "image->audio"}
    heads = read_heads(out / "heads.safetensors")
    assert {m: head.matrix.shape for m, head in heads.by_modality.items() if head.matrix is not None} == {
        Modality.IMAGE: (16, 8), Modality.AUDIO: (9, 8),
    }  # fmt: skip
    (tmp_path / "image.groups.txt").write_text("a\n" * 200)
    assert "lacks audio.groups.txt" in said(capsys, *command, "--out", out, code=1)
    (tmp_path / "audio.npy").write_bytes(b"\x80\x04 hostile")
    assert "is no array of numbers" in said(capsys, *command, "--out", out, code=1)
    assert "holds no vectors" in said(capsys, "align", "heads", "--vectors", out, "--out", out, code=1)


def test_what_cannot_be_trained_is_one_line(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option, words in {("--head", "tree"): "no head is called", ("--device", "abacus"): "use cpu or cuda"}.items():
        line = said(capsys, "align", "heads", "--library", library, *option, code=1)
        assert words in line
        assert line.count("\n") == 1
    with Writer.open(library, space=hash_space()) as writer:
        writer.remove([f"file:///nowhere/{group}.image" for group in range(GROUPS)])
    assert "vectors of text only" in said(capsys, "align", "heads", "--library", library, code=1)


def test_a_run_of_another_space_is_not_gone_on_from(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Checkpoints(library / "align", {"space": "another"}, pytest.fail)
    other.save(State({"weights": torch.zeros(3)}, {}))
    line = said(capsys, "align", "heads", "--library", library, *QUICK, code=1)
    assert "checkpoint.safetensors is of another run (space: another against" in line
    assert line.count("\n") == 1
    told = said(capsys, "align", "heads", "--library", library, "--again", "--epochs", 1)
    assert len(told["history"]) == 1


def test_the_report_is_shown_and_drawn(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert run(["align", "heads", "--library", str(library), *QUICK]) == 0
    shown = capsys.readouterr().out
    for words in ("On held-out groups", "image->text", "before", "after", "gain", "Better: the new heads find more"):
        assert words in shown
    from PIL import Image

    with Image.open(library / "align" / "curves.png") as picture:
        assert picture.size == (1200, 360)
    assert run(["align", "list", "--library", str(library)]) == 0
    assert "trained, seed 0" in capsys.readouterr().out
