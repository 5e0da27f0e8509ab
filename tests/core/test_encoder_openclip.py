"""The open_clip towers against open_clip itself, on checkpoints of random weights in the real layouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.encoders.prepare_text import words_of
from hearsee.core.encoders.table import make_tower
from hearsee.core.errors import BadInput, Damaged, NotFound
from hearsee.core.media.kinds import Media, Picture, Piece, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from tests import checkpoints

open_clip = pytest.importorskip("open_clip")

CAPTIONS = (
    "a dog",
    "rain on the roof of an old house by the sea, while somebody plays a slow song on a guitar inside",
    "bell",
    "Ein Hund läuft über die nasse Straße",
    "猫が屋根の上で眠っている",
    "two men in red shirts play football in the park",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.open_clip_folder(tmp_path_factory.mktemp("models") / "clip")


def pieces(tower: Any, media: Sequence[Media]) -> list[Piece]:
    prepare = find_preparation(tower.preparation)
    found = [prepare(one) for one in media]
    assert all(len(one) == 1 for one in found)
    return [one[0] for one in found]


def reference_pictures(name: str, pictures: Sequence[Any], **given: Any) -> Vectors:
    """As open_clip's documentation shows."""
    import torch
    from PIL import Image

    model, _, preprocess = open_clip.create_model_and_transforms(name, **given)
    model.eval()
    with torch.no_grad():
        rows = [model.encode_image(preprocess(Image.fromarray(one)).unsqueeze(0))[0].numpy() for one in pictures]
    return unit(np.asarray(rows))


def reference_texts(name: str, texts: Sequence[str], **given: Any) -> Vectors:
    import torch

    model, _, _ = open_clip.create_model_and_transforms(name, **given)
    model.eval()
    with torch.no_grad():
        return unit(model.encode_text(open_clip.get_tokenizer(name)(list(texts))).numpy())


@pytest.mark.parametrize(
    "preprocess",
    [
        {},
        {"interpolation": "bilinear"},
        {"resize_mode": "squash", "mean": [0.5] * 3, "std": [0.5] * 3},
        {"resize_mode": "longest", "fill_color": 7},
    ],
    ids=["shortest", "bilinear", "squash", "longest"],
)
def test_pictures_have_open_clips_own_vectors(tmp_path: Path, preprocess: dict[str, Any]) -> None:
    folder = checkpoints.open_clip_folder(tmp_path / "clip", preprocess=preprocess)
    tower = make_tower("open_clip", Modality.IMAGE, {"model": str(folder)})
    shown = checkpoints.pictures(6)
    rows = tower.encode(pieces(tower, [Picture(one) for one in shown]))
    assert rows.shape == (6, tower.dim) == (6, 48)
    np.testing.assert_allclose(rows, reference_pictures(f"local-dir:{folder}", shown), atol=1e-4)


def test_texts_cut_by_length_have_open_clips_own_vectors(folder: Path) -> None:
    tower = make_tower("open_clip", Modality.TEXT, {"model": str(folder)})
    rows = tower.encode(pieces(tower, [Words(caption) for caption in CAPTIONS]))
    np.testing.assert_allclose(rows, reference_texts(f"local-dir:{folder}", CAPTIONS), atol=1e-5)


def test_a_text_longer_than_the_context_is_cut_as_open_clip_cuts_it(folder: Path) -> None:
    tower = make_tower("open_clip", Modality.TEXT, {"model": str(folder)})
    crowded = " ".join("?!" * 80)[:299]  # a token for each sign
    rows = tower.encode(pieces(tower, [Words(crowded)]))
    np.testing.assert_allclose(rows, reference_texts(f"local-dir:{folder}", [crowded]), atol=1e-5)


def test_texts_that_see_their_padding_are_not_cut(tmp_path: Path) -> None:
    folder = checkpoints.open_clip_folder(tmp_path / "siglip", siglip=True)
    tower = make_tower("open_clip", Modality.TEXT, {"model": str(folder)})
    short = ["a dog", "rain on the roof", "bell"]
    rows = tower.encode(pieces(tower, [Words(one) for one in short]))
    np.testing.assert_allclose(rows, reference_texts(f"local-dir:{folder}", short), atol=1e-4)


def test_a_models_name_with_a_checkpoint_of_its_training(tmp_path: Path) -> None:
    path = checkpoints.open_clip_checkpoint(tmp_path / "epoch_1.pt")
    options = {"model": "ViT-S-32-alt", "pretrained": str(path)}
    shown, given = checkpoints.pictures(2), {"pretrained": str(path)}
    tower = make_tower("open_clip", Modality.IMAGE, options)
    rows = tower.encode(pieces(tower, [Picture(one) for one in shown]))
    np.testing.assert_allclose(rows, reference_pictures("ViT-S-32-alt", shown, **given), atol=1e-4)
    reader = make_tower("open_clip", Modality.TEXT, options)
    rows = reader.encode(pieces(reader, [Words("a dog"), Words("rain on the roof")]))
    np.testing.assert_allclose(rows, reference_texts("ViT-S-32-alt", ["a dog", "rain on the roof"], **given), atol=1e-5)


