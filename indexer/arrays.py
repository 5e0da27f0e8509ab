"""Arrays as `.npy` files: written a block at a time, hashed while they are read, never unpickled."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import Damaged
from hearsee.indexer.files import BLOCK_BYTES, Published, Sink, damage, publish, same


def publish_array(
    root: Path, path: str, shape: tuple[int, int], dtype: str, blocks: Iterable[NDArray[Any]]
) -> Published:
    """Publish blocks of rows as one array; `shape` is known before the first block comes."""

    def write(sink: Sink) -> None:
        sink.write(_header(shape, dtype))
        rows = 0
        for block in blocks:
            if block.ndim != 2 or block.shape[1] != shape[1]:
                raise ValueError(f"{path}: a block of shape {block.shape} does not fit into {shape}")
            sink.write(np.ascontiguousarray(block, dtype=dtype).data)
            rows += len(block)
        if rows != shape[0]:
            raise ValueError(f"{path}: {rows} rows were written of {shape[0]}")

    return publish(root, path, write)


def read_array(file: Path, sha256: str, shape: tuple[int, int], dtype: str, into: NDArray[Any]) -> None:
    """Fill `into` with a file's rows; the bytes that were hashed are the bytes that are used."""
    header = _header(shape, dtype)
    with damage(file), file.open("rb") as source:
        digest = hashlib.sha256(start := source.read(len(header)))
        if start != header:
            raise Damaged(f"{file} is not an array of {shape[0]} × {shape[1]} {dtype}: run `hearsee verify --repair`")
        left = into.data.cast("B") if into.size else memoryview(b"")
        while left:
            count = source.readinto(left[:BLOCK_BYTES])
            if not count:
                raise Damaged(f"{file} ends too early: run `hearsee verify --repair`")
            digest.update(left[:count])
            left = left[count:]
        if source.read(1):
            raise Damaged(f"{file} is longer than it was written: run `hearsee verify --repair`")
        same(file, digest.hexdigest(), sha256)


def _header(shape: tuple[int, int], dtype: str) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()
