"""Backbones against transformers called as its documentation shows, on folders of random weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.encoders.table import make_tower
from hearsee.core.errors import BadInput, Damaged, NotFound, Refused
from hearsee.core.media.kinds import Media, Picture, Piece, Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from tests import checkpoints

transformers = pytest.importorskip("transformers")

CAPTIONS = ("rain on the roof", "a", "a man plays a guitar while a dog barks and a bell rings in the distance", "猫")


def encoded(tower: Any, media: Sequence[Media]) -> tuple[list[Piece], Vectors]:
    pieces = [piece for one in media for piece in find_preparation(tower.preparation)(one)]
    return pieces, tower.encode(pieces)


def assert_batches_do_not_matter(tower: Any, pieces: list[Piece], rows: Vectors) -> None:
    alone = np.concatenate([tower.encode([piece]) for piece in pieces])
    np.testing.assert_allclose(rows, alone, atol=1e-4)
    np.testing.assert_allclose(rows, tower.encode(pieces[::-1])[::-1], atol=1e-4)


@pytest.mark.parametrize("write", [checkpoints.resnet_folder, checkpoints.dino_folder, checkpoints.vit_folder])
def test_pictures(tmp_path: Path, write: Any) -> None:
    import torch
    from PIL import Image

    folder = write(tmp_path / "vision")
    shown = [one for one in checkpoints.pictures(6) if min(one.shape[:2]) > 40]
    tower = make_tower("transformers", Modality.IMAGE, {"model": str(folder)})
    pieces, rows = encoded(tower, [Picture(one) for one in shown])
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = processor(images=[Image.fromarray(one) for one in shown], return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state
    wanted = unit((hidden.mean(dim=(2, 3)) if hidden.ndim == 4 else hidden[:, 0]).numpy())
    assert rows.shape == wanted.shape == (len(shown), tower.dim)
    np.testing.assert_allclose(rows, wanted, atol=1e-4)
    assert_batches_do_not_matter(tower, pieces, rows)


@pytest.mark.parametrize("pool", ["mean", "cls", "pooler"])
def test_texts(tmp_path: Path, pool: str) -> None:
    import torch

    folder = checkpoints.bert_folder(tmp_path / "bert")
    tower = make_tower("transformers", Modality.TEXT, {"model": str(folder), "pool": pool, "batch": 2})
    pieces, rows = encoded(tower, [Words(one) for one in CAPTIONS])
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(list(CAPTIONS), padding=True, return_tensors="pt")
    with torch.inference_mode():
        read = transformers.AutoModel.from_pretrained(folder).eval()(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
        )
    mask = inputs["attention_mask"][:, :, None]
    mean = (read.last_hidden_state * mask).sum(1) / mask.sum(1)
    wanted = {"mean": mean, "cls": read.last_hidden_state[:, 0], "pooler": read.pooler_output}[pool]
    np.testing.assert_allclose(rows, unit(wanted.numpy()), atol=1e-4)
    assert_batches_do_not_matter(tower, pieces, rows)
    assert json.loads(tower.contract.preprocessing)["pool"] == pool


def test_a_sentence_model_says_how_it_pools(tmp_path: Path) -> None:
    folder = checkpoints.bert_folder(tmp_path / "sentences")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    tower = make_tower("transformers", Modality.TEXT, {"model": str(folder)})
    assert json.loads(tower.contract.preprocessing)["pool"] == "cls"


@pytest.mark.parametrize("write", [checkpoints.wav2vec_folder, checkpoints.ast_folder])
def test_sounds(tmp_path: Path, write: Any) -> None:
    import torch

    folder = write(tmp_path / "audio")
    tower = make_tower("transformers", Modality.AUDIO, {"model": str(folder), "window_seconds": 1.25})
    heard = checkpoints.sounds(3, 16_000, 1.25)
    pieces, rows = encoded(tower, [Sound(one.reshape(-1, 1), 16_000) for one in heard])
    assert len(pieces) == 4, "1.25 s, 1.56 s (the rest is under half a second), and 1.875 s in two windows"
    whole = [heard[0], heard[1][:20_000], heard[2][:20_000]]
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    inputs = extractor(whole, sampling_rate=16_000, return_tensors="pt", padding=True)
    inputs = {name: value for name, value in inputs.items() if name != "attention_mask"}
    with torch.inference_mode():
        wanted = transformers.AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state.mean(dim=1)
    np.testing.assert_allclose(rows[:3], unit(wanted.numpy()), atol=1e-4)
    assert_batches_do_not_matter(tower, pieces, rows)


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = checkpoints.bert_folder(tmp_path / "bert")
    held = load_file(folder / "model.safetensors")
    pooler = {name: value for name, value in held.items() if "pooler" not in name}
    save_file(pooler, folder / "model.safetensors", metadata={"format": "pt"})
    mean = make_tower("transformers", Modality.TEXT, {"model": str(folder)})
    assert encoded(mean, [Words("rain")])[1].shape == (1, 32), "the pooler is not used, so it may be missing"
    pooled = make_tower("transformers", Modality.TEXT, {"model": str(folder), "pool": "pooler"})
    with pytest.raises(Damaged, match="lacks 2 of its model's weights, such as pooler"):
        encoded(pooled, [Words("rain")])
    less = {name: value for name, value in held.items() if "layer.1.output.dense.weight" not in name}
    save_file(less, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Damaged, match="lacks 1 of its model's weights"):
        encoded(make_tower("transformers", Modality.TEXT, {"model": str(folder)}), [Words("rain")])


def test_what_is_not_known_is_refused(tmp_path: Path) -> None:
    folder = checkpoints.vit_folder(tmp_path / "vit")
    with pytest.raises(BadInput, match="pool 'max'"):
        make_tower("transformers", Modality.IMAGE, {"model": str(folder), "pool": "max"})
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": {"longest_edge": 9}}))
    with pytest.raises(Refused, match="resizes to"):
        _ = make_tower("transformers", Modality.IMAGE, {"model": str(folder)}).preparation
    (folder / "model.safetensors").unlink()
    with pytest.raises(NotFound, match=r"looked for one of \*\.safetensors"):
        make_tower("transformers", Modality.IMAGE, {"model": str(folder)})


def test_code_that_a_folder_brings_along_is_not_run(tmp_path: Path) -> None:
    folder = checkpoints.bert_folder(tmp_path / "bert")
    ran = tmp_path / "ran"
    (folder / "modeling_x.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass X: pass\nclass Y: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mystery", "auto_map": {"AutoConfig": "modeling_x.X", "AutoModel": "modeling_x.Y"}}
    (folder / "config.json").write_text(json.dumps(config))
    tower = make_tower("transformers", Modality.TEXT, {"model": str(folder)})
    with pytest.raises(Refused, match="of type 'mystery' that cannot be used"):
        encoded(tower, [Words("rain")])
    assert not ran.exists()
