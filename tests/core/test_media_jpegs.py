"""JPEGs by simplejpeg: to the last bit what Pillow gives, and silence about all that Pillow should judge."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from hearsee.core.errors import BadMedia
from hearsee.core.media import Limits
from hearsee.core.media import jpegs as module
from hearsee.core.media.jpegs import jpeg_pixels
from hearsee.core.media.pictures import decode_picture

pytest.importorskip("simplejpeg")


def grainy(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(5)
    soft = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((width, height))
    return Image.fromarray((np.asarray(soft) + rng.normal(0, 9, (height, width, 3))).clip(0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", **{"quality": 90, **how})
    return out.getvalue()


def by_pillow(raw: bytes, by: int) -> np.ndarray:
    with Image.open(io.BytesIO(raw)) as picture:
        if by > 1:
            picture.draft("RGB", (picture.width // by, picture.height // by))
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("how", [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True}])
@pytest.mark.parametrize("by", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(640, 480), (333, 517)])
def test_it_gives_what_pillow_gives(size: tuple[int, int], by: int, how: dict[str, object]) -> None:
    raw = jpeg(grainy(*size), **how)
    wanted = by_pillow(raw, by)
    found = jpeg_pixels(raw, (wanted.shape[1], wanted.shape[0]), by)
    assert found is not None
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("tag", range(1, 9))
def test_pictures_are_the_same_with_it_and_without(tag: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = tag
    raw = jpeg(grainy(321, 200), exif=exif)
    for shrink in (None, lambda *_: 2):
        quick = decode_picture(raw, Limits(), shrink)
        with monkeypatch.context() as without:
            without.setattr(module, "_simplejpeg", lambda: None)
            plain = decode_picture(raw, Limits(), shrink)
        assert np.array_equal(quick.pixels, plain.pixels)
        assert (quick.shrunk, quick.whole, quick.before) == (plain.shrunk, plain.whole, plain.before)


def test_what_is_damaged_is_left_to_pillow() -> None:
    raw = jpeg(grainy(640, 480))
    assert jpeg_pixels(raw[: len(raw) // 2], (640, 480), 1) is None
    with pytest.raises(BadMedia, match="cut short"):
        decode_picture(raw[: len(raw) // 2], Limits())
    assert jpeg_pixels(raw, (600, 480), 1) is None  # not the picture that was announced
    assert jpeg_pixels(raw + b"\0" * 9, (640, 480), 1) is not None


def test_flipped_bytes_give_the_same_picture_or_the_same_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, rng = jpeg(grainy(96, 64)), np.random.default_rng(6)

    def outcome(bad: bytes) -> object:
        try:
            return decode_picture(bad, Limits()).pixels.tobytes()
        except BadMedia as error:
            return str(error)

    for _ in range(150):
        bad = bytearray(raw)
        for place in rng.integers(2, len(raw), 2):
            bad[place] ^= 1 << int(rng.integers(8))
        quick = outcome(bytes(bad))
        with monkeypatch.context() as without:
            without.setattr(module, "_simplejpeg", lambda: None)
            assert outcome(bytes(bad)) == quick
