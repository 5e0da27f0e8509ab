"""`hearsee space export`: open_clip towers become a space of ONNX files that gives the same vectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hearsee.api.main import run
from hearsee.core.media import Limits
from hearsee.core.media.prepare import prepare_media
from hearsee.core.modality import Modality
from hearsee.core.space import Space, load_space
from hearsee.core.vectors import Vectors
from tests import checkpoints

for needed in ("open_clip", "onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(needed)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("models")
    model = checkpoints.open_clip_folder(root / "clip", layers=1)
    assert run(["space", "export", str(model), "--out", str(root / "first")]) == 0
    shutil.move(root / "first", root / "space")  # it names its files by where it lies itself
    return model, root / "space"


def vectors(space: Space, modality: Modality, raw: bytes) -> Vectors:
    return space.tower(modality).encode(prepare_media(modality, raw, space, Limits()))


def test_the_result_is_a_space_with_pytorchs_vectors(
    exported: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = exported
    space = load_space(str(folder))
    own = tmp_path / "space"
    own.mkdir()
    towers = {m: {"tower": "open_clip", "options": {"model": str(model)}} for m in ("image", "text")}
    described = {"name": "clip", "dim": 48, "towers": towers, "aligned": ["image", "text"]}
    (own / "space.json").write_text(json.dumps(described))
    theirs = load_space(str(own))
    picture = tmp_path / "picture.png"
    Image.fromarray(checkpoints.pictures(1)[0]).save(picture)
    for modality, raw in ((Modality.IMAGE, picture.read_bytes()), (Modality.TEXT, b"a dog in the rain")):
        assert space.tower(modality).contract.tower.startswith("onnx-")
        cosine = (vectors(space, modality, raw) * vectors(theirs, modality, raw)).sum()
        assert cosine == pytest.approx(1.0, abs=1e-4)
    library = tmp_path / "library"
    assert run(["index", str(picture), "--space", str(folder), "--library", str(library), "--json"]) == 0
    assert run(["search", "--image", str(picture), "--library", str(library), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["hits"][0]["score"] == pytest.approx(1.0, abs=1e-2)


def test_eight_bits_are_smaller_and_say_how_near_they_are(
    exported: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = exported
    own = tmp_path / "described"
    own.mkdir()
    options = {"model": str(model), "fused": True}
    towers = {
        **{
            m: {"tower": "open_clip", "options": options if m == "image" else {"model": str(model)}}
            for m in ("image", "text")
        },
        "audio": {"tower": "hash"},
    }
    (own / "space.json").write_text(
        json.dumps({"name": "mine", "dim": 48, "towers": towers, "aligned": ["image", "text"]})
    )
    capsys.readouterr()
    assert run(["space", "export", str(own), "--out", str(tmp_path / "small"), "--int8", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["towers"]
    assert set(said) == {"image", "text"}
    for modality, one in said.items():
        assert 0.97 <= one["cosine"] <= 1.0 + 1e-5
        whole = (folder / "onnx" / f"{modality}.onnx").stat().st_size / 1e6
        assert one["megabytes"] < 0.6 * whole
        assert one["times"] == pytest.approx(one["onnx_per_second"] / one["pytorch_per_second"])
    space = load_space(str(tmp_path / "small"))
    assert '"fused": true' in space.tower(Modality.IMAGE).preparation
    assert space.tower(Modality.AUDIO).contract.tower.startswith("hash")  # what is not exported stays as it was
    assert np.isfinite(vectors(space, Modality.TEXT, b"a bell")).all()


@pytest.mark.parametrize(
    ("name", "out", "said"),
    [
        ("toybox", "new", "sees with no tower: only open_clip towers"),
        ("backbones", "new", "sees with transformers"),
        ("clip-clap", "full", "is not an empty folder"),
        ("no-such-model", "new", "no weights of 'no-such-model'"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, out: str, said: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    assert run(["space", "export", name, "--out", str(tmp_path / out)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()
