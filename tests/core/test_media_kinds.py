"""Odd pictures, sounds and texts that are in order, and the same bytes as the same vector wherever they stand."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageCms

from hearsee.core.errors import BadMedia
from hearsee.core.media import Limits
from hearsee.core.media.pictures import decode_picture
from hearsee.core.media.prepare import prepare, prepare_media
from hearsee.core.media.sounds import RATES, decode_sound
from hearsee.core.media.texts import decode_text
from hearsee.core.modality import Modality
from hearsee.core.space import load_space

LIMITS = Limits()


def saved(picture: Image.Image, name: str, **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, name, **how)
    return out.getvalue()


def swapped_profile() -> bytes:
    """A profile in which red and blue have changed places."""
    raw = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    raw = raw.replace(b"rXYZ", b"@@@@").replace(b"bXYZ", b"rXYZ").replace(b"@@@@", b"bXYZ")
    return raw.replace(b"sRGB", b"odd!").replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))


@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_foreign_profile_changes_the_colours(name: str) -> None:
    how = {"lossless": True} if name == "WEBP" else {"quality": 98} if name == "JPEG" else {}
    raw = saved(Image.new("RGB", (16, 16), (220, 30, 30)), name, icc_profile=swapped_profile(), **how)
    red, green, blue = decode_picture(raw, LIMITS).pixels[8, 8].tolist()
    assert blue > 200 > 100 > red
    assert green < 100


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_what_moves_the_first_frame_is_seen(name: str) -> None:
    first, second = Image.new("RGB", (12, 8), (0, 0, 255)), Image.new("RGB", (12, 8), (255, 0, 0))
    how = {"lossless": True} if name == "WEBP" else {}
    moving = saved(first, name, save_all=True, append_images=[second], **how)
    pixels = decode_picture(moving, LIMITS).pixels
    assert pixels.shape == (8, 12, 3)
    assert np.abs(pixels.astype(int) - (0, 0, 255)).max() < 8


def test_every_depth_of_grey_and_colour() -> None:
    ramp = np.array([[0, 0x4000, 0x8000, 0xFFFF]], np.uint16)
    assert decode_picture(saved(Image.fromarray(ramp), "TIFF"), LIMITS).pixels[0, :, 1].tolist() == [0, 64, 128, 255]
    floats = Image.fromarray(np.array([[-1.0, 0.0, 1.0]], np.float32))
    assert decode_picture(saved(floats, "TIFF"), LIMITS).pixels[0, :, 0].tolist() == [0, 128, 255]
    bits = Image.fromarray(np.array([[True, False]]))
    assert decode_picture(saved(bits, "PNG"), LIMITS).pixels[0, :, 2].tolist() == [255, 0]
    nothing = Image.fromarray(np.array([[np.nan, 0.0]], np.float32))
    with pytest.raises(BadMedia, match="not numbers"):
        decode_picture(saved(nothing, "TIFF"), LIMITS)


def test_half_transparent_lies_over_white() -> None:
    for mode in ("RGBA", "LA"):
        picture = Image.new(mode, (4, 4), (0, 0, 0, 128) if mode == "RGBA" else (0, 128))
        assert abs(int(decode_picture(saved(picture, "PNG"), LIMITS).pixels[1, 1, 0]) - 127) <= 1


@pytest.mark.parametrize("rate", [1_000, 8_000, 192_000, 384_000])
def test_every_rate_that_is_allowed_becomes_windows(rate: int) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.full((rate, 3), 0.25, np.float32), rate, format="WAV")
    sound = decode_sound(out.getvalue(), LIMITS)
    assert (sound.rate in RATES, sound.samples.shape) == (True, (rate, 3))
    option = '{"rate": 16000, "window": 1, "hop": 1}'
    (piece,) = prepare(f"hearsee.core.encoders.prepare_sound:sound?{option}", Modality.AUDIO, out.getvalue(), LIMITS)
    assert piece.data[4_000:12_000].mean() == pytest.approx(0.25, abs=0.01)


def test_a_long_text_becomes_passages_that_lie_where_their_spans_say() -> None:
    words = "".join(f"Sätze haben ein Ende, dieser ist der {n}. von ihnen. " for n in range(2_000))
    raw = words.encode()
    pieces = prepare('hearsee.core.encoders.prepare_text:text?{"tokens": 75}', Modality.TEXT, raw, LIMITS)
    ends = [0]
    for piece in pieces:
        assert piece.span is not None
        assert piece.span.unit == "characters"
        assert words[int(piece.span.start) : int(piece.span.end)].encode() == piece.data.tobytes()
        assert piece.span.start == ends[-1]
        ends.append(int(piece.span.end))
        assert len(piece.data) <= 300
    assert ends[-1] == len(words)


def test_surrogates_in_bytes_are_no_text_and_windows_letters_are() -> None:
    assert decode_text("naïve “quotes”".encode("cp1252"), LIMITS).text == "naïve “quotes”"
    assert "\ud800" not in decode_text(b"\xed\xa0\x80 lone", LIMITS).text


@cache
def _many(modality: Modality) -> list[bytes]:
    random = np.random.default_rng(4)
    raws = []
    for n in range(12):
        out = io.BytesIO()
        if modality is Modality.IMAGE:
            noise = random.integers(0, 256, (40 + 9 * n, 60, 3), dtype=np.uint8)
            Image.fromarray(noise).save(out, "PNG")
        elif modality is Modality.AUDIO:
            soundfile.write(out, random.uniform(-0.5, 0.5, 9_000 * (n + 1)), 22_050, format="FLAC")
        else:
            out.write(" ".join(random.choice(["red", "bell", "two", "rain", "far"], n + 1)).encode())
        raws.append(out.getvalue())
    return raws


@pytest.mark.parametrize("modality", list(Modality))
def test_the_same_bytes_are_the_same_vector_alone_twice_and_in_any_batch(modality: Modality) -> None:
    space = load_space("toybox")
    tower = space.tower(modality)
    each = [prepare_media(modality, raw, space, LIMITS) for raw in _many(modality)]
    alone = np.concatenate([tower.encode(pieces) for pieces in each])
    again = np.concatenate([tower.encode(prepare_media(modality, raw, space, LIMITS)) for raw in _many(modality)])
    assert np.array_equal(alone, again)
    flat = [piece for pieces in each for piece in pieces]
    order = np.random.default_rng(1).permutation(len(flat))
    for size in (3, 7, len(flat)):
        rows = np.empty_like(alone)
        for start in range(0, len(flat), size):
            places = order[start : start + size]
            rows[places] = tower.encode([flat[place] for place in places])
        cosines = (rows * alone).sum(axis=1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(alone, axis=1)
        assert cosines.min() > 1 - 1e-4
