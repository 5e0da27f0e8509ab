"""Models whose weights lie in several files beside an index, as a hub holds large ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.encoders.table import make_tower
from hearsee.core.encoders.weights import parts_of, read_weights, weights_file
from hearsee.core.errors import Damaged, HearseeError, NotFound
from hearsee.core.media.kinds import Media, Picture, Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from tests import checkpoints
from tests.core.test_encoder_poison import pickled

transformers = pytest.importorskip("transformers")
CAPTIONS = ("rain on the roof", "a", "a man plays a guitar in the rain")


def in_parts(folder: Path, kind: Any = None) -> Path:
    """The folder's model as transformers itself saves it in parts of a few kilobytes; its index."""
    model = (kind or transformers.AutoModel).from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="30KB")
    assert len(list(folder.glob("model-*-of-*.safetensors"))) > 2
    return folder / "model.safetensors.index.json"


def in_pickled_parts(folder: Path) -> Path:
    import torch
    from huggingface_hub import save_torch_state_dict

    model = transformers.AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    save_torch_state_dict(state, folder, max_shard_size="30KB", safe_serialization=False)
    assert all(isinstance(torch.load(part, weights_only=True), dict) for part in folder.glob("*-of-*.bin"))
    return folder / "pytorch_model.bin.index.json"


def encoded(name: str, modality: Modality, folder: Path, media: list[Media]) -> Vectors:
    tower = make_tower(name, modality, {"model": str(folder)})
    return tower.encode([piece for one in media for piece in find_preparation(tower.preparation)(one)])


def read(folder: Path) -> Vectors:
    return encoded("transformers", Modality.TEXT, folder, [Words(one) for one in CAPTIONS])


def text_fingerprint(folder: Path) -> str:
    return make_tower("transformers", Modality.TEXT, {"model": str(folder)}).contract.weights


@pytest.mark.parametrize("split", [in_parts, in_pickled_parts])
def test_texts(tmp_path: Path, split: Any) -> None:
    import torch

    folder = checkpoints.bert_folder(tmp_path / "bert")
    index = split(folder)
    assert weights_file(folder) == index
    model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(list(CAPTIONS), padding=True, return_tensors="pt")
    mask = inputs["attention_mask"]
    with torch.inference_mode():
        hidden = model(input_ids=inputs["input_ids"], attention_mask=mask).last_hidden_state
    wanted = (hidden * mask[:, :, None]).sum(1) / mask[:, :, None].sum(1)
    np.testing.assert_allclose(read(folder), unit(wanted.numpy()), atol=1e-4)


def test_pictures(tmp_path: Path) -> None:
    import torch
    from PIL import Image

    folder = checkpoints.vit_folder(tmp_path / "vit")
    in_parts(folder)
    shown = checkpoints.pictures(3)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(images=[Image.fromarray(one) for one in shown], return_tensors="pt")
    with torch.inference_mode():
        hidden = transformers.AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state
    found = encoded("transformers", Modality.IMAGE, folder, [Picture(one) for one in shown])
    np.testing.assert_allclose(found, unit(hidden[:, 0].numpy()), atol=1e-4)


def test_clap(tmp_path: Path) -> None:
    import torch

    folder = checkpoints.clap_folder(tmp_path / "clap")
    in_parts(folder, transformers.ClapModel)
    model = transformers.ClapModel.from_pretrained(folder).eval()
    heard = checkpoints.sounds(2)
    inputs = transformers.ClapFeatureExtractor.from_pretrained(folder)(heard, sampling_rate=48_000, return_tensors="pt")
    read_too = transformers.AutoTokenizer.from_pretrained(folder)(list(CAPTIONS), padding=True, return_tensors="pt")
    with torch.inference_mode():
        inputs["is_longer"] = torch.zeros(len(heard), 1, dtype=torch.bool)
        sounds = model.get_audio_features(**inputs).pooler_output
        texts = model.get_text_features(
            input_ids=read_too["input_ids"], attention_mask=read_too["attention_mask"]
        ).pooler_output
    found = encoded("clap", Modality.AUDIO, folder, [Sound(one.reshape(-1, 1), 48_000) for one in heard])
    np.testing.assert_allclose(found, unit(sounds.numpy()), atol=1e-4)
    found = encoded("clap", Modality.TEXT, folder, [Words(one) for one in CAPTIONS])
    np.testing.assert_allclose(found, unit(texts.numpy()), atol=1e-4)


