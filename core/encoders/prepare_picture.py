"""Pictures as a tower reads them: resized and cropped as its authors did, still whole numbers, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hearsee.core.encoders.resample import KNOWN, Box, resample
from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.kinds import Media, Picture, Piece

RULE = "picture-3"  # part of every contract: change it when the pixels change
NAME = "hearsee.core.encoders.prepare_picture:picture"
FILTERS: Mapping[str, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MODES = ("shortest", "longest", "squash", "none")


def picture(
    media: Media,
    *,
    mode: str,
    resize: Sequence[int],
    crop: Sequence[int] | None = None,
    filter: str = "bicubic",  # noqa: A002 - the name in the preparation's JSON
    fill: int = 0,
    fused: bool = False,
    draft: float = 0.0,  # noqa: ARG001  an option that `shrink` reads
) -> list[Piece]:
    """One piece, (height, width, 3) uint8.

    `shortest` scales the shorter side to `resize` and keeps the shape, `longest` the longer one, `squash` both; then
    the centre is cut to `crop`, or padded with `fill` where the picture is smaller. Sizes are (height, width).
    `fused` scales only what stays, in half the time; 1 value in 7 is then rounded the other way than by Pillow.
    `draft` lets a JPEG be decoded at a half, a quarter or an eighth: see `shrink`. What was, is always fused.
    """
    if not isinstance(media, Picture):
        raise BadMedia(f"a picture tower was given {type(media).__name__}: give it a picture")
    if mode not in MODES or filter not in FILTERS:
        raise BadInput(f"picture preparation mode={mode!r} filter={filter!r}: known are {MODES} and {list(FILTERS)}")
    height, width = media.whole or media.pixels.shape[:2]
    scaled = _scaled(height, width, mode, resize)
    cut = (crop[0], crop[1]) if crop else scaled
    inside = (min(scaled[0], cut[0]), min(scaled[1], cut[1]))
    top, left = _margin(scaled[0], inside[0]), _margin(scaled[1], inside[1])
    if fused or media.shrunk > 1:
        across, down = width / scaled[1], height / scaled[0]  # pixels of the file for one that stays
        box = (left * across, top * down, (left + inside[1]) * across, (top + inside[0]) * down)
        pixels = _cut(media, (box[0], box[1], min(width, box[2]), min(height, box[3])), inside, filter)
    else:
        image = Image.fromarray(media.pixels).resize((scaled[1], scaled[0]), FILTERS[filter])
        pixels = np.asarray(image.crop((left, top, left + inside[1], top + inside[0])))
    return [Piece(pixels if inside == cut else _padded(pixels, cut, fill))]


def _cut(media: Picture, box: Box, inside: tuple[int, int], name: str) -> NDArray[np.uint8]:
    """What is inside the box, in pixels of the file, scaled."""
    pixels, by, (above, beside) = media.pixels, media.shrunk, media.before
    if name in KNOWN:
        return resample(pixels, box, *inside, name, by, media.before, media.whole)
    low = ((box[0] + beside) / by, (box[1] + above) / by, (box[2] + beside) / by, (box[3] + above) / by)
    return np.asarray(Image.fromarray(pixels).resize((inside[1], inside[0]), FILTERS[name], box=low))


def shrink(height: int, width: int, *, mode: str, resize: Sequence[int], draft: float, **_: object) -> int:
    """The most that both sides may be divided by, so that at least `draft` pixels are left for each that stays."""
    tall, wide = _scaled(height, width, mode, resize)
    room = min(height / tall, width / wide)
    return next((by for by in (8, 4, 2) if draft > 0 and room >= by * draft), 1)


def _scaled(height: int, width: int, mode: str, resize: Sequence[int]) -> tuple[int, int]:
    tall, wide = resize[0], resize[-1]
    if mode == "none":
        return height, width
    if mode == "squash":
        return tall, wide
    if mode == "longest":  # rounded, as open_clip does
        ratio = max(height / tall, width / wide)
        return max(1, round(height / ratio)), max(1, round(width / ratio))
    if tall != wide:
        ratio = min(height / tall, width / wide)
        return max(1, round(height / ratio)), max(1, round(width / ratio))
    # Cut down to whole pixels, as torchvision does.
    short, long = min(height, width), max(height, width)
    other = int(tall * long / short)
    return (tall, other) if height <= width else (other, tall)


def _margin(size: int, inside: int) -> int:
    return round((size - inside) / 2.0)  # half to even, as torchvision does


def _padded(small: NDArray[np.uint8], cut: tuple[int, int], fill: int) -> NDArray[np.uint8]:
    whole = np.full((*cut, 3), fill, np.uint8)
    top, left = (cut[0] - small.shape[0]) // 2, (cut[1] - small.shape[1]) // 2
    whole[top : top + small.shape[0], left : left + small.shape[1]] = small
    return whole
