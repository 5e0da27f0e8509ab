"""Shards that propose rows quickly and score them again exactly: what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Protocol, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Found, Shard
from hearsee.indexer.shards.allowed import Allowed, Filter
from hearsee.indexer.shards.filtering import ALIKE, SPARE, Neighbourhoods, few, score_rows, wider
from hearsee.indexer.shards.scoring import checked, nothing

FEW_SHARE = 0.01  # so small a share of all rows is scored faster than searched for, where nobody measured it
BLOCK_ROWS = 16_384
SCATTERED = 3  # how much dearer a byte is that lies anywhere in memory than one that is read in order


@dataclass(frozen=True)
class Effort:
    """How hard to look; it travels with the call and is never set on an index that others search."""

    breadth: int  # lists probed, or nodes of the graph kept in sight
    refine: int = 1  # candidates scored exactly for each row wanted
    lean: float = 0.5  # how far a list's length counts against it; 0.5 ranks lists by distance, 0 by cosine
    enough: float | None = None  # share in what could be near that a list is probed for: then breadth is a mean
    alone: int = 0  # lists probed for a query that comes alone, where breadth is a mean
    fall: float = 0.0  # how far behind another a list scores whose rows have 1/e of its rows' share
    few: int = field(default=0, compare=False)  # allowed rows that are scored while it seeks once; 0: not measured
    doubt: float = field(default=0.0, compare=False)  # how far its codes err (`sifting.py`); 0: not measured

    def __str__(self) -> str:
        leaning = "" if self.lean == 0.5 else f", lean {self.lean:g}"
        mean = "" if self.enough is None else " on average"
        return f"breadth {self.breadth:,}{mean}, refine {self.refine:,}{leaning}"


class Kept(Shard, Protocol):
    """An exact shard: the rows that every score is made of."""

    @property
    def index(self) -> Any: ...  # FAISS's index over the rows

    @property
    def bytes(self) -> int: ...


class Approximate(Shard, Protocol):
    """A shard that may miss; how often is a matter of effort, and none means exact search."""

    @property
    def kept(self) -> Kept: ...

    @property
    def effort(self) -> Effort | None: ...

    @property
    def widest(self) -> int: ...  # the largest breadth that makes a difference

    @property
    def refines(self) -> tuple[int, ...]: ...  # worth trying, cheapest first

    @property
    def leans(self) -> tuple[float, ...]: ...  # worth trying

    @property
    def bytes(self) -> int: ...  # of memory, the kept rows among them

    def efforts(self, points: Vectors, lean: float) -> list[Effort]: ...  # for such queries, ever wider

    def cost(self, effort: Effort, k: int) -> float: ...  # bytes of memory that one query passes over, roughly

    def nearest(
        self, points: Vectors, k: int, allowed: Filter | None = None, effort: Effort | None = None
    ) -> Found: ...


# (unit queries, k, effort, selector) -> scores and rows, padded with row -1 where the places searched held too few
Padded: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]
Propose: TypeAlias = Callable[[Vectors, int, Effort, "faiss.IDSelector | None"], Padded]
# (unit queries, allowed, breadth) -> the breadth that finds as much among the allowed rows as this does among all,
# and the queries that are better answered exactly: the filter forbids much of what is near to them
Widen: TypeAlias = Callable[[Vectors, Bitmap, int], tuple[int, Bitmap]]
# (queries, k, allowed) -> what exact search finds, or nearly; for queries that proposing cannot answer
Sift: TypeAlias = Callable[[Vectors, int, Filter], Found]


def answer(
    kept: Shard,
    propose: Propose,
    points: Vectors,
    k: int,
    allowed: Filter | None,
    effort: Effort | None,
    widen: Widen,
    sift: Sift | None = None,
) -> Found:
    """Propose, and answer exactly wherever proposing would find too few or cost more."""
    points = checked(points, kept.dim)
    given = None if allowed is None else Allowed.of(allowed)
    if given is not None and effort is not None and k > 0 and len(points):
        most = few(len(points), effort.few or ceil(FEW_SHARE * len(kept)), len(kept))
        rows = given.rows(max(most, 4 * k))
        if rows is not None:
            return score_rows(kept, points, k, rows, given) if len(rows) else nothing(len(points))
    count = len(kept) if given is None else given.count
    k = min(k, count)
    if k <= 0 or not len(points):
        return nothing(len(points))
    if effort is None or 4 * k >= count:
        return kept.nearest(points, k, given)
    units, lengths = scaled(points)
    if given is None:
        with by_itself(len(units)):
            scores, rows = propose(units, k, effort, None)
        seen = k
    else:
        # Asked for more than wanted, a search whose places hold hardly any allowed row is told by its padding.
        seen = min(SPARE * k, count)
        with by_itself(len(units)):
            breadth, distrusted = widen(units, given.bitmap, effort.alone or effort.breadth)
        if sift is not None and distrusted.all():
            return sift(points, k, given)
        few_each = max(1, ceil(effort.refine / SPARE))
        wide = replace(effort, breadth=breadth, refine=few_each, enough=None, alone=0)
        with by_itself(len(units)):
            scores, rows = propose(units, seen, wide, given.selector)
        rows[distrusted] = -1
    scores = np.where(rows < 0, 0, scores) * lengths  # padding scores as low as there are numbers
    return _without_padding(kept, points, k, given, scores, rows, seen, sift)


@contextmanager
def by_itself(queries: int, most: int = 1) -> Iterator[None]:
    """So few queries stay on one core: FAISS would wake the others for steps that are shorter than waking them."""
    threads = faiss.omp_get_max_threads()  # of the thread that calls; others keep theirs
    if queries > most or threads == 1:
        yield
        return
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def scaled(points: Vectors) -> tuple[Vectors, Vectors]:
    """Queries of length one, and their lengths."""  # (queries, dim), (queries, 1)
    lengths = np.sqrt(np.einsum("qd,qd->q", points, points))[:, None]
    lengths[lengths == 0] = 1  # a query without direction is as far from everything
    return points / lengths, lengths


def _without_padding(
    kept: Shard,
    points: Vectors,
    k: int,
    allowed: Allowed | None,
    scores: NDArray[np.float32],
    rows: NDArray[np.int64],
    seen: int,
    sift: Sift | None,
) -> Found:
    short = np.flatnonzero((rows[:, :seen] < 0).any(axis=1))
    scores, rows = np.ascontiguousarray(scores[:, :k]), np.ascontiguousarray(rows[:, :k])
    if len(short):
        careful = kept.nearest if allowed is None or sift is None else sift
        exact = careful(points[short], k, allowed)  # type: ignore[arg-type]
        scores[short], rows[short] = exact.scores, exact.rows
    return Found(scores, rows)


def breadths(widest: int) -> list[int]:
    """1, 2, 3, … 16, 18, 20, … 32, 36, … up to the widest: each about a tenth more than the one before."""
    steps = {widest}
    power = 1
    while power < widest:
        steps |= {min(widest, power + power * eighths // 8) for eighths in range(8)}
        power *= 2
    return sorted(steps)


def blocks(kept: Shard) -> Iterator[Vectors]:
    """All rows, a bounded number of them in memory at a time."""
    for start in range(0, len(kept), BLOCK_ROWS):
        yield kept.take(np.arange(start, min(start + BLOCK_ROWS, len(kept))))


def training_rows(kept: Shard, most: int, least: int, seed: int) -> Vectors:
    """A sample to learn lists and codes from; repeated where the shard holds fewer rows than FAISS insists on."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(kept), min(most, len(kept)), replace=False))
    return kept.take(np.resize(rows, max(least, len(rows))))


