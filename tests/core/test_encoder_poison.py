"""Weight files that want to run something: none does, and each is refused in one clear line."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.encoders.table import make_tower
from hearsee.core.encoders.weights import read_weights
from hearsee.core.errors import Damaged, HearseeError
from hearsee.core.media.kinds import Picture, Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from tests import checkpoints

torch = pytest.importorskip("torch")

NAMES = ("model.pt", "model.pth", "model.bin", "model.safetensors")


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, ran: Path, how: str) -> None:
        self.ran, self.how = ran, how

    def __reduce__(self) -> tuple[Any, ...]:
        code = f"open({str(self.ran)!r}, 'w').close()"
        if self.how == "exec":
            return exec, (code,)
        if self.how == "eval":
            return eval, (code,)
        if self.how == "system":
            import os

            return os.system, (f"touch {self.ran}",)
        if self.how == "popen":
            import subprocess

            return subprocess.getoutput, (f"touch {self.ran}",)
        return Path.touch, (self.ran,)


HOWS = ("exec", "eval", "system", "popen", "path")


def pickled(ran: Path, how: str, protocol: int) -> bytes:
    return pickle.dumps({"weight": Runs(ran, how)}, protocol=protocol)


def in_torch_zip(data: bytes) -> bytes:
    """The layout of torch.save, with a pickle of our own."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return held.getvalue()


def poisons(ran: Path) -> Iterator[tuple[str, bytes]]:
    for how in HOWS:
        for protocol in (0, 2, 4):
            data = pickled(ran, how, protocol)
            yield f"{how}-{protocol}", data
            yield f"{how}-{protocol}-zip", in_torch_zip(data)
    whole = io.BytesIO()
    torch.save({"state_dict": {"weight": torch.ones(2)}, "extra": Runs(ran, "exec")}, whole)
    yield "beside tensors", whole.getvalue()
    legacy = io.BytesIO()
    torch.save({"weight": Runs(ran, "system")}, legacy, _use_new_zipfile_serialization=False)
    yield "legacy", legacy.getvalue()
    header = json.dumps(
        {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]}}
    )
    yield "header of a giant", struct.pack("<Q", len(header)) + header.encode() + b"\0" * 8
    yield "endless header", struct.pack("<Q", 2**63) + b"{}"
    yield "empty", b""
    yield "text", b"<html>not found</html>"


