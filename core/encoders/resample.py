"""Cutting and scaling a picture at once, as products of small dense blocks: what BLAS does quicker than any loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels of the picture

BLOCK = 8  # rows of the result that are made by one product


def _linear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1.0 - x)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    near, far = (1.5 * x - 2.5) * x * x + 1.0, ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


_KERNELS: Mapping[str, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], float]] = {
    "bilinear": (_linear, 1.0),  # and how far it reaches
    "bicubic": (_cubic, 2.0),
}
KNOWN = tuple(_KERNELS)


def resample(
    pixels: NDArray[np.uint8],
    box: Box,
    height: int,
    width: int,
    kernel: str,
    by: int = 1,
    before: tuple[int, int] = (0, 0),
    whole: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """The part of a picture (rows, columns, 3) inside the box, scaled to (height, width, 3).

    The kernels are Pillow's, widened where it shrinks. Pillow rounds between the two directions and this does not, so
    one value in seven differs by one of 255. Of a drafted JPEG the box is in pixels of the file, of which each pixel
    here is the mean of `by` x `by`; the first begin `before` rows and columns before the file's, which has `whole`.
    """
    rows, columns = whole or pixels.shape[:2]
    across = _blocks(pixels.shape[1], box[0], box[2], width, kernel, by, before[1], before[1] + columns)
    down = _blocks(pixels.shape[0], box[1], box[3], height, kernel, by, before[0], before[0] + rows)
    left, right, top, bottom = across[0][1], across[-1][2], down[0][1], down[-1][2]
    used = pixels[top:bottom, left:right].astype(np.float32).reshape(bottom - top, -1)
    low = np.empty(
        (used.shape[1], height), np.float32
    )  # (columns·3, rows): turned by BLAS, as the next products read it
    for at, first, last, weights in down:
        np.matmul(used[first - top : last - top].T, weights.T, out=low[:, at : at + len(weights)])
    low = low.reshape(right - left, 3 * height)
    small = np.empty((width, 3 * height), np.float32)
    for at, first, last, weights in across:
        np.matmul(weights, low[first - left : last - left], out=small[at : at + len(weights)])
    small += 0.5
    np.clip(small, 0.0, 255.0, out=small)
    return np.ascontiguousarray(small.astype(np.uint8).reshape(width, 3, height).transpose(2, 0, 1))


@lru_cache(maxsize=256)
def _blocks(
    size: int, low: float, high: float, wanted: int, kernel: str, by: int, before: int, end: int
) -> list[tuple[int, int, int, Floats]]:
    """For each block of results: its place, the first and last pixel it reads, and their weights."""
    function, reach = _KERNELS[kernel]
    scale = (high - low) / wanted
    wide = max(scale, 1.0)
    centres = before + low + (np.arange(wanted) + 0.5) * scale
    starts = np.maximum(before, (centres - reach * wide + 0.5).astype(np.int64))
    ends = np.minimum(end, (centres + reach * wide + 0.5).astype(np.int64))
    blocks = []
    for at in range(0, wanted, BLOCK):
        own = slice(at, at + BLOCK)
        first, last = int(starts[own].min()) // by, -(-int(ends[own].max()) // by)
        if by > 1:  # what is told from neighbours reads one more
            first, last = max(0, first - 1), min(size, last + 1)
        places = np.arange(first * by, last * by)
        weights = function(np.abs(places - centres[own, None] + 0.5) / wide)  # (rows, pixels of the file)
        weights[(places < starts[own, None]) | (places >= ends[own, None])] = 0.0
        weights /= weights.sum(axis=1, keepdims=True)
        blocks.append((at, first, last, (_drafted(weights, by) if by > 1 else weights).astype(np.float32)))
    return blocks


def _drafted(weights: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    """Weights of the means of `by` pixels each, from those of the pixels: (rows, pixels) -> (rows, means).

    Between three means lies the one parabola that has them: what it says of a pixel is what is known of it.
    """
    at = (np.arange(by) - (by - 1) / 2) / by  # where a pixel lies in its mean, in means
    bent = (at * at - (at * at).mean()) / 2
    turned = weights.reshape(len(weights), -1, by) @ np.stack([bent - at / 2, 1 - 2 * bent, bent + at / 2], axis=1)
    padded = np.pad(turned, ((0, 0), (1, 1), (0, 0)))
    means = padded[:, 2:, 0] + padded[:, 1:-1, 1] + padded[:, :-2, 2]
    means[:, 0] += turned[:, 0, 0]  # beyond the edge all goes on as it ended
    means[:, -1] += turned[:, -1, 2]
    return np.asarray(means)
