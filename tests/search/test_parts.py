"""Parts become the vectors that indexing the same bytes gives."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from hearsee.core.encoders.hash import prepare
from hearsee.core.errors import BadInput, BadMedia, HearseeError, NotFound
from hearsee.core.media import Limits, Piece
from hearsee.core.media.prepare import prepare_media
from hearsee.core.modality import Modality
from hearsee.core.space import Space, hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.search.parts import PartEncoder
from hearsee.search.query import ask


@pytest.fixture
def encoder() -> PartEncoder:
    return PartEncoder(hash_space(), Limits())


def encode(encoder: PartEncoder, **question: Any) -> list[Vectors]:
    return encoder.encode(ask(**question).parts)


def indexed(modality: Modality, raw: bytes) -> Vectors:
    """What an item with these bytes is stored as, as one direction."""
    pieces = prepare_media(modality, raw, hash_space(), Limits())
    mean: Vectors = unit(hash_space().tower(modality).encode(pieces).mean(axis=0, keepdims=True))[0]
    return mean


def png(size: tuple[int, int] = (9, 7)) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def flac(seconds: float = 0.5, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(int(seconds * rate)) / 9) / 2, rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def test_words_and_files_encode_as_they_are_indexed(encoder: PartEncoder, tmp_path: Path) -> None:
    picture, sound = tmp_path / "a b.png", tmp_path / "x.flac"
    picture.write_bytes(png())
    sound.write_bytes(flac())
    found = encode(encoder, text="zwei Glocken", image=[picture, str(picture), picture.as_uri(), png()], audio=sound)
    np.testing.assert_array_equal(found[0], indexed(Modality.TEXT, b"zwei Glocken"))
    for vector in found[1:5]:
        np.testing.assert_array_equal(vector, indexed(Modality.IMAGE, png()))
    np.testing.assert_array_equal(found[5], indexed(Modality.AUDIO, flac()))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "CMYK"])
def test_a_pillow_image_encodes_as_its_file(encoder: PartEncoder, mode: str) -> None:
    picture = Image.open(io.BytesIO(png())).convert(mode)
    file = io.BytesIO()
    picture.save(file, "TIFF" if mode == "CMYK" else "PNG")
    np.testing.assert_array_equal(encode(encoder, image=picture)[0], indexed(Modality.IMAGE, file.getvalue()))


def test_a_turned_pillow_image_is_shown_upright(encoder: PartEncoder) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(io.BytesIO(png())).save(file, "PNG", exif=exif)
    turned = Image.open(io.BytesIO(file.getvalue()))
    np.testing.assert_array_equal(encode(encoder, image=turned)[0], indexed(Modality.IMAGE, file.getvalue()))
    assert not np.array_equal(indexed(Modality.IMAGE, file.getvalue()), indexed(Modality.IMAGE, png()))


def test_samples_encode_as_their_file(encoder: PartEncoder) -> None:
    samples, rate = soundfile.read(io.BytesIO(flac()), dtype="int16")
    floats = soundfile.read(io.BytesIO(flac()), dtype="float64")[0]
    for given in (samples, floats, floats[:, None], floats.astype(np.float32)):
        np.testing.assert_array_equal(encode(encoder, audio=(given, rate))[0], indexed(Modality.AUDIO, flac()))


def test_a_long_sound_asks_with_the_mean_of_its_windows(encoder: PartEncoder) -> None:
    raw = flac(seconds=2.5)
    windows = hash_space().tower(Modality.AUDIO).encode(prepare_media(Modality.AUDIO, raw, hash_space(), Limits()))
    assert len(windows) == 3
    np.testing.assert_allclose(encode(encoder, audio=raw)[0], unit(windows.sum(axis=0, keepdims=True))[0], atol=1e-6)


class CountingTower:
    """The hash tower of one modality, which remembers how many pieces it was given at a time."""

    def __init__(self, modality: Modality) -> None:
        self._inner = hash_space().tower(modality)
        self.contract, self.dim, self.preparation = self._inner.contract, self._inner.dim, self._inner.preparation
        self.batches: list[int] = []

    def encode(self, pieces: list[Piece]) -> Vectors:
        self.batches.append(len(pieces))
        return self._inner.encode(pieces)


def test_only_the_towers_that_are_needed_work_together_and_once() -> None:
    towers = {modality: CountingTower(modality) for modality in Modality}
    encoder = PartEncoder(Space("counting", 16, towers), Limits())  # type: ignore[arg-type]
    first = encode(encoder, text=["a", "b"], without="c")
    assert [tower.batches for tower in towers.values()] == [[], [], [3]]
    again = encode(encoder, text=["b", "d"])
    assert towers[Modality.TEXT].batches == [3, 1]  # "b" is known
    np.testing.assert_array_equal(first[1], again[0])
    with pytest.raises(ValueError, match="read-only"):
        again[0][0] = 0  # other queries share it


def test_a_space_without_the_tower_says_so() -> None:
    encoder = PartEncoder(Space("words", 16, {Modality.TEXT: hash_space().tower(Modality.TEXT)}), Limits())
    with pytest.raises(BadInput, match="no tower for image"):
        encode(encoder, image=png())


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


@pytest.mark.parametrize(
    ("question", "error", "said"),
    [
        ({"image": "nowhere.png"}, NotFound, "image 'nowhere.png': there is no such file"),
        ({"audio": Path("nowhere.flac")}, NotFound, "audio 'nowhere.flac': there is no such file"),
        ({"image": "https://example.org/a.png"}, BadInput, "download it"),
        ({"image": "a\0b"}, BadInput, "cannot be read"),
        ({"image": Path(__file__).parent}, BadMedia, "a folder, not a file"),
        ({"image": b"hello"}, BadMedia, "the image of the query: not a picture"),
        ({"image": cut(png())}, BadMedia, "the image of the query: cut short"),
        ({"audio": cut(flac())}, BadMedia, "the audio of the query: "),
        ({"image": flac()}, BadMedia, "not a picture"),
        ({"audio": png()}, BadMedia, "not a sound"),
        ({"image": 3}, BadInput, "image is a int: it must be a path, the bytes of a file, or a PIL image"),
        ({"audio": np.zeros(3)}, BadInput, "or (samples, rate)"),
        ({"audio": (np.zeros(3), 0)}, BadInput, "the rate of the audio is 0"),
        ({"audio": (np.zeros((2, 9)), 8000)}, BadInput, "(frames, channels)"),
        ({"audio": (np.zeros(0), 8000)}, BadInput, "shape (0,)"),
        ({"audio": (np.full(9, np.nan), 8000)}, BadInput, "not finite"),
        ({"audio": (np.zeros(8000 * 601), 8000)}, BadMedia, "the limit is 600"),
        ({"text": "x" * 10_000_000}, BadInput, "10,000,000 bytes"),
        ({"text": "a\ud800b"}, BadInput, "lone surrogate"),
        ({"text": "a\0b"}, BadMedia, "the text of the query: "),
    ],
)
def test_a_part_that_cannot_be_encoded_says_why(
    encoder: PartEncoder, question: dict[str, Any], error: type[HearseeError], said: str
) -> None:
    with pytest.raises(error) as caught:
        encode(encoder, **question)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_pipe_is_refused_without_waiting_for_it(encoder: PartEncoder, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadMedia, match="named pipe"):
        encode(encoder, image=tmp_path / "pipe.png")


def test_the_preparation_is_the_towers_own() -> None:
    assert prepare.__module__ + ":prepare" == hash_space().tower(Modality.TEXT).preparation