def test_no_poisoned_file_is_run_under_any_name(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    tried = 0
    for name in NAMES:
        for what, data in poisons(ran):
            path = tmp_path / name
            path.write_bytes(data)
            with pytest.raises(Damaged) as refused:
                read_weights(path)
            said = str(refused.value)
            assert "\n" not in said, what
            assert str(path) in said, what
            assert len(said) < 400, what
            assert not ran.exists(), f"{what} under {name} was run"
            tried += 1
    assert tried >= 100
    pickle.loads(pickled(ran, "exec", 2))
    assert ran.exists(), "the poison is not poisonous, so the test proves nothing"


@pytest.mark.parametrize(
    "name", ["open_clip_pytorch_model.bin", "open_clip_model.safetensors", "epoch.pt", "model.pth"]
)
def test_a_poisoned_open_clip_folder_is_refused(tmp_path: Path, name: str) -> None:
    pytest.importorskip("open_clip")
    folder = checkpoints.open_clip_folder(tmp_path / "clip")
    (folder / "open_clip_model.safetensors").unlink()
    (folder / name).write_bytes(pickled(tmp_path / "ran", "system", 2))
    tower = make_tower("open_clip", Modality.IMAGE, {"model": str(folder)})
    (piece,) = find_preparation(tower.preparation)(Picture(checkpoints.pictures(1)[0]))
    with pytest.raises(Damaged, match=name):
        tower.encode([piece])
    assert not (tmp_path / "ran").exists()


CODE_OF_ITS_OWN = {"AutoTokenizer": ["evil.Evil", None], "AutoConfig": "evil.Config", "AutoModel": "evil.Model"}


@pytest.mark.parametrize(
    "asked",
    [
        {"hf_tokenizer_name": "x", "tokenizer_kwargs": {"trust_remote_code": True}},
        {"hf_tokenizer_name": "x"},
        {"hf_model_name": "HERE", "hf_tokenizer_name": "x"},
        {"tokenizer_kwargs": {"bpe_path": "HERE/vocab.gz"}},
    ],
)
def test_an_open_clip_folder_that_brings_code_along_is_refused(
    tmp_path: Path, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("open_clip")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 20))  # whoever is asked whether to run it would say yes
    folder, ran = checkpoints.open_clip_folder(tmp_path / "clip"), tmp_path / "ran"
    described = json.loads((folder / "open_clip_config.json").read_text())
    described["model_cfg"]["text_cfg"] |= json.loads(json.dumps(asked).replace("HERE", str(folder)))
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "Evil", "auto_map": CODE_OF_ITS_OWN}))
    (folder / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": CODE_OF_ITS_OWN}))
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    with pytest.raises(Damaged) as refused:
        read_with(folder)
    assert "\n" not in str(refused.value)
    assert not ran.exists()


def read_with(folder: Path) -> None:
    tower = make_tower("open_clip", Modality.TEXT, {"model": str(folder)})
    (piece,) = find_preparation(tower.preparation)(Words("a bell"))
    tower.encode([piece])


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_a_poisoned_clap_folder_is_refused(tmp_path: Path, name: str) -> None:
    pytest.importorskip("transformers")
    folder = checkpoints.clap_folder(tmp_path / "clap")
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(in_torch_zip(pickled(tmp_path / "ran", "exec", 2)))
    tower = make_tower("clap", Modality.AUDIO, {"model": str(folder)})
    (piece,) = find_preparation(tower.preparation)(Sound(np.ones((48_000, 1), np.float32), 48_000))
    with pytest.raises(Damaged, match=name):
        tower.encode([piece])
    assert not (tmp_path / "ran").exists()


DOCUMENTS = (
    "",
    "null",
    "[]",
    "7",
    "{",
    '{"model_type": 7}',
    "\x80\x04cposix\nsystem\n",
    '{"a":' * 5000 + "1" + "}" * 5000,
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"])
def test_poisoned_metadata_is_refused_or_harmless(tmp_path: Path, name: str, document: str) -> None:
    """A folder of transformers whose description is not what it should be never gives a traceback."""
    pytest.importorskip("transformers")
    folder = clap_copy(tmp_path)
    (folder / name).write_text(document, "utf-8")
    heard = Sound(np.ones((4800, 1), np.float32), 48_000)
    for modality, media in ((Modality.AUDIO, heard), (Modality.TEXT, Words("rain"))):
        said = what_is_said("clap", folder, modality, media)
        assert said is None or "\n" not in said


def what_is_said(tower_name: str, folder: Path, modality: Modality, media: Any) -> str | None:
    """The refusal, or None where a vector was made."""
    try:
        tower = make_tower(tower_name, modality, {"model": str(folder)})
        vectors = tower.encode(find_preparation(tower.preparation)(media))
    except HearseeError as error:
        return str(error)
    return None if np.isfinite(vectors).all() else "not\nfinite"


CONFIGS = (
    *DOCUMENTS,
    '{"model_cfg": {}}',
    '{"model_cfg": {"embed_dim": 1e9, "vision_cfg": {}, "text_cfg": {}}}',
    '{"model_cfg": {"embed_dim": 48, "vision_cfg": {"image_size": [9]}, "text_cfg": {}}}',
    '{"model_cfg": {"embed_dim": 48, "vision_cfg": {"image_size": -1}, "text_cfg": {}}}',
    '{"model_cfg": {"embed_dim": 48, "vision_cfg": [], "text_cfg": {}}}',
    '{"model_cfg": {"embed_dim": 48, "vision_cfg": {"layers": "x"}, "text_cfg": {"hf_model_name": "../../x"}}}',
)


@pytest.mark.parametrize("document", CONFIGS, ids=range(len(CONFIGS)))
def test_poisoned_open_clip_configurations_are_refused(tmp_path: Path, document: str) -> None:
    pytest.importorskip("open_clip")
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"")
    (tmp_path / "open_clip_config.json").write_text(document, "utf-8")
    said = what_is_said("open_clip", tmp_path, Modality.TEXT, Words("rain"))
    assert said
    assert "\n" not in said


def clap_copy(tmp_path: Path) -> Path:
    import shutil

    global _CLAP  # written once: forty folders are filled from it
    if _CLAP is None:
        _CLAP = {p.name: p.read_bytes() for p in checkpoints.clap_folder(tmp_path / "first").iterdir()}
        shutil.rmtree(tmp_path / "first")
    folder = tmp_path / "clap"
    folder.mkdir()
    for name, data in _CLAP.items():
        (folder / name).write_bytes(data)
    return folder


_CLAP: dict[str, bytes] | None = None
