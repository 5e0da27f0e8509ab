"""Every row scored on one device by a product of matrices, and the best found in two steps instead of one long sort.

float16 scores order the groups of rows; what they propose is scored again in float32, and a query whose border is
closer than their rounding is answered a second time in float32 throughout. So the answer is that of the float16 rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards.gpu import GpuKind
from hearsee.indexer.shards.proposing import Effort, Kept, Padded

if TYPE_CHECKING:
    from torch import Tensor

GROUP = 128  # rows that one maximum stands for
SCORES_BYTES = 2 << 30  # held at once
ROUNDING = 2.0**-9  # of a float16 score of unit rows, the query's own rounding with it
SPARE = 3  # times k more candidates than wanted, so that the border is seldom within the rounding
BLOCK_ROWS = 65_536  # copied to the device at once


@dataclass(frozen=True, eq=False)
class GpuRows:
    """Rows on one device; any number of threads may search them."""

    rows: Tensor  # (rows padded to whole groups, dim)
    count: int

    masks = True

    @classmethod
    def built(cls, kept: Kept, start: int, stop: int, kind: GpuKind, device: str, _: int) -> Self:
        import torch

        dtype = torch.float16 if kind is GpuKind.HALF else torch.float32
        whole = -(-(stop - start) // GROUP) * GROUP
        rows = torch.zeros((whole, kept.dim), dtype=dtype, device=device)
        for at in range(start, stop, BLOCK_ROWS):
            block = torch.from_numpy(kept.take(np.arange(at, min(at + BLOCK_ROWS, stop))))
            rows[at - start : at - start + len(block)] = block.to(device)
        return cls(rows, stop - start)

    @property
    def bytes(self) -> int:
        return self.rows.numel() * self.rows.element_size()

    def best(self, units: Vectors, k: int, _: Effort | None, allowed: Bitmap | None) -> Padded:
        import torch

        with torch.inference_mode():
            queries = torch.from_numpy(units).to(self.rows.device)
            forbidden = self._forbidden(allowed)
            ask = k if self.rows.dtype == torch.float32 else (1 + SPARE) * k
            scores, rows = self._search(queries.to(self.rows.dtype), min(ask, max(1, self.count)), forbidden)
            if self.rows.dtype != torch.float32:
                scores, rows = self._certain(queries, k, scores, rows, forbidden)
            bad = scores == -torch.inf
            return scores.masked_fill(bad, 0).cpu().numpy(), rows.masked_fill(bad, -1).cpu().numpy()

    def _forbidden(self, allowed: Bitmap | None) -> Tensor | None:
        """Padding is forbidden, too."""
        import torch

        if allowed is None and self.count == len(self.rows):
            return None
        bits = np.ones(len(self.rows), np.bool_)
        bits[: self.count] = False if allowed is None else ~allowed
        return torch.from_numpy(bits).to(self.rows.device)

    def _search(self, queries: Tensor, k: int, forbidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """The k best, block after block; each block yields as many."""
        import torch

        each = queries.element_size() * max(1, len(queries))
        step = max(GROUP, SCORES_BYTES // each // GROUP * GROUP)
        scores = torch.full((len(queries), 0), -torch.inf, device=queries.device)
        rows = torch.zeros((len(queries), 0), dtype=torch.int64, device=queries.device)
        for start in range(0, len(self.rows), step):
            part = queries @ self.rows[start : start + step].T  # (queries, dim) · (dim, rows) -> (queries, rows)
            if forbidden is not None:
                part.masked_fill_(forbidden[start : start + step], -torch.inf)
            found, places = _best_of(part, k)
            scores, rows = torch.cat([scores, found.float()], 1), torch.cat([rows, places + start], 1)
            scores, order = scores.topk(min(k, scores.shape[1]), 1)
            rows = rows.gather(1, order)
        return scores, rows

    def _certain(
        self, queries: Tensor, k: int, proposed: Tensor, rows: Tensor, forbidden: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Candidates in the order of their float32 scores; a border that float16 cannot tell is searched again."""
        import torch

        scores = self._rescored(queries, rows).masked_fill(proposed == -torch.inf, -torch.inf)
        ordered, order = scores.sort(1, descending=True)
        ordered, found = ordered[:, :k].clone(), rows.gather(1, order)[:, :k].clone()
        if rows.shape[1] < self.count:
            unsure = (proposed[:, -1] > -torch.inf) & (ordered[:, -1] <= proposed[:, -1] + ROUNDING)
            again = unsure.nonzero()[:, 0]
            if len(again):
                ordered[again], found[again] = self._slowly(queries[again], k, forbidden)
        return ordered, found

    def _slowly(self, queries: Tensor, k: int, forbidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """In float32 throughout, rows converted a block at a time."""
        import torch

        step = max(GROUP, SCORES_BYTES // 4 // max(self.rows.shape[1], len(queries)) // GROUP * GROUP)
        scores = torch.full((len(queries), 0), -torch.inf, device=queries.device)
        rows = torch.zeros((len(queries), 0), dtype=torch.int64, device=queries.device)
        for start in range(0, len(self.rows), step):
            part = queries @ self.rows[start : start + step].float().T
            if forbidden is not None:
                part.masked_fill_(forbidden[start : start + step], -torch.inf)
            found, places = _best_of(part, k)
            scores, rows = torch.cat([scores, found], 1), torch.cat([rows, places + start], 1)
            scores, order = scores.topk(min(k, scores.shape[1]), 1)
            rows = rows.gather(1, order)
        return scores, rows

    def _rescored(self, queries: Tensor, rows: Tensor) -> Tensor:
        import torch

        # (queries, found, dim) · (queries, dim) -> (queries, found)
        return torch.einsum("qfd,qd->qf", self.rows[rows].float(), queries)


def _best_of(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k best of each row: they lie in the k groups with the highest maxima, so only those are sorted."""
    import torch

    queries, count = scores.shape
    groups = count // GROUP
    if groups <= 4 * k:
        return scores.topk(min(k, count), 1)
    grouped = scores.view(queries, groups, GROUP)
    _, chosen = grouped.amax(2).topk(k, 1)  # (queries, k)
    inside = grouped.gather(1, chosen[:, :, None].expand(-1, -1, GROUP)).reshape(queries, k * GROUP)
    found, places = inside.topk(k, 1)
    group = chosen.gather(1, torch.div(places, GROUP, rounding_mode="floor"))
    return found, group * GROUP + places % GROUP
