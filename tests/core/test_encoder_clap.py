"""The CLAP towers against transformers itself, on a folder of random weights in the real layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.encoders.table import make_tower
from hearsee.core.errors import BadInput, NotFound, Refused
from hearsee.core.media.kinds import Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from tests import checkpoints

transformers = pytest.importorskip("transformers")

RATE = 48_000
CAPTIONS = (
    "rain on the roof",
    "a",
    "a man plays a guitar while a dog barks and a bell rings in the far distance",
    "猫",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.clap_folder(tmp_path_factory.mktemp("models") / "clap")


def tower_and_rows(folder: Path, sounds: Sequence[Any], rate: int = RATE, **options: Any) -> tuple[Any, Vectors]:
    tower = make_tower("clap", Modality.AUDIO, {"model": str(folder), **options})
    prepare = find_preparation(tower.preparation)
    return tower, tower.encode([piece for one in sounds for piece in prepare(Sound(one.reshape(-1, 1), rate))])


def reference(folder: Path, sounds: Sequence[Any], *, longer: bool | None = None) -> Vectors:
    """As the documentation of transformers shows, one sound of at most one window at a time."""
    import torch

    model = transformers.ClapModel.from_pretrained(folder).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    rows = []
    for one in sounds:
        inputs = extractor(one, sampling_rate=RATE, return_tensors="pt")
        if longer is not None:
            inputs["is_longer"] = torch.tensor([[longer]])
        with torch.inference_mode():
            rows.append(model.get_audio_features(**inputs).pooler_output[0].numpy())
    return unit(np.asarray(rows))


def test_sounds_have_transformers_own_vectors(folder: Path) -> None:
    sounds = checkpoints.sounds(3, RATE, 3.0)
    tower, rows = tower_and_rows(folder, sounds)
    assert rows.shape == (3, tower.dim) == (3, 24)
    np.testing.assert_allclose(rows, reference(folder, sounds), atol=1e-4)
    assert (rows @ rows.T)[0, 2] < 0.9999, "the stand-in does not tell sounds apart"


def test_a_fused_model_reads_each_window_four_times(tmp_path: Path) -> None:
    folder = checkpoints.clap_folder(tmp_path / "fused", fused=True)
    sounds = checkpoints.sounds(2, RATE, 3.0)
    _, rows = tower_and_rows(folder, sounds)
    np.testing.assert_allclose(rows, reference(folder, sounds, longer=False), atol=1e-4)


def test_pickled_weights_of_tensors_alone_are_read(folder: Path, tmp_path: Path) -> None:
    """LAION's own folders hold pytorch_model.bin."""
    pickled = checkpoints.clap_folder(tmp_path / "clap", pickled=True)
    sounds = checkpoints.sounds(1, RATE, 3.0)
    np.testing.assert_allclose(tower_and_rows(pickled, sounds)[1], tower_and_rows(folder, sounds)[1], atol=1e-6)


def test_a_long_sound_is_its_windows_and_gives_the_same_vectors_twice(folder: Path) -> None:
    (long,) = checkpoints.sounds(1, RATE, 23.0)
    tower, rows = tower_and_rows(folder, [long])
    assert len(rows) == 3
    np.testing.assert_allclose(rows[:2], reference(folder, [long[: 10 * RATE], long[10 * RATE : 20 * RATE]]), atol=1e-4)
    np.testing.assert_array_equal(rows, tower_and_rows(folder, [long])[1])
    assert len(tower_and_rows(folder, [long], hop_seconds=5)[1]) == 4
    alone = tower_and_rows(folder, [long[: 10 * RATE]], batch=1)[1]
    np.testing.assert_allclose(rows[:1], alone, atol=1e-4)
    assert "every 10 s" in tower.contract.windows


def test_other_rates_are_resampled(folder: Path) -> None:
    torchaudio = pytest.importorskip("torchaudio")
    torch = pytest.importorskip("torch")
    (heard,) = checkpoints.sounds(1, 44_100, 2.0)
    rows = tower_and_rows(folder, [heard], 44_100)[1]
    resampled = torchaudio.transforms.Resample(44_100, RATE)(torch.from_numpy(heard)).numpy()
    np.testing.assert_allclose(rows, reference(folder, [resampled]), atol=1e-4)


def test_texts_have_transformers_own_vectors_alone_and_in_any_batch(folder: Path) -> None:
    import torch

    tower = make_tower("clap", Modality.TEXT, {"model": str(folder), "batch": 1})
    prepare = find_preparation(tower.preparation)
    pieces = [prepare(Words(caption))[0] for caption in CAPTIONS]
    model = transformers.ClapModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(list(CAPTIONS), padding=True, return_tensors="pt")
    with torch.inference_mode():
        wanted = unit(
            model.get_text_features(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
            ).pooler_output.numpy()
        )
    np.testing.assert_allclose(tower.encode(pieces), wanted, atol=1e-4)
    alone = np.concatenate([tower.encode([piece]) for piece in pieces])
    np.testing.assert_allclose(alone, wanted, atol=1e-4)


def test_what_is_no_clap_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no tower for images"):
        make_tower("clap", Modality.IMAGE, {"model": str(folder)})
    bert = checkpoints.bert_folder(tmp_path / "bert")
    with pytest.raises(Refused, match="type 'bert', not clap"):
        _ = make_tower("clap", Modality.TEXT, {"model": str(bert)}).dim
    with pytest.raises(BadInput, match="a hop of 11 s"):
        _ = make_tower("clap", Modality.AUDIO, {"model": str(folder), "hop_seconds": 11}).preparation
    with pytest.raises(NotFound, match="no weights"):
        make_tower("clap", Modality.AUDIO, {"model": str(tmp_path)})
