"""The shapes that media take between the file and the tower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality


@dataclass(frozen=True)
class Picture:
    """Upright sRGB pixels."""

    pixels: NDArray[np.uint8]  # (height, width, 3)
    shrunk: int = 1  # how many pixels of the file each stands for, to each side: 2, 4 or 8 where a JPEG was drafted
    whole: tuple[int, int] | None = None  # height and width in the file, where it was shrunk
    before: tuple[int, int] = (0, 0)  # rows and columns of the file by which the first pixels begin before it


@dataclass(frozen=True)
class Sound:
    """Samples in [-1, 1] at the file's own rate and channels."""

    samples: NDArray[np.float32]  # (frames, channels); core.media.blocks.Blocks for preparations that take them
    rate: int  # frames a second


@dataclass(frozen=True)
class Words:
    text: str


Media: TypeAlias = Picture | Sound | Words


@dataclass(frozen=True)
class Span:
    """Where in its item a point comes from, so that a hit can say where."""

    start: float
    end: float
    unit: Literal["seconds", "characters"]


@dataclass(frozen=True)
class Piece:
    """What becomes one point: an array as the tower wants it, and where it came from (none: the whole item)."""

    data: NDArray[Any]  # numbers only; a text travels as its UTF-8 bytes (uint8)
    span: Span | None = None
    modality: Modality | None = None  # of its tower, where that is not the item's: the sounds of a film


# A preparation is a torch-free module-level function, named "package.module:function", so that a worker process
# can find it by name; it cuts media into windows or passages and shapes each for its tower.
Preparation: TypeAlias = Callable[[Media], list[Piece]]

# By how much a preparation lets both sides of a picture (height, width) be divided while its JPEG is decoded.
Shrink: TypeAlias = Callable[[int, int], int]