def bytes_in_lists(kept: Kept, index: Any) -> int:
    """What a shard of inverted lists holds: rows, a code and a number for each, the centroids."""
    codes = len(kept) * (int(index.code_size) + np.dtype(np.int64).itemsize)
    return kept.bytes + codes + int(index.nlist) * kept.dim * np.dtype(np.float32).itemsize


def cost_of_lists(kept: Kept, index: Any, effort: Effort, k: int) -> float:
    """Bytes read for one query: centroids, the codes of the lists probed, the rows that are scored exactly."""
    codes = min(effort.breadth, int(index.nlist)) / int(index.nlist) * len(kept) * int(index.code_size)
    rows = effort.refine * k * kept.bytes / max(1, len(kept))
    return float(int(index.nlist) * kept.dim * 4 + codes + SCATTERED * rows)


def neighbourhoods(index: Any) -> Neighbourhoods:
    """The rows of each list."""
    found = np.empty(int(index.ntotal), np.int32)
    for number in range(int(index.nlist)):
        size = int(index.invlists.list_size(number))
        if size:
            found[faiss.rev_swig_ptr(index.invlists.get_ids(number), size)] = number
    return Neighbourhoods(found, int(index.nlist))


def lists_to_probe(
    index: Any, around: Neighbourhoods, units: Vectors, allowed: Bitmap, breadth: int
) -> tuple[int, Bitmap]:
    """As many more lists as a filter at random calls for, and the queries around which it is not one."""
    lists = int(index.nlist)
    share = np.count_nonzero(allowed) / len(allowed)
    _, nearest = index.quantizer.search(units, min(breadth, lists))
    return min(lists, wider(breadth, share)), around.shares(allowed, nearest) < ALIKE * share
