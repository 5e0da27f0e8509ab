"""Rows of numbers that mean something; every score made of them is a cosine, higher is nearer."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput

Vectors: TypeAlias = NDArray[np.float32]  # (rows, dim)
Bitmap: TypeAlias = NDArray[np.bool_]  # (rows,)


def unit(rows: NDArray[Any], what: str = "vectors") -> Vectors:
    """Scale each row to length one; refuse rows that are not finite or have no direction."""
    rows = np.asarray(rows, dtype=np.float32)
    if rows.ndim != 2:
        raise BadInput(f"{what} must have two dimensions (rows, dim), not shape {rows.shape}")
    # float64: a row of large float32 numbers must not overflow into an infinite length
    lengths = np.sqrt(np.einsum("rd,rd->r", rows, rows, dtype=np.float64))
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(bad):
        raise BadInput(f"{what} row {bad[0]} is zero, infinite or not a number: it has no direction to search in")
    scaled: Vectors = (rows / lengths[:, None]).astype(np.float32)
    return scaled
