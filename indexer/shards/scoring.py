"""What every kind of shard does alike: check queries and keep the best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Vectors
from hearsee.indexer.shards import Found

SMALL_PRODUCT = 1_000_000  # multiplications up to which OpenBLAS multiplies in place, and copies nothing first
SMALL_ROWS, PRODUCT_ROWS = 56, 512  # of a product: at least for the small ones, and where only large ones are left
SIFTED_ROWS = 8_192  # scored before what is best among them is picked out
BLOCK_ELEMENTS = 1 << 23  # numbers of rows converted or gathered at once: 32 MiB of float32

SIGN_AND_VALUE = np.array(0x8FFFE000, np.uint32).view(np.int32)
HALVES_BIAS = np.float32(2.0**112)  # between the exponents of float32 and of float16


class Memory:
    """An index's codes as numpy sees them; whoever holds such an array keeps the index alive."""

    def __init__(self, index: Any, address: int, typestr: str, shape: tuple[int, int]) -> None:
        self.index = index
        self.__array_interface__ = {"version": 3, "typestr": typestr, "shape": shape, "data": (address, False)}


def checked(points: Vectors, dim: int) -> Vectors:
    """Queries as FAISS wants them; what has no neighbours is refused."""
    points = np.ascontiguousarray(points, np.float32)
    if points.ndim != 2 or points.shape[1] != dim:
        raise BadInput(f"queries have shape {points.shape}: this library takes (queries, {dim})")
    if not np.isfinite(points).all():
        raise BadInput("a query holds a number that is infinite or not a number: nothing is near it")
    return points


def directed(rows: Vectors, start: int) -> Vectors:
    """Rows as they are; one that is zero, not a number or not of length one has no place in a shard."""
    lengths = np.einsum("rd,rd->r", rows, rows)
    bad = np.flatnonzero(~(np.abs(lengths - 1) < 1e-2))  # NaN compares false, so it is bad too
    if len(bad):
        told = f"row {start + bad[0]} has length {float(np.sqrt(lengths[bad[0]])):.3g}"
        raise BadInput(f"{told}: a shard holds unit vectors; scale them with `unit` first")
    return rows


def floats(halves: NDArray[np.float16]) -> Vectors:
    """Exactly what `astype(float32)` says of finite numbers, in a seventh of its time: numpy converts one by one."""
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13  # the exponent and the fraction to where float32 has them
    bits &= SIGN_AND_VALUE
    numbers: Vectors = bits.view(np.float32)
    numbers *= HALVES_BIAS
    return numbers


def nothing(queries: int) -> Found:
    return Found(np.empty((queries, 0), np.float32), np.empty((queries, 0), np.int64))


def best(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k highest of each row, in order."""  # (queries, rows) -> (queries, k) twice
    if k < scores.shape[1]:
        columns = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
    else:
        columns = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    chosen = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-chosen, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1), np.take_along_axis(columns, order, axis=1)


def best_by_blocks(points: Vectors, k: int, rows: int, block: Callable[[int, int], Vectors]) -> Found:
    """The k best of all rows, a block of them in memory at a time; `block(start, stop)` gives their vectors."""
    step = max(1, min(BLOCK_ELEMENTS // max(1, points.shape[1]), BLOCK_ELEMENTS // max(1, len(points))))
    found = nothing(len(points))
    for start in range(0, rows, step):
        stop = min(rows, start + step)
        scores, columns = best(points @ block(start, stop).T, min(k, stop - start))
        all_scores = np.concatenate([found.scores, scores], axis=1)
        all_rows = np.concatenate([found.rows, columns + start], axis=1)
        kept, order = best(all_scores, min(k, all_scores.shape[1]))
        found = Found(kept, np.take_along_axis(all_rows, order, axis=1))
    return found


def best_by_products(points: Vectors, k: int, matrix: Vectors) -> Found:
    """The k best of the matrix's rows by products of matrices; of each block what beats the k-th so far is picked."""
    queries = len(points)
    columns = np.ascontiguousarray(points.T)  # (dim, queries)
    small = SMALL_PRODUCT // max(1, columns.size)
    step = small if small >= SMALL_ROWS else PRODUCT_ROWS
    scores = np.empty((min(SIFTED_ROWS, len(matrix)), queries), np.float32)
    found = nothing(queries)
    for start in range(0, len(matrix), SIFTED_ROWS):
        block = matrix[start : start + SIFTED_ROWS]
        for at in range(0, len(block), step):
            np.matmul(block[at : at + step], columns, out=scores[at : min(at + step, len(block))])
        found = _sifted(found, scores[: len(block)], start, k)
    return found


def _sifted(found: Found, scores: NDArray[np.float32], start: int, k: int) -> Found:
    """The best of what was found and of a block's scores."""  # (rows, queries)
    rows, queries = scores.shape
    if found.rows.shape[1] < k:
        more, places = best(scores.T, min(k, rows))
        together = np.concatenate([found.scores, more], axis=1)
        chosen, order = best(together, min(k, together.shape[1]))
        return Found(chosen, np.take_along_axis(np.concatenate([found.rows, places + start], axis=1), order, axis=1))
    better = np.flatnonzero(scores > found.scores[:, -1])
    if not len(better):
        return found
    asked = np.concatenate([np.repeat(np.arange(queries), k), better % queries])
    told = np.concatenate([found.scores.ravel(), scores.ravel()[better]])
    numbers = np.concatenate([found.rows.ravel(), better // queries + start])
    order = np.lexsort((-told, asked))
    firsts = np.searchsorted(asked[order], np.arange(queries))
    kept = order[firsts[:, None] + np.arange(k)]
    return Found(told[kept], numbers[kept])