def test_open_clip_reads_parts_under_its_own_name(tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    from huggingface_hub import save_torch_state_dict

    folder = checkpoints.open_clip_folder(tmp_path / "clip")
    before = encoded("open_clip", Modality.TEXT, folder, [Words(one) for one in CAPTIONS])
    held = read_weights(folder / "open_clip_model.safetensors")
    (folder / "open_clip_model.safetensors").unlink()
    pattern = "open_clip_model{suffix}.safetensors"
    save_torch_state_dict(held, folder, filename_pattern=pattern, max_shard_size="200KB")
    assert weights_file(folder).name == "open_clip_model.safetensors.index.json"
    np.testing.assert_array_equal(before, encoded("open_clip", Modality.TEXT, folder, [Words(one) for one in CAPTIONS]))


def test_every_part_counts_in_the_fingerprint_and_a_changed_one_is_read_anew(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = checkpoints.bert_folder(tmp_path / "bert")
    parts = list(parts_of(in_parts(folder)))
    before, found, rows = text_fingerprint(folder), set(), read(folder)
    for part in parts:
        raw = part.read_bytes()
        held = load_file(part)
        save_file({name: value + np.float32(0.1) for name, value in held.items() if value.dtype == np.float32}
                  | {name: value for name, value in held.items() if value.dtype != np.float32}, part)  # fmt: skip
        found.add(text_fingerprint(folder))
        part.write_bytes(raw)
    assert len(found) == len(parts)
    assert before not in found
    assert text_fingerprint(folder) == before
    layer = next(part for part in parts if any("layer.0" in name for name in load_file(part)))
    held = load_file(layer)
    save_file({name: -value for name, value in held.items()}, layer)
    assert np.abs(read(folder) - rows).max() > 1e-3, "the model that was loaded before is not used again"


def test_one_file_with_all_weights_goes_before_parts(tmp_path: Path) -> None:
    folder = checkpoints.bert_folder(tmp_path / "bert")
    whole = (folder / "model.safetensors").read_bytes()
    in_parts(folder)
    (folder / "model.safetensors").write_bytes(whole)
    assert weights_file(folder).name == "model.safetensors"


def said_of(folder: Path, kind: type[HearseeError]) -> str:
    with pytest.raises(kind) as refused:
        read(folder)
    said = str(refused.value)
    assert "\n" not in said
    assert len(said) < 400
    return said


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = checkpoints.bert_folder(tmp_path / "bert")
    index = in_parts(folder)
    parts = sorted(parts_of(index))
    parts[1].unlink()
    said = said_of(folder, NotFound)
    assert f"lacks {parts[1].name}, 1 of the {len(parts)} parts that {index.name} names" in said
    index.unlink()
    assert "is a part of a model, and no *.safetensors.index.json is beside it" in said_of(folder, NotFound)


@pytest.mark.parametrize("named", ["../away.safetensors", "ABSOLUTE", "..", "sub/away.safetensors", "away.bin", "", 7])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, named: Any) -> None:
    folder = checkpoints.bert_folder(tmp_path / "bert")
    index = in_parts(folder)
    held = json.loads(index.read_text())
    away = tmp_path / "away.safetensors"
    shutil.copyfile(min(parts_of(index)), away)
    held["weight_map"][next(iter(held["weight_map"]))] = str(away) if named == "ABSOLUTE" else named
    index.write_text(json.dumps(held))
    assert index.name in said_of(folder, Damaged)


def test_links_lead_to_a_hubs_cache_only(tmp_path: Path) -> None:
    folder = checkpoints.bert_folder(tmp_path / "bert")
    part = min(parts_of(in_parts(folder)))
    wanted = read(folder)
    moved = tmp_path / "elsewhere.safetensors"
    part.rename(moved)
    part.symlink_to(moved)
    assert "leads out of its folder" in said_of(folder, Damaged)
    cached = tmp_path / "models--owner--bert"
    (cached / "snapshots").mkdir(parents=True)
    (cached / "blobs").mkdir()
    snapshot = cached / "snapshots" / "0123abcd"
    folder.rename(snapshot)
    (snapshot / part.name).unlink()
    moved.rename(cached / "blobs" / "hash")
    (snapshot / part.name).symlink_to(Path("..") / ".." / "blobs" / "hash")
    np.testing.assert_array_equal(read(snapshot), wanted)


def test_a_part_that_is_not_what_the_index_says_is_refused(tmp_path: Path) -> None:
    folder = checkpoints.bert_folder(tmp_path / "bert")
    index = in_parts(folder)
    described = index.read_text()
    held = json.loads(described)
    held["weight_map"]["encoder.of.nothing"] = min(parts_of(index)).name
    index.write_text(json.dumps(held))
    assert "lacks 'encoder.of.nothing'" in said_of(folder, Damaged)
    for strange in ("{}", '{"weight_map": []}', '{"weight_map": {}}', "[]", "{"):
        index.write_text(strange)
        assert index.name in said_of(folder, Damaged)
    index.write_text(described)
    min(parts_of(index)).write_bytes(b"<html>not found</html>")
    assert "is not a safetensors file" in said_of(folder, Damaged)


def test_a_poisoned_part_is_not_run(tmp_path: Path) -> None:
    folder = checkpoints.bert_folder(tmp_path / "bert")
    part = max(parts_of(in_pickled_parts(folder)))
    part.write_bytes(pickled(tmp_path / "ran", "exec", 2))
    assert part.name in said_of(folder, Damaged)
    assert not (tmp_path / "ran").exists()
