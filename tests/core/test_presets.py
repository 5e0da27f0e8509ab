"""Presets: complete as data, made from stand-in weights, and clear about weights that are not there."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.encoders.table import TOWERS, find_tower
from hearsee.core.errors import Damaged, NotFound
from hearsee.core.media.kinds import Media, Picture, Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.models import candidates, find_model
from hearsee.core.presets import (
    DEFAULT,
    describe_spaces,
    preset_names,
    preset_space,
    read_preset,
    start_matrix,
)
from hearsee.core.space import Space, load_space, space_names
from tests import checkpoints

PRESETS = (
    "backbones",
    "best-clap",
    "clap",
    "clip",
    "clip-clap",
    "siglip2-clap",
    "siglip2-quick-clap",
    "small-clap",
    "toybox",
)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as HEARSEE_MODELS, an empty cache, and no hub."""
    monkeypatch.setenv("HEARSEE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "models"


def test_every_preset_says_what_a_user_must_know() -> None:
    rows = {row["name"]: row for row in describe_spaces()}
    assert tuple(sorted(rows)) == PRESETS == tuple(preset_names())
    for row in rows.values():
        assert row["megabytes"] > 0
        assert row["about"]
        assert row["reason"]
        assert row["languages"]
        assert all(part["licence"] and part["source"] for part in [*row["weights"], *row["data"]])
        assert all(figure["source"] and 0 < figure["value"] <= 100 for figure in row["figures"])
        assert set(read_preset(row["name"]).aligned) <= set(Modality)
    assert all(tower in TOWERS for name in PRESETS for tower, _ in read_preset(name).towers.values())


def test_the_default_is_free_and_gives_its_reason() -> None:
    (default,) = [row for row in describe_spaces() if row["default"]]
    assert default["name"] == DEFAULT == "clip-clap"
    assert default["free"]
    assert "per CPU second" in default["reason"]
    assert not read_preset("small-clap").free


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"toybox"}))
def test_missing_weights_are_one_line_that_says_what_to_do(offline: Path, name: str) -> None:
    pytest.importorskip("open_clip")
    with pytest.raises(NotFound) as refused:
        load_space(name)
    said = str(refused.value)
    assert "\n" not in said
    wanted = {"clip-clap": "laion/clap-htsat-unfused", "backbones": "microsoft/resnet-50"}.get(name, "/")
    for part in (wanted, str(offline), str(offline.parent / "hub"), "HEARSEE_MODELS", "hf download", "--space toybox"):
        assert part in said, part


def test_models_are_looked_for_in_every_place(tmp_path: Path) -> None:
    environ = {"HEARSEE_MODELS": f"{tmp_path}/a:{tmp_path}/b", "HF_HOME": f"{tmp_path}/home"}
    snapshot = tmp_path / "home/hub/models--some--model/snapshots/abc"
    looked = [str(path.relative_to(tmp_path)) for path in candidates("some/model", environ)]
    assert looked == ["a/some/model", "a/some--model", "b/some/model", "b/some--model", "home/hub/models--some--model"]
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"")
    assert find_model("some/model", environ=environ, fetch=False) == snapshot
    own = tmp_path / "b/some--model"
    own.mkdir(parents=True)
    with pytest.raises(NotFound, match=r"looked for tower\.json"):
        find_model("some/model", ("tower.json",), environ, fetch=False)
    (own / "weights.bin").write_bytes(b"")
    assert find_model("some/model", environ=environ, fetch=False) == own
    assert find_model(str(own), environ={}) == own


def fill_clip_clap(models: Path) -> None:
    checkpoints.open_clip_folder(models / "laion/CLIP-ViT-B-32-laion2B-s34B-b79K")
    checkpoints.clap_folder(models / "laion/clap-htsat-unfused")


def vectors(space: Space, modality: Modality, media: Media) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    tower = space.tower(modality)
    return space.project(modality, tower.encode(find_preparation(tower.preparation)(media)))


