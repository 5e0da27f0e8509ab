"""Rows in lists about centroids, sketched in 4-bit codes that are scanned fast, the best of them scored exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Found
from hearsee.indexer.shards.allowed import Filter
from hearsee.indexer.shards.codebook import empty, learned, lists_of, turned
from hearsee.indexer.shards.filtering import Neighbourhoods
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.proposing import (
    Effort,
    Kept,
    Padded,
    answer,
    blocks,
    breadths,
    by_itself,
    bytes_in_lists,
    cost_of_lists,
    lists_to_probe,
    neighbourhoods,
    scaled,
    training_rows,
)
from hearsee.indexer.shards.refining import Refiner
from hearsee.indexer.shards.routing import Router
from hearsee.indexer.shards.sifting import Sieve

SAMPLES_A_LIST = 40  # to learn the centroids from
SAMPLES = 20_000  # at least, for the codes
LEAST_LEAN = 1e-3  # below it, lists are ranked by cosine all the same
EXACT = 1e-9  # of a sum
RANKED = 1 << 20  # scores of lists held at once: 4 MiB
# Queries up to which lists are scanned on one core: FAISS's other threads keep turning for milliseconds when they are
# done, on the cores where numpy's would multiply the next batch.
ON_ONE = 127
SOME = 8  # from so many queries on, choosing lists for each is quicker than FAISS, which takes one number for all


@dataclass(frozen=True, eq=False)
class ListShard:
    """Inverted lists with product-quantised codes of what their centroids leave over. Lists are learned by distance;
    how far a list's length counts against it when lists are chosen is the lean of the effort, tuned for who asks."""

    kept: Kept
    index: faiss.IndexPreTransform
    effort: Effort | None = None  # none: exact search

    kind: ClassVar[Kind] = Kind.LISTS
    refines: ClassVar[tuple[int, ...]] = (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64)
    leans: ClassVar[tuple[float, ...]] = (0.5, 0.35, 0.25, 0.15)

    @classmethod
    def built(cls, kept: Kept, lists: int, parts: int, seed: int = 0) -> Self:
        """`parts` codes a row, each one of 16."""
        if not len(kept):
            return cls(kept, empty(kept.dim, parts))
        lists = max(1, min(lists, len(kept)))
        index = learned(training_rows(kept, max(SAMPLES_A_LIST * lists, SAMPLES), lists, seed), lists, parts, seed)
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
        return int(self._lists.nlist)

    @property
    def bytes(self) -> int:
        return bytes_in_lists(self.kept, self._lists)

    def efforts(self, points: Vectors, lean: float) -> list[Effort]:
        """Lists are probed for their share in what could be near, so hard queries get more of them than others; breadth
        counts them by their rows, a list of mean length as one."""
        units, _ = scaled(points)
        parts = self._parts(len(units))
        fall = self._router.fall(units[parts[0]], lean)
        shares = np.concatenate([self._router.shares(units[part], lean, fall).ravel() for part in parts])
        order = np.argsort(-shares)
        read = np.cumsum(self._router.sizes[order % self.widest], dtype=np.float64)  # rows, of all queries together
        steps = breadths(self.widest)
        enough = np.searchsorted(read, np.array(steps) * (read[-1] / self.widest) * (1 - EXACT))
        return [
            Effort(breadth, lean=lean, enough=float(shares[order[place]]), fall=fall)
            for breadth, place in zip(steps, enough.tolist(), strict=True)
        ]

    def cost(self, effort: Effort, k: int) -> float:
        return cost_of_lists(self.kept, self._lists, effort, k)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return self.kept.take(rows)

    def nearest(self, points: Vectors, k: int, allowed: Filter | None = None, effort: Effort | None = None) -> Found:
        """The best k of the allowed rows, as far as the effort reaches; what is found is scored exactly."""
        effort = effort or self.effort

        def sift(points: Vectors, k: int, allowed: Filter) -> Found:
            return self._sieve.among(points, k, allowed, 0.0 if effort is None else effort.doubt)

        return answer(self.kept, self._propose, points, k, allowed, effort, self._widen, sift)

    def doubt(self, queries: Vectors, target: float) -> float:
        """How far its codes err for such queries, for `Effort.doubt`."""
        return self._sieve.doubt(queries, target)

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve(self.kept, self.index, self._around)

    @cached_property
    def _router(self) -> Router:
        return Router(self.index)

    @cached_property
    def _refiner(self) -> Refiner:
        return Refiner(self.kept)

    @cached_property
    def _around(self) -> Neighbourhoods:
        return neighbourhoods(self._lists)

    @cached_property
    def _lists(self) -> Any:
        return lists_of(self.index)

    def _widen(self, units: Vectors, allowed: Bitmap, breadth: int) -> tuple[int, Bitmap]:
        return lists_to_probe(self._lists, self._around, turned(self.index, units), allowed, breadth)

    def _propose(self, units: Vectors, k: int, effort: Effort, selector: faiss.IDSelector | None) -> Padded:
        if effort.enough is None or len(units) < SOME:
            longer = np.float32(0.5 / max(effort.lean, LEAST_LEAN))
            scores, rows = self._refined.search(units * longer, k, params=self._parameters(effort, selector))
            return scores / longer, rows
        found = [self._routed(units[part], k, effort) for part in self._parts(len(units))]
        if len(found) == 1:
            return found[0]
        return np.concatenate([scores for scores, _ in found]), np.concatenate([rows for _, rows in found])

    @cached_property
    def _refined(self) -> faiss.IndexRefine:
        return faiss.IndexRefine(self.index, self.kept.index)

    @cached_property
    def _told(self) -> dict[Effort, Any]:
        return {}

    def _parameters(self, effort: Effort, selector: faiss.IDSelector | None) -> Any:
        """What FAISS is told of an effort; making it takes longer than much of the search, so it is kept."""
        if selector is None and effort in self._told:
            return self._told[effort]
        lists = faiss.SearchParametersIVF(nprobe=min(effort.alone or effort.breadth, self.widest))  # type: ignore[call-arg]
        if selector is not None:
            lists.sel = selector
        behind = faiss.SearchParametersPreTransform(index_params=lists)  # type: ignore[call-arg]
        params = faiss.IndexRefineSearchParameters(  # type: ignore[call-arg]
            k_factor=float(effort.refine), base_index_params=behind
        )
        if selector is None:
            self._told[effort] = params
        return params

    def _parts(self, queries: int) -> list[slice]:
        """Few enough queries at once for their scores of all lists to stay small."""
        step = max(1, RANKED // self.widest)
        return [slice(start, start + step) for start in range(0, queries, step)]

    def _routed(self, units: Vectors, k: int, effort: Effort) -> Padded:
        """Each query by lists of its own choice; FAISS alone knows only one number of lists for all."""
        queries, lists, adds = self._router.routes(units, effort)
        few, at = min(k * effort.refine, len(self)), faiss.swig_ptr
        scores, rows = np.empty((len(units), few), np.float32), np.empty((len(units), few), np.int64)
        params = faiss.SearchParametersIVF(nprobe=lists.shape[1])  # type: ignore[call-arg]
        with by_itself(len(units), ON_ONE):
            self._lists.search_preassigned_c(
                len(units), at(queries), few, at(lists), at(adds), at(scores), at(rows), False, params
            )
        return self._refiner.best(units, rows, k)
