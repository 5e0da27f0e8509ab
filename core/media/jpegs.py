"""The pixels of a JPEG by simplejpeg, where it is installed: what Pillow gives, in two thirds of its time."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

import numpy as np
from numpy.typing import NDArray


def jpeg_pixels(raw: bytes, size: tuple[int, int], by: int) -> NDArray[np.uint8] | None:
    """(height, width, 3) of `size` (width, height), which is the file's divided by `by`; none: ask Pillow.

    Both run libjpeg-turbo, so the numbers are the same. Whatever is odd about a file is left to Pillow, which either
    reads it all the same or says what is wrong with it.
    """
    if (module := _simplejpeg()) is None:
        return None
    width, height = size
    least = {"min_width": width, "min_height": height} if by > 1 else {}
    try:
        pixels: NDArray[np.uint8] = module.decode_jpeg(raw, "RGB", **least)
    except ValueError:  # strict: anything that the library warns of
        return None
    return pixels if pixels.shape == (height, width, 3) else None


@functools.cache
def _simplejpeg() -> ModuleType | None:
    try:
        return importlib.import_module("simplejpeg")
    except ImportError:
        return None
