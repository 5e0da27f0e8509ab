"""Shards on GPUs, by rows over several or a copy on each: every row scored by a product, or lists with codes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from math import ceil
from typing import Protocol, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Found
from hearsee.indexer.shards.allowed import Allowed, Filter
from hearsee.indexer.shards.filtering import score_rows
from hearsee.indexer.shards.proposing import Effort, Kept, Padded, breadths
from hearsee.indexer.shards.scoring import checked, nothing

log = logging.getLogger(__name__)
ROOM = 0.8  # of a GPU's free memory: the rest is for scores and for others
MOST = 2_048  # rows that FAISS finds on a GPU for one query, at most
SPARE = 2  # times as many rows as a filter at random calls for
FEW = 0.01  # up to this share of rows, the allowed ones are gathered and scored by the CPU


class GpuKind(StrEnum):
    FLAT = "gpu-exact"  # float32
    HALF = "gpu-exact-float16"
    PQ = "gpu-ivf-pq"
    SQ = "gpu-ivf-sq"


class Spread(StrEnum):
    ROWS = "rows"  # each GPU holds some of the rows and sees every query
    COPIES = "copies"  # each GPU holds every row and sees some of the queries


class Engine(Protocol):
    """What one GPU searches: rows are numbered from nought, short answers are padded with row -1."""

    @property
    def bytes(self) -> int: ...

    @property
    def masks(self) -> bool: ...  # whether it heeds which rows are allowed

    def best(self, units: Vectors, k: int, effort: Effort | None, allowed: Bitmap | None) -> Padded: ...


def gpus() -> tuple[str, ...]:
    """The GPUs that FAISS was built for and torch can use; none is no error."""
    count = int(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else 0
    if not count:
        return ()
    import torch

    if not torch.cuda.is_available():
        log.warning("FAISS sees %d GPUs, but torch was installed without CUDA: shards are searched on the CPU", count)
        return ()
    return tuple(f"cuda:{number}" for number in range(min(count, torch.cuda.device_count())))


def bytes_per_vector(kind: GpuKind, dim: int) -> int:
    """Memory of a GPU that each row takes."""
    codes = {GpuKind.FLAT: 4 * dim, GpuKind.HALF: 2 * dim, GpuKind.PQ: max(1, dim // 8), GpuKind.SQ: dim}
    return codes[kind] + (8 if kind in (GpuKind.PQ, GpuKind.SQ) else 0)  # lists hold numbers, too


def placed(
    kept: Kept, kind: GpuKind, spread: Spread = Spread.ROWS, devices: Sequence[str] | None = None,
    memory_bytes: int | None = None, lists: int = 1,
) -> GpuShard | Kept:  # fmt: skip
    """The shard on the GPUs; where there are none, or they lack the memory, the rows on the CPU, and a warning."""
    devices = gpus() if devices is None else devices
    if not devices:
        log.warning("there is no GPU to search %s on: every row is scored on the CPU", kind)
        return kept
    share = len(kept) if spread is Spread.COPIES else ceil(len(kept) / len(devices))
    needs = share * bytes_per_vector(kind, kept.dim)
    room = min(_free(device) for device in devices) if memory_bytes is None else memory_bytes
    if needs > room:
        told = f"{needs >> 20:,} MiB on each of {len(devices)} GPUs, and {room >> 20:,} MiB are allowed"
        log.warning("%s over %d rows takes %s: every row is scored on the CPU", kind, len(kept), told)
        return kept
    return GpuShard.built(kept, kind, spread, tuple(devices), lists)


def _free(device: str) -> int:
    import torch

    if not device.startswith("cuda"):
        return 1 << 62
    return int(ROOM * torch.cuda.mem_get_info(torch.device(device))[0])


@dataclass(frozen=True, eq=False)
class GpuShard:
    """Rows on GPUs, the same rows in memory behind them: those are what every score is taken from in the end."""

    kept: Kept
    kind: GpuKind
    spread: Spread
    engines: tuple[Engine, ...]
    starts: tuple[int, ...]  # the first row of each engine
    effort: Effort | None = None  # of lists; none: exact search

    @classmethod
    def built(cls, kept: Kept, kind: GpuKind, spread: Spread, devices: tuple[str, ...], lists: int = 1) -> Self:
        if kind in (GpuKind.PQ, GpuKind.SQ):
            from hearsee.indexer.shards.gpu_lists import GpuLists as Made
        else:
            from hearsee.indexer.shards.gpu_exact import GpuRows as Made  # type: ignore[assignment]
        count = len(devices)
        bounds = (
            [0, len(kept)] if spread is Spread.COPIES else np.linspace(0, len(kept), count + 1).astype(int).tolist()
        )
        pieces = list(pairwise(bounds)) * (count if spread is Spread.COPIES else 1)
        made = [Made.built(kept, *piece, kind, device, lists) for piece, device in zip(pieces, devices, strict=True)]
        return cls(kept, kind, spread, tuple(made), tuple(start for start, _ in pieces))

    def with_effort(self, effort: Effort | None) -> Self:
        return replace(self, effort=effort)

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def dim(self) -> int:
        return self.kept.dim

    @property
    def widest(self) -> int:
        return max(1, min(MOST, *(getattr(engine, "lists", 1) for engine in self.engines)))

    @property
    def refines(self) -> tuple[int, ...]:
        return (1, 2, 4, 8, 16, 32)

    @property
    def leans(self) -> tuple[float, ...]:
        return (0.5,)

    @property
    def bytes(self) -> int:
        return sum(engine.bytes for engine in self.engines)

    def efforts(self, points: Vectors, lean: float) -> list[Effort]:  # noqa: ARG002 whoever asks
        return [Effort(breadth, lean=lean) for breadth in breadths(self.widest)]

    def cost(self, effort: Effort, k: int) -> float:
        rows = len(self) * min(1.0, effort.breadth / self.widest)
        return rows * bytes_per_vector(self.kind, self.dim) + effort.refine * k * 4 * self.dim

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        return self.kept.take(rows)

    def nearest(self, points: Vectors, k: int, allowed: Filter | None = None, effort: Effort | None = None) -> Found:
        """The best k of the allowed rows. Lists without an effort, or too short for a filter, leave it to the CPU."""
        points = checked(points, self.dim)
        given = None if allowed is None else Allowed.of(allowed)
        count = len(self) if given is None else given.count
        k = min(k, count)
        if k <= 0 or not len(points):
            return nothing(len(points))
        few = None if given is None else given.rows(ceil(FEW * len(self)))
        if few is not None:
            return score_rows(self.kept, points, k, few, given)
        effort = effort or self.effort
        masks = all(engine.masks for engine in self.engines)
        if not masks and effort is None:
            return self.kept.nearest(points, k, given)
        ask = k
        if not masks and effort is not None:
            # FAISS heeds no selector on a GPU: more is asked for, and what is not allowed is dropped.
            ask = min(len(self), max(effort.refine * k, ceil(SPARE * effort.refine * k * len(self) / count)))
        if ask > MOST and not masks:
            return self.kept.nearest(points, k, given)
        lengths = np.linalg.norm(points, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        units = np.ascontiguousarray(points / lengths, np.float32)
        scores, rows = self._best(units, ask, effort, given.bitmap if given is not None and masks else None)
        return self._scored(points, k, rows, given) if not masks else Found(scores * lengths, rows)

    def _best(self, units: Vectors, k: int, effort: Effort | None, allowed: Bitmap | None) -> Padded:
        if self.spread is Spread.COPIES:
            parts = np.array_split(np.arange(len(units)), len(self.engines))
            pairs = [(e, part) for e, part in zip(self.engines, parts, strict=True) if len(part)]
            found = [engine.best(units[part], k, effort, allowed) for engine, part in pairs]
            return np.concatenate([scores for scores, _ in found]), np.concatenate([rows for _, rows in found])
        found = []
        for engine, start, stop in zip(self.engines, self.starts, (*self.starts[1:], len(self)), strict=True):
            scores, rows = engine.best(units, k, effort, None if allowed is None else allowed[start:stop])
            found.append((scores, np.where(rows < 0, -1, rows + start)))
        scores = np.concatenate([one for one, _ in found], axis=1)
        rows = np.concatenate([one for _, one in found], axis=1)
        order = np.argsort(np.where(rows < 0, np.inf, -scores), axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def _scored(self, points: Vectors, k: int, rows: NDArray[np.int64], allowed: Allowed | None) -> Found:
        """What was proposed, scored by the rows themselves; who was proposed too little is answered exactly."""
        right = rows >= 0 if allowed is None else (rows >= 0) & allowed.bitmap[rows]
        scores = np.einsum("qfd,qd->qf", self.kept.take(np.maximum(rows, 0)), points)
        order = np.argsort(np.where(right, -scores, np.inf), axis=1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
        short = np.flatnonzero(np.count_nonzero(right, axis=1) < k)
        if len(short):
            if scores.shape[1] < k:
                return self.kept.nearest(points, k, allowed)
            exact = self.kept.nearest(points[short], k, allowed)
            scores[short], rows[short] = exact.scores, exact.rows
        return Found(scores, rows)


def kind_on_gpu(name: str) -> GpuKind:
    if name not in set(GpuKind):
        raise BadInput(f"no kind of shard on a GPU is named {name!r}: choose one of {', '.join(GpuKind)}")
    return GpuKind(name)
