"""Rows linked to their neighbours (HNSW): fast for single queries, slow to build."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Found
from hearsee.indexer.shards.allowed import Filter
from hearsee.indexer.shards.filtering import ALIKE
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.proposing import SCATTERED, Effort, Kept, Padded, answer, blocks, breadths

LINKS = 16
BUILD_BREADTH = 100
WIDEST = 1 << 12
AROUND = 200  # rows near a query that tell how a filter treats its neighbourhood
WIDER = (
    1.0  # the graph is walked through rows that a filter forbids, so a filter to a tenth asks for ten times the walk
)


@dataclass(frozen=True, eq=False)
class GraphShard:
    """A navigable graph over the kept rows themselves, so its scores need no refining."""

    kept: Kept
    index: faiss.IndexHNSW
    effort: Effort | None = None  # none: exact search

    kind: ClassVar[Kind] = Kind.GRAPH
    refines: ClassVar[tuple[int, ...]] = (1,)
    leans: ClassVar[tuple[float, ...]] = (0.5,)

    @classmethod
    def built(cls, kept: Kept, links: int = LINKS) -> Self:
        """While it is built the rows are held twice, as float16."""
        own = faiss.IndexScalarQuantizer(kept.dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        index: Any = faiss.IndexHNSW(own, links)  # type: ignore[arg-type]
        index.is_trained = True
        index.hnsw.efConstruction = BUILD_BREADTH
        for block in blocks(kept):
            index.add(block)
        return cls.over(kept, index)

    @classmethod
    def over(cls, kept: Kept, index: Any) -> Self:
        """Let the graph read the kept rows, and no copy of them."""
        index.own_fields = False
        index.storage = kept.index
        vars(index).pop("referenced_objects", None)  # or Python's side would keep the copy that it was built with
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
        return max(1, min(WIDEST, len(self)))

    @property
    def bytes(self) -> int:
        graph: Any = self.index.hnsw
        links = int(graph.neighbors.size()) * 4 + int(graph.offsets.size()) * 8 + int(graph.levels.size()) * 4
        return self.kept.bytes + links

    def efforts(self, points: Vectors, lean: float) -> list[Effort]:  # noqa: ARG002 whoever asks
        return [Effort(breadth, lean=lean) for breadth in breadths(self.widest)]

    def cost(self, effort: Effort, k: int) -> float:
        # Each node kept in sight was scored with most of its links, from all over the memory.
        return SCATTERED * LINKS * max(effort.breadth, k) * self.kept.bytes / max(1, len(self))

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return self.kept.take(rows)

    def nearest(self, points: Vectors, k: int, allowed: Filter | None = None, effort: Effort | None = None) -> Found:
        """The best k of the allowed rows, as far as the effort reaches; what is found is scored exactly."""
        return answer(self.kept, self._propose, points, k, allowed, effort or self.effort, self._widen)

    def _widen(self, units: Vectors, allowed: Bitmap, breadth: int) -> tuple[int, Bitmap]:
        """The graph is walked through rows that a filter forbids: a filter to a tenth asks for ten times the walk."""
        share = np.count_nonzero(allowed) / len(allowed)
        _, near = self._propose(units, min(AROUND, len(self)), Effort(max(breadth, AROUND)), None)
        around: NDArray[np.float64] = np.where(near < 0, False, allowed[near]).mean(axis=1)
        return ceil(breadth / share), around < ALIKE * share

    def _propose(self, units: Vectors, k: int, effort: Effort, selector: faiss.IDSelector | None) -> Padded:
        # FAISS heeds a selector only with the bounded queue, its default.
        breadth = min(max(effort.breadth, k), len(self))
        params = faiss.SearchParametersHNSW(efSearch=breadth)  # type: ignore[attr-defined]
        if selector is not None:
            params.sel = selector
        scores, rows = self.index.search(units, k, params=params)
        return scores, rows
