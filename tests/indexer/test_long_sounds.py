"""Long sounds and films through a whole ingest, read in blocks: the same vectors alone, among others, or whole."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsee.core.media import Limits
from hearsee.core.settings import Settings
from hearsee.core.space import load_space
from hearsee.core.vectors import unit
from tests.films import film
from tests.indexer.shop import Shop

RATE = 8_000
CODINGS = {"wav": "WAV", "flac": "FLAC", "mp3": "MP3", "ogg": "OGG"}
IN_BLOCKS = Settings(workers=1, limits=Limits(long_samples=0, block_frames=7_000))
WHOLE = Settings(workers=1)


def noise(seed: int, name: str) -> bytes:
    """Some seconds, of another length each, that swell."""
    seconds = 5 + seed
    at = np.arange(seconds * RATE) / RATE
    swelling = np.random.default_rng(seed).standard_normal(len(at)) * 0.1 * np.abs(np.sin(at))
    out = io.BytesIO()
    soundfile.write(out, swelling, RATE, format=name)
    return out.getvalue()


def vectors(root: Path, files: dict[str, bytes], settings: Settings) -> dict[str, np.ndarray]:
    shop = Shop(root, load_space("toybox"), settings)
    for name, raw in files.items():
        shop.put(name, raw)
    assert shop.run().quarantined == 0
    return {uri.rpartition("/")[2]: unit(np.asarray(rows, np.float32)) for uri, rows in shop.vectors().items()}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    sounds = {f"swell.{ending}": noise(number, name) for number, (ending, name) in enumerate(CODINGS.items())}
    return {**sounds, "film.mp4": film(hertz=700)}


def test_a_long_file_gives_the_same_vectors_alone_and_among_others(tmp_path: Path, files: dict[str, bytes]) -> None:
    together = vectors(tmp_path / "together", files, IN_BLOCKS)
    whole = vectors(tmp_path / "whole", files, WHOLE)
    assert together.keys() == whole.keys() == files.keys()
    for name in ("swell.mp3", "film.mp4"):
        (alone,) = vectors(tmp_path / name, {name: files[name]}, IN_BLOCKS).values()
        assert alone.shape == together[name].shape
        assert (alone * together[name]).sum(axis=1).min() >= 1 - 1e-4
    for name, rows in whole.items():
        assert (rows * together[name]).sum(axis=1).min() >= 1 - 1e-4
