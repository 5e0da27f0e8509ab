"""Inverted lists on one GPU, FAISS's own: codes of eight dimensions a byte (PQ), or a byte a dimension (SQ)."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any, Self

import faiss
import numpy as np

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards.allowed import Filter
from hearsee.indexer.shards.gpu import MOST, GpuKind, bytes_per_vector
from hearsee.indexer.shards.proposing import Effort, Kept, Padded, training_rows

SAMPLES_A_LIST = 50
BLOCK_ROWS = 65_536
DIMENSIONS_A_CODE = 8
SCRATCH_BYTES = 1 << 30  # FAISS's working memory on the GPU: more than that is never taken
CODES = (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96)  # codes a row that FAISS's GPU code knows


@dataclass(frozen=True, eq=False)
class GpuLists:
    """FAISS's indexes on a GPU are not for several threads at once: they wait for each other."""

    index: Any
    resources: Any  # held as long as the index is
    size: int
    lists: int
    turn: Lock

    masks = False

    @classmethod
    def built(cls, kept: Kept, start: int, stop: int, kind: GpuKind, device: str, lists: int) -> Self:
        lists = max(1, min(lists, stop - start))
        resources = faiss.StandardGpuResources()
        resources.setTempMemory(SCRATCH_BYTES)
        index = _empty(resources, int(device.partition(":")[2] or 0), kept.dim, lists, kind)
        if stop > start:
            sample = _Piece(kept, start, stop)
            index.train(training_rows(sample, SAMPLES_A_LIST * lists, max(256, lists), 0))
            for at in range(start, stop, BLOCK_ROWS):
                index.add(kept.take(np.arange(at, min(at + BLOCK_ROWS, stop))))
        return cls(index, resources, stop - start, lists, Lock())

    @property
    def bytes(self) -> int:
        dim = int(self.index.d)
        kind = GpuKind.SQ if "ScalarQuantizer" in type(self.index).__name__ else GpuKind.PQ
        return self.size * bytes_per_vector(kind, dim) + 4 * self.lists * dim

    def best(self, units: Vectors, k: int, effort: Effort | None, _: Bitmap | None) -> Padded:
        breadth = min(MOST, self.lists, effort.breadth if effort else self.lists)
        with self.turn:
            scores, rows = self.index.search(
                units,
                min(k, MOST),
                params=faiss.SearchParametersIVF(nprobe=breadth),  # type: ignore[call-arg]
            )
        return scores, rows


@dataclass(frozen=True)
class _Piece:
    """Some of the rows, as training takes them."""

    kept: Kept
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def dim(self) -> int:
        return self.kept.dim

    def take(self, rows: Any) -> Vectors:
        return self.kept.take(np.asarray(rows) + self.start)

    def nearest(self, points: Vectors, k: int, allowed: Filter | None = None) -> Any:
        return self.kept.nearest(points, k, allowed)


def _empty(resources: Any, device: int, dim: int, lists: int, kind: GpuKind) -> Any:
    gpu: Any = faiss
    if kind is GpuKind.SQ:
        config = gpu.GpuIndexIVFScalarQuantizerConfig()
        config.device = device
        scale = faiss.ScalarQuantizer.QT_8bit
        return gpu.GpuIndexIVFScalarQuantizer(resources, dim, lists, scale, faiss.METRIC_INNER_PRODUCT, True, config)
    codes = max((count for count in CODES if dim % count == 0 and count <= max(1, dim // DIMENSIONS_A_CODE)), default=0)
    if not codes:
        raise BadInput(f"rows of {dim} dimensions cannot be cut into codes for a GPU: choose {GpuKind.SQ}")
    config = gpu.GpuIndexIVFPQConfig()
    config.device, config.useFloat16LookupTables, config.interleavedLayout = device, True, False
    return gpu.GpuIndexIVFPQ(resources, dim, lists, codes, 8, faiss.METRIC_INNER_PRODUCT, config)
