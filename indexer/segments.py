"""Segments: immutable files of backbone vectors of one tower, float16, checked before they are believed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeAlias
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.arrays import publish_array, read_array
from hearsee.indexer.files import Published

FOLDER = "segments"
DTYPE = "<f2"
Stored: TypeAlias = NDArray[np.float16]  # (rows, dim)


class Segment(Protocol):
    """What the catalog says about a segment."""

    @property
    def path(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def dim(self) -> int: ...


def stored(vectors: Vectors, what: str) -> Stored:
    """Round vectors to what a segment keeps; refuse those that lose their meaning on the way."""
    with np.errstate(over="ignore", invalid="ignore"):  # answered in the next lines, with a name
        rows = np.asarray(vectors).astype(np.float16)
    if rows.ndim != 2:
        raise BadInput(f"vectors of {what} must have two dimensions (points, dim), not shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise BadInput(f"vectors of {what} hold a number that is not finite in float16: they cannot be searched")
    if not rows.any(axis=1).all():
        raise BadInput(f"vectors of {what} hold a row of zeros: it has no direction to search in")
    return rows


def write_segment(root: Path, modality: Modality, rows: int, dim: int, blocks: Iterable[Stored]) -> Published:
    path = f"{FOLDER}/{modality}-{uuid4().hex}.npy"  # a name is never used twice
    return publish_array(root, path, (rows, dim), DTYPE, blocks)


def read_segment(root: Path, segment: Segment) -> Stored:
    """The whole segment, hashed as it is read: the bytes that were checked are the bytes that are used."""
    rows: Stored = np.empty((segment.rows, segment.dim), DTYPE)
    read_array(root / segment.path, segment.sha256, rows.shape, DTYPE, rows)
    return rows