def test_a_preset_becomes_a_space(offline: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("open_clip")
    pytest.importorskip("transformers")
    fill_clip_clap(offline)
    with caplog.at_level(logging.WARNING, "hearsee"):
        space = load_space("clip-clap")
    assert "audio in space clip-clap can be compared with nothing else" in caplog.text
    assert "not free" not in caplog.text
    assert set(space.towers) == set(Modality)
    media: tuple[Media, ...] = (
        Picture(checkpoints.pictures(1)[0]),
        Words("rain"),
        Sound(checkpoints.sounds(1)[0][:, None], 48_000),
    )
    rows = [
        vectors(space, m, one) for m, one in zip((Modality.IMAGE, Modality.TEXT, Modality.AUDIO), media, strict=True)
    ]
    assert all(row.shape == (1, 512) for row in rows)
    np.testing.assert_allclose([np.linalg.norm(row) for row in rows], 1, atol=1e-5)
    assert space.fingerprint == load_space("clip-clap").fingerprint


def test_trained_heads_are_found_beside_the_models(offline: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("open_clip")
    pytest.importorskip("transformers")
    from safetensors.numpy import save_file

    fill_clip_clap(offline)
    before = load_space("clip-clap").fingerprint
    heads = offline / "spaces/clip-clap/heads.safetensors"
    heads.parent.mkdir(parents=True)
    save_file({"audio": np.random.default_rng(0).standard_normal((24, 512), dtype=np.float32)}, heads)
    caplog.clear()
    space = load_space("clip-clap")
    assert "can be compared with nothing" not in caplog.text
    assert space.fingerprint != before
    save_file({"audio": np.zeros((3, 4), np.float32)}, heads)
    with pytest.raises(Damaged, match="audio head"):
        load_space("clip-clap")
    heads.write_bytes(b"\x80\x04nothing")
    with pytest.raises(Damaged, match="holds no heads"):
        load_space("clip-clap")


def test_weights_that_are_not_free_are_said_when_used(offline: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("open_clip")
    pytest.importorskip("transformers")
    checkpoints.open_clip_folder(offline / "timm/MobileCLIP2-S0-OpenCLIP")
    checkpoints.clap_folder(offline / "laion/clap-htsat-unfused")
    load_space("small-clap")
    assert "not free for every use" in caplog.text
    assert "Apple AMLR" in caplog.text


def test_a_space_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    towers = {modality: {"tower": "hash", "options": {"dim": 8}} for modality in Modality}
    held = {"name": "mine", "dim": 4, "towers": towers, "aligned": [], "weights": []}
    (tmp_path / "space.json").write_text(json.dumps(held))
    space = load_space(str(tmp_path))
    assert space.name == str(tmp_path.resolve())  # what a library keeps, to find the space again
    assert load_space(space.name).fingerprint == space.fingerprint
    assert vectors(space, Modality.TEXT, Words("rain")).shape == (1, 4)


@pytest.mark.parametrize("document", ["[]", "{}", '{"name": "x", "dim": 0, "towers": {}}', '{"towers": {"smell": {}}}'])
def test_folders_that_describe_no_space_are_refused(tmp_path: Path, document: str) -> None:
    (tmp_path / "space.json").write_text(document)
    with pytest.raises(Damaged):
        preset_space(str(tmp_path))


def test_a_start_keeps_what_is_alike_alike() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((40, 2048), dtype=np.float32)
    rows[1] = rows[0] + 0.3 * rng.standard_normal(2048)
    space = Space("s", 512, {})
    assert space.dim == 512
    kept = rows @ start_matrix(2048, 512)
    cosine = (kept[0] @ kept[1]) / np.linalg.norm(kept[0]) / np.linalg.norm(kept[1])
    assert cosine == pytest.approx(1 / 1.09**0.5, abs=0.03)
    np.testing.assert_array_equal(start_matrix(3, 5), np.eye(3, 5))


def test_names_are_known_and_towers_are_found_lazily() -> None:
    assert set(PRESETS) <= set(space_names())
    with pytest.raises(
        NotFound, match="no space is named 'nothing': known are backbones, best-clap, clap, clip, clip-clap"
    ):
        load_space("nothing")
    assert all(callable(find_tower(name)) for name in TOWERS)
