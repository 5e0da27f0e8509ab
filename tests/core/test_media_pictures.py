"""Pictures: what is let in looks as it should, what is hostile is refused before it costs anything."""

from __future__ import annotations

import contextlib
import io
import resource
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from hearsee.core.errors import BadMedia
from hearsee.core.media import Limits
from hearsee.core.media.pictures import decode_picture

LIMITS = Limits()
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")


def saved(picture: Image.Image, name: str, **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, name, **how)
    return out.getvalue()


def halves() -> Image.Image:
    """Red on the left, blue on the right: 40 wide, 20 high."""
    picture = Image.new("RGB", (40, 20), (250, 10, 10))
    picture.paste((10, 10, 250), (20, 0, 40, 20))
    return picture


def noise(size: int = 200) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8))


def near(pixel: np.ndarray, colour: tuple[int, int, int], slack: int = 12) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= slack)


@pytest.mark.parametrize("name", FORMATS)
def test_every_allowed_format_shows_the_same_picture(name: str) -> None:
    pixels = decode_picture(saved(halves(), name), LIMITS).pixels
    assert pixels.shape == (20, 40, 3)
    assert pixels.dtype == np.uint8
    assert near(pixels[10, 5], (250, 10, 10))
    assert near(pixels[10, 35], (10, 10, 250))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once(name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: what is left becomes what is on top
    pixels = decode_picture(saved(halves(), name, exif=exif), LIMITS).pixels
    assert pixels.shape == (40, 20, 3)
    assert near(pixels[2, 10], (250, 10, 10))
    assert near(pixels[37, 10], (10, 10, 250))


def test_transparency_lies_over_white() -> None:
    picture = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    picture.putpixel((0, 0), (200, 0, 0, 255))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    for raw in (saved(picture, "PNG"), saved(picture, "WEBP", lossless=True), saved(palette, "PNG", transparency=0)):
        assert decode_picture(raw, LIMITS).pixels[3, 3].tolist() == [255, 255, 255]
    assert decode_picture(saved(picture, "PNG"), LIMITS).pixels[0, 0].tolist() == [200, 0, 0]


def test_grey_of_16_bits_keeps_its_shades() -> None:
    ramp = np.array([[0, 0x4000, 0x8000, 0xFFFF]], np.uint16)
    assert decode_picture(saved(Image.fromarray(ramp), "PNG"), LIMITS).pixels[0, :, 0].tolist() == [0, 64, 128, 255]


def test_printers_colours_and_the_first_frame() -> None:
    cmyk = decode_picture(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), LIMITS).pixels
    assert near(cmyk[4, 4], (255, 0, 0), slack=30)
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert near(decode_picture(moving, LIMITS).pixels[0, 0], (255, 0, 0))


def test_an_embedded_profile_is_carried_to_srgb() -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    lab = saved(halves(), "PNG", icc_profile=linear)
    assert decode_picture(lab, LIMITS).pixels.shape == (20, 40, 3)  # a profile of another colour model is ignored
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode_picture(saved(halves(), "PNG", icc_profile=srgb), LIMITS).pixels[0, 0].tolist() == [250, 10, 10]
    assert decode_picture(saved(halves(), "PNG", icc_profile=b"junk"), LIMITS).pixels[0, 0].tolist() == [250, 10, 10]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01])
def test_a_picture_cut_short_is_refused(name: str, share: float) -> None:
    raw = saved(noise(), name)
    with pytest.raises(BadMedia, match=r"cut short|damaged|not a picture"):
        decode_picture(raw[: int(len(raw) * share)], LIMITS)


def png_of(width: int, height: int) -> bytes:
    """A PNG that unpacks to far more than it weighs."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width * 3 + 1)) for _ in range(min(height, 2000))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("side", "said"),
    [(9_000, "9,000 x 9,000 pixels, the limit is 50,000,000"), (30_000, "more than .* the limit is 50,000,000")],
)
def test_a_bomb_is_refused_by_its_header(side: int, said: str) -> None:
    raw = png_of(side, side)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(BadMedia, match=said):
        decode_picture(raw, LIMITS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<!DOCTYPE html><html></html>", "not a picture: it starts like an HTML page"),
        (b"%PDF-1.7 ...", "not a picture: it starts like a PDF"),
        (b"fLaC" + bytes(40), "not a picture: it starts like a file of type FLAC"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0\0\0 ftypavif" + bytes(40), "^an AVIF picture, a kind that is not read: save it as JPEG, PNG or WebP$"),
        (b"just words", "it starts like a text"),
        (b"\x01\x02\x03", r"its first bytes \(01 02 03\) are those of no format that is known here"),
        (b"\x89PNG\r\x1a\x1a\n" + bytes(9), "they are nearly those of a file of type PNG"),
        (b"", "it is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged|cut short"),
    ],
)
def test_what_is_no_picture_is_named(raw: bytes, said: str) -> None:
    with pytest.raises(BadMedia, match=said):
        decode_picture(raw, LIMITS)


def test_flipped_bytes_never_escape_as_another_error() -> None:
    random = np.random.default_rng(1)
    for name in FORMATS:
        whole = np.frombuffer(saved(noise(40), name), np.uint8)
        for _ in range(60):
            bad = whole.copy()
            bad[random.integers(0, min(len(bad), 200), 4)] = random.integers(0, 256, 4)
            with contextlib.suppress(BadMedia):
                assert decode_picture(bad.tobytes(), LIMITS).pixels.ndim == 3
