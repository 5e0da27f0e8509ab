"""Shards: what search reads, one modality each; derived from segments and heads, so that losing one loses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Vectors
from hearsee.indexer.shards.allowed import Filter


@dataclass(frozen=True)
class Found:
    """The same number of rows for every query, best first; never padded."""

    scores: NDArray[np.float32]  # (queries, found)
    rows: NDArray[np.int64]  # (queries, found)


class Shard(Protocol):
    """Immutable once built; any number of threads may search it."""

    def __len__(self) -> int: ...

    @property
    def dim(self) -> int: ...

    def nearest(self, points: Vectors, k: int, allowed: Filter | None = None) -> Found: ...

    def take(self, rows: NDArray[np.int64]) -> Vectors: ...  # (…,) -> (…, dim)