def test_a_tag_is_found_in_hearsee_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a tag lies under the name it has on the hub."""
    checkpoints.open_clip_folder(tmp_path / "laion" / "CLIP-ViT-B-32-laion2B-s34B-b79K")
    monkeypatch.setenv("HEARSEE_MODELS", str(tmp_path))
    tower = make_tower("open_clip", Modality.IMAGE, {"model": "ViT-B-32", "pretrained": "laion2b_s34b_b79k"})
    assert tower.dim == 48  # of the stand-in, not of the real model


@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.TEXT])
def test_a_vector_does_not_depend_on_its_batch(folder: Path, modality: Modality) -> None:
    media: list[Media] = [Picture(one) for one in checkpoints.pictures(6)]
    if modality is Modality.TEXT:
        media = [Words(caption) for caption in CAPTIONS]
    tower = make_tower("open_clip", modality, {"model": str(folder), "batch": 4})
    ready = pieces(tower, media)
    together = tower.encode(ready)
    alone = np.concatenate([tower.encode([piece]) for piece in ready])
    turned = tower.encode(ready[::-1])[::-1]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(together, turned, atol=1e-4)


def test_lower_precision_keeps_the_direction(folder: Path) -> None:
    shown: list[Media] = [Picture(one) for one in checkpoints.pictures(6)]
    exact = make_tower("open_clip", Modality.IMAGE, {"model": str(folder)})
    rough = make_tower("open_clip", Modality.IMAGE, {"model": str(folder), "precision": "bfloat16"})
    ready = pieces(exact, shown)
    assert (exact.encode(ready) * rough.encode(ready)).sum(axis=1).min() > 0.999
    read, roughly = (
        make_tower("open_clip", Modality.TEXT, {"model": str(folder)} | more)
        for more in ({}, {"precision": "bfloat16"})
    )
    ready = pieces(read, [Words(caption) for caption in CAPTIONS])
    assert (read.encode(ready) * roughly.encode(ready)).sum(axis=1).min() > 0.999


def test_both_towers_share_one_loaded_model(folder: Path) -> None:
    from hearsee.core.encoders.openclip import OpenClipTower, load

    seen, read = (make_tower("open_clip", m, {"model": str(folder)}) for m in (Modality.IMAGE, Modality.TEXT))
    assert isinstance(seen, OpenClipTower)
    assert isinstance(read, OpenClipTower)
    assert load(seen.source, seen.run) is load(read.source, read.run)


def test_the_contract_follows_weights_and_preprocessing(tmp_path: Path) -> None:
    one = checkpoints.open_clip_folder(tmp_path / "one" / "clip")
    same = checkpoints.open_clip_folder(tmp_path / "two" / "clip")
    squashed = checkpoints.open_clip_folder(tmp_path / "three" / "clip", preprocess={"resize_mode": "squash"})
    contracts = [make_tower("open_clip", Modality.IMAGE, {"model": str(f)}).contract for f in (one, same, squashed)]
    assert contracts[0].fingerprint == contracts[1].fingerprint
    assert "squash" in contracts[0].difference(contracts[2])
    weights = one / "open_clip_model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert "weights" in make_tower("open_clip", Modality.IMAGE, {"model": str(one)}).contract.difference(contracts[1])


def test_long_texts_become_passages_with_spans() -> None:
    text = "The bell rings. " * 60 + "猫が屋根の上で眠っている。" * 40
    passages = find_preparation('hearsee.core.encoders.prepare_text:text?{"tokens": 75}')(Words(text))
    assert len(passages) > 6
    assert all(len(one.data) <= 300 for one in passages)
    spans = [one.span for one in passages]
    assert all(s and words_of(p) == text[int(s.start) : int(s.end)] for s, p in zip(spans, passages, strict=True))
    assert "".join(words_of(one) for one in passages) == text
    assert words_of(passages[0]).endswith("rings. ")


def test_sounds_and_unknown_models_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no tower for audio"):
        make_tower("open_clip", Modality.AUDIO, {"model": str(folder)})
    with pytest.raises(BadInput, match="cannot be made with options"):
        make_tower("open_clip", Modality.IMAGE, {"model": str(folder), "colour": 3})
    with pytest.raises(NotFound, match="knows no model 'ViT-Z'"):
        make_tower("open_clip", Modality.IMAGE, {"model": "ViT-Z", "pretrained": "x"})
    with pytest.raises(NotFound, match="neither a file nor one of its tags"):
        make_tower("open_clip", Modality.IMAGE, {"model": "ViT-B-32", "pretrained": "nothing"})
    with pytest.raises(NotFound, match="known are clap"):
        make_tower("telepathy", Modality.IMAGE, {})
    other = checkpoints.open_clip_folder(tmp_path / "other")
    config = (other / "open_clip_config.json").read_text().replace('"embed_dim": 48', '"embed_dim": 40')
    (other / "open_clip_config.json").write_text(config)
    tower = make_tower("open_clip", Modality.IMAGE, {"model": str(other)})
    with pytest.raises(Damaged, match="does not hold the weights"):
        tower.encode(pieces(tower, [Picture(checkpoints.pictures(1)[0])]))


def test_scaling_only_what_stays_keeps_the_direction(folder: Path) -> None:
    shown: list[Media] = [Picture(one) for one in checkpoints.pictures(6)]
    exact, fused = (
        make_tower("open_clip", Modality.IMAGE, {"model": str(folder), "fused": on}) for on in (False, True)
    )
    rows, others = exact.encode(pieces(exact, shown)), fused.encode(pieces(fused, shown))
    assert (rows * others).sum(axis=1).min() > 0.9999
    assert "fused" in exact.contract.difference(fused.contract)
