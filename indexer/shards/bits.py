"""Rows in lists, sketched in one bit a dimension (RaBitQ), the best of them scored exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Found
from hearsee.indexer.shards.allowed import Filter
from hearsee.indexer.shards.filtering import Neighbourhoods
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.proposing import (
    Effort,
    Kept,
    Padded,
    answer,
    blocks,
    breadths,
    bytes_in_lists,
    cost_of_lists,
    lists_to_probe,
    neighbourhoods,
    training_rows,
)

SAMPLES_A_LIST = 50  # to learn the centroids from
ROUNDS = 10  # of k-means
QUERY_BITS = 8


@dataclass(frozen=True, eq=False)
class BitShard:
    """Inverted lists with RaBitQ codes: the smallest, good for queries of the shard's own modality, poor for others."""

    kept: Kept
    index: faiss.IndexIVFRaBitQFastScan
    effort: Effort | None = None  # none: exact search

    kind: ClassVar[Kind] = Kind.BITS
    refines: ClassVar[tuple[int, ...]] = (4, 8, 16, 32, 64)
    leans: ClassVar[tuple[float, ...]] = (0.5,)

    @classmethod
    def built(cls, kept: Kept, lists: int, seed: int = 0) -> Self:
        lists = max(1, min(lists, len(kept)))
        quantizer = faiss.IndexFlatIP(kept.dim)
        index = faiss.IndexIVFRaBitQFastScan(quantizer, kept.dim, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.min_points_per_centroid, index.cp.seed, index.cp.niter = 1, seed, ROUNDS
        if len(kept):
            index.train(training_rows(kept, SAMPLES_A_LIST * lists, lists, seed))
            for block in blocks(kept):
                index.add(block)
        return cls(kept, index)

    def with_effort(self, effort: Effort | None) -> Self:
        return replace(self, effort=effort)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def dim(self) -> int:
        return self.kept.dim

    @property
    def widest(self) -> int:
        return int(self.index.nlist)

    @property
    def bytes(self) -> int:
        return bytes_in_lists(self.kept, self.index)

    def efforts(self, points: Vectors, lean: float) -> list[Effort]:  # noqa: ARG002 whoever asks
        return [Effort(breadth, lean=lean) for breadth in breadths(self.widest)]

    def cost(self, effort: Effort, k: int) -> float:
        return cost_of_lists(self.kept, self.index, effort, k)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return self.kept.take(rows)

    def nearest(self, points: Vectors, k: int, allowed: Filter | None = None, effort: Effort | None = None) -> Found:
        """The best k of the allowed rows, as far as the effort reaches; what is found is scored exactly."""
        return answer(self.kept, self._propose, points, k, allowed, effort or self.effort, self._widen)

    @cached_property
    def _refined(self) -> faiss.IndexRefine:
        return faiss.IndexRefine(self.index, self.kept.index)

    @cached_property
    def _around(self) -> Neighbourhoods:
        return neighbourhoods(self.index)

    def _widen(self, units: Vectors, allowed: Bitmap, breadth: int) -> tuple[int, Bitmap]:
        return lists_to_probe(self.index, self._around, units, allowed, breadth)

    def _propose(self, units: Vectors, k: int, effort: Effort, selector: faiss.IDSelector | None) -> Padded:
        lists = faiss.IVFRaBitQSearchParameters(nprobe=min(effort.breadth, self.widest))  # type: ignore[call-arg]
        lists.qb = QUERY_BITS
        if selector is not None:
            lists.sel = selector
        params = faiss.IndexRefineSearchParameters(  # type: ignore[call-arg]
            k_factor=float(effort.refine), base_index_params=lists
        )
        scores, rows = self._refined.search(units, k, params=params)
        return scores, rows
