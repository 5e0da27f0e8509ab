"""JPEGs decoded no larger than a tower can see, and cut and scaled at once: the same picture, sooner."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from hearsee.core.encoders.prepare_picture import shrink
from hearsee.core.encoders.resample import resample
from hearsee.core.errors import BadMedia
from hearsee.core.media import Limits, Picture
from hearsee.core.media.pictures import decode_picture
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality

LIMITS = Limits()
QUARTER, EIGHTH = (lambda *_: 4), (lambda *_: 8)
NAME = "hearsee.core.encoders.prepare_picture:picture"
PLAIN = '"mode": "shortest", "resize": [64, 64], "crop": [64, 64], "filter": "bicubic"'


def scene(width: int, height: int) -> Image.Image:
    """Smooth colours that differ everywhere, as photos have them."""
    small = np.random.default_rng(3).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92, **how)
    return out.getvalue()


def prepared(raw: bytes, more: str = "", plain: str = PLAIN) -> np.ndarray:
    (piece,) = prepare(f"{NAME}?{{{plain}{more}}}", Modality.IMAGE, raw, LIMITS)
    return piece.data.astype(int)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("size", [(801, 603), (603, 801), (640, 427)])
def test_a_drafted_picture_is_the_same_picture(size: tuple[int, int], tag: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = tag
    raw = jpeg(scene(*size), exif=exif)
    whole, drafted = prepared(raw), prepared(raw, ', "draft": 2')
    assert drafted.shape == (64, 64, 3)
    assert np.abs(whole - drafted).mean() < 1.0  # of 255: a shift by half a pixel is four times as much
    assert np.abs(np.roll(whole, 1, axis=1) - whole).mean() > 4.0


@pytest.mark.parametrize("by", [2, 4, 8])
def test_a_drafted_pixel_is_the_mean_of_those_it_stands_for(by: int) -> None:
    raw = jpeg(scene(161, 83).convert("L"))
    whole = decode_picture(raw, LIMITS).pixels[: 83 // by * by, : 161 // by * by, 0].astype(float)
    means = whole.reshape(83 // by, by, 161 // by, by).mean(axis=(1, 3))
    drafted = decode_picture(raw, LIMITS, lambda *_: by).pixels[: 83 // by, : 161 // by, 0]
    assert np.abs(drafted - means).max() <= 2.5  # of 255; the next pixel's mean is further away on average


@pytest.mark.parametrize("by", [2, 4])
def test_a_slope_and_a_curve_survive_the_means(by: int) -> None:
    at = np.arange(96.0)
    curves = np.stack([np.tile(line, (96, 1)) for line in (at * 2, at**2 / 40, 180 - at**2 / 60)], axis=2)
    whole = resample(curves.round().astype(np.uint8), (8.0, 8.0, 88.0, 88.0), 12, 12, "bicubic").astype(int)
    means = curves.reshape(96 // by, by, 96 // by, by, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    told = resample(means, (8.0, 8.0, 88.0, 88.0), 12, 12, "bicubic", by, (0, 0), (96, 96)).astype(int)
    assert np.abs(told - whole).max() <= 1


@pytest.mark.parametrize("mode", ["squash", "longest"])
def test_every_way_of_fitting_may_be_drafted(mode: str) -> None:
    plain = f'"mode": "{mode}", "resize": [64, 64], "crop": [64, 64], "filter": "bilinear"'
    raw = jpeg(scene(900, 500))
    assert np.abs(prepared(raw, plain=plain) - prepared(raw, ', "draft": 2', plain)).mean() < 1.0


def test_only_what_cannot_be_seen_is_left_out() -> None:
    sizes = {
        (128, 128): 1,
        (255, 400): 1,
        (256, 300): 2,
        (500, 511): 2,
        (512, 512): 4,
        (1024, 4000): 8,
        (9000, 9000): 8,
    }
    for (height, width), by in sizes.items():
        assert shrink(height, width, mode="shortest", resize=[64], draft=2) == by
    raw = jpeg(scene(512, 512))
    picture = decode_picture(raw, LIMITS, QUARTER)
    assert (picture.pixels.shape, picture.shrunk, picture.whole) == ((128, 128, 3), 4, (512, 512))
    assert decode_picture(raw, LIMITS).shrunk == 1


@pytest.mark.parametrize("name", ["PNG", "WEBP"])
def test_other_formats_are_decoded_whole(name: str) -> None:
    out = io.BytesIO()
    scene(512, 512).save(out, name)
    assert decode_picture(out.getvalue(), LIMITS, QUARTER).pixels.shape == (512, 512, 3)


def test_printers_colours_are_decoded_whole() -> None:
    raw = jpeg(scene(512, 512).convert("CMYK"))
    assert decode_picture(raw, LIMITS, QUARTER).pixels.shape == (512, 512, 3)


def test_limits_hold_for_the_file_and_not_for_what_is_left_of_it() -> None:
    with pytest.raises(BadMedia, match="512 x 512 pixels, the limit is 100,000"):
        decode_picture(jpeg(scene(512, 512)), Limits(max_pixels=100_000), EIGHTH)


def test_a_drafted_picture_cut_short_is_still_refused() -> None:
    raw = jpeg(scene(800, 800))
    with pytest.raises(BadMedia, match="cut short"):
        decode_picture(raw[: len(raw) // 2], LIMITS, EIGHTH)


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
@pytest.mark.parametrize("box", [(0, 0, 90, 70), (10.25, 3.5, 80.0, 66.75), (20, 10, 40, 30)])
def test_resampling_agrees_with_pillow(kernel: str, box: tuple[float, float, float, float]) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    theirs = np.asarray(picture.resize((33, 21), filters[kernel], box=box)).astype(int)
    ours = resample(np.asarray(picture), box, 21, 33, kernel).astype(int)
    # Pillow also cuts what overshoots between the two directions, which noise does and photos seldom do.
    assert np.abs(ours - theirs).mean() < 0.5
    assert (np.abs(ours - theirs) <= 1).mean() > 0.97


def test_a_fused_cut_is_the_plain_one() -> None:
    pixels = np.asarray(scene(333, 217))
    raw = jpeg(Image.fromarray(pixels))
    assert np.abs(prepared(raw) - prepared(raw, ', "fused": true')).max() <= 1
    assert isinstance(decode_picture(raw, LIMITS), Picture)
