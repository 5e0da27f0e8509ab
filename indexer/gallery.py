"""All live points of one modality, searched and folded to items; exactly, unless a shard has leave to miss."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards import Shard
from hearsee.indexer.shards.allowed import Allowed

Ids: TypeAlias = NDArray[np.int64]
Near: TypeAlias = tuple[float, int, int]  # score, item id, point id

SPARE = 8  # rows asked for beyond k, so that ties at the border seldom need a second look
FEW_SPARE = 2  # the same where a shard may miss: each row beyond k costs it as many candidates as the others
MOSTLY = 0.8  # above this share of allowed rows, searching all and dropping a few beats a selector
FEW_ITEMS = 16  # rows for each item that a filter names, from which on looking the items up is quicker
MOST_FILTERS = 16  # whose rows are kept for the next question
MOST_BYTES = 1 << 24  # of them, at a byte a row of the shard
BLOCK_ELEMENTS = 1 << 23  # numbers gathered at once when candidates are scored again: 64 MiB of float64


@dataclass(frozen=True)
class Source:
    """A shard and what its rows stand for."""

    shard: Shard
    point_ids: Ids  # (rows,)
    item_ids: Ids  # (rows,)
    alive: Bitmap | None = None  # none: every row
    asked: Mapping[Modality, Shard] = field(default_factory=dict)  # the shard at what was proved for who asks
    # The items that were asked about last, each array by what it is and not by what it says, and the rows they have.
    _known: OrderedDict[int, tuple[Ids, Allowed]] = field(
        default_factory=OrderedDict, init=False, repr=False, compare=False
    )
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def shard_for(self, asking: Modality | None) -> Shard:
        """Who is not known to ask gets what does for everybody."""
        return self.shard if asking is None else self.asked.get(asking, self.shard)

    def among(self, items: Ids | None) -> Allowed | None:
        """Which rows may be found; none for all of them."""
        if items is None:
            return self._living
        if items.flags.writeable:
            return self._allowed(items)
        with self._lock:
            known = self._known.pop(id(items), None)
        if known is None:
            known = items, self._allowed(items)
        with self._lock:  # what nobody can change is looked up once, and what was made of it stays with it
            self._known[id(items)] = known
            while len(self._known) > max(1, min(MOST_FILTERS, MOST_BYTES // max(1, len(self.item_ids)))):
                self._known.popitem(last=False)
        return known[1]

    def _allowed(self, items: Ids) -> Allowed:
        if FEW_ITEMS * len(items) < len(self.item_ids):
            rows = np.unique(self._rows_of(items))
            return Allowed.only(rows if self.alive is None else rows[self.alive[rows]], len(self.item_ids))
        allowed: Bitmap = np.isin(self.item_ids, items)
        return Allowed.of(allowed if self.alive is None else allowed & self.alive)

    def _rows_of(self, items: Ids) -> Ids:
        """Looked up where the ids lie in order, instead of holding every row against them."""
        order, ids = self._in_order
        starts, ends = np.searchsorted(ids, items, "left"), np.searchsorted(ids, items, "right")
        counts = ends - starts  # an item may have many points, or none here
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows: Ids = order[np.repeat(starts, counts) + within]
        return rows

    @cached_property
    def _in_order(self) -> tuple[Ids, Ids]:
        order = np.argsort(self.item_ids, kind="stable")
        return order, self.item_ids[order]

    @cached_property
    def _living(self) -> Allowed | None:
        return None if self.alive is None else Allowed.of(self.alive)

    @property
    def live(self) -> int:
        return len(self.point_ids) if self._living is None else self._living.count

    @property
    def live_items(self) -> Ids:
        return self.item_ids if self.alive is None else self.item_ids[self.alive]


@dataclass(frozen=True)
class Candidates:
    """Rows worth ranking, and what the rows not among them score at most."""

    scores: NDArray[np.float32]  # (queries, candidates), -inf where there is none
    items: Ids
    points: Ids
    ceiling: NDArray[np.float32]  # (queries,), -inf where every allowed row is a candidate


@dataclass(frozen=True)
class Gallery:
    """Immutable; the same vectors give the same answer however they are spread over sources."""

    dim: int
    sources: Sequence[Source]

    @cached_property
    def points(self) -> int:
        return sum(source.live for source in self.sources)

    @cached_property
    def items(self) -> int:
        return len(self._item_ids)

    def holds(self, items: Ids) -> Bitmap:
        """Which of the items have a live point here."""
        places = np.searchsorted(self._item_ids, items)
        places[places == len(self._item_ids)] = 0
        held: Bitmap = self._item_ids[places] == items if len(self._item_ids) else np.zeros(len(items), np.bool_)
        return held

    @cached_property
    def _item_ids(self) -> Ids:
        """Of all live points, each once, ascending."""
        ids = [source.live_items for source in self.sources]
        return np.unique(np.concatenate(ids)) if ids else np.empty(0, np.int64)

    @cached_property
    def exact(self) -> bool:
        """Whether no shard may miss: those that may have an effort."""
        shards = [shard for source in self.sources for shard in (source.shard, *source.asked.values())]
        return all(getattr(shard, "effort", None) is None for shard in shards)

    def nearest(
        self, points: Vectors, k_items: int, allowed_items: Ids | None = None, asking: Modality | None = None
    ) -> list[list[Near]]:
        """For each query its best k items, each by its best point; equal scores in order of item id.

        `asking` is the modality of the queries, where they have one: a shard that may miss looks as hard as it needs.
        """
        chosen = [(source, source.among(allowed_items)) for source in self.sources]
        sources = [(source, among) for source, among in chosen if (source.live if among is None else among.count)]
        k = min(k_items, self.items)
        if k <= 0 or not sources:
            return [[] for _ in points]
        ask = k * -(-self.points // self.items) + (SPARE if self.exact else FEW_SPARE)
        return self._until_complete(points, k, ask, sources, asking)

    def _until_complete(
        self,
        points: Vectors,
        k: int,
        ask: int,
        sources: list[tuple[Source, Allowed | None]],
        by: Modality | None,
    ) -> list[list[Near]]:
        """Ask for more rows wherever the answer could still change."""
        answers: list[list[Near]] = [[] for _ in points]
        pending, rounding = np.arange(len(points)), _rounding(points)
        while len(pending):
            asking = points[pending]
            candidates = _beside([_candidates(source, asking, ask, among, by) for source, among in sources])
            ranked = _fold(candidates, k, one_each=self.points == self.items)
            done = _complete(ranked, candidates.ceiling, k, rounding[pending])
            for place, near in zip(pending[done].tolist(), _lists(ranked, done), strict=True):
                answers[place] = near
            pending = pending[~done]
            ask *= 4
        return answers


def _candidates(source: Source, points: Vectors, ask: int, allowed: Allowed | None, by: Modality | None) -> Candidates:
    """A shard proposes; what it proposes is scored again in double precision, so that every shard agrees to the bit."""
    shard = source.shard_for(by)
    count = len(shard) if allowed is None else allowed.count
    sifted = allowed is not None and count > MOSTLY * len(shard)  # search all, then drop
    found = shard.nearest(points, ask, None if sifted else allowed)
    rows = found.rows  # (queries, found)
    scores = _cosines(shard, rows, points)
    if sifted and allowed is not None:
        scores[~allowed.bitmap[rows]] = -np.inf
    whole = rows.shape[1] >= (len(shard) if sifted else count)
    ceiling = np.full(len(points), -np.inf, np.float32) if whole else found.scores[:, -1]
    return Candidates(scores, source.item_ids[rows], source.point_ids[rows], ceiling)


def _cosines(shard: Shard, rows: Ids, points: Vectors) -> NDArray[np.float32]:
    # (queries, found, dim) · (queries, dim) -> (queries, found); products of two float32 are exact in float64
    scores = np.empty(rows.shape, np.float32)
    step = max(1, BLOCK_ELEMENTS // max(1, points.size))
    for start in range(0, rows.shape[1], step):
        part = slice(start, start + step)
        scores[:, part] = np.einsum("qfd,qd->qf", shard.take(rows[:, part]), points, dtype=np.float64)
    return scores


def _beside(parts: list[Candidates]) -> Candidates:
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        np.concatenate([part.scores for part in parts], axis=1),
        np.concatenate([part.items for part in parts], axis=1),
        np.concatenate([part.points for part in parts], axis=1),
        np.max([part.ceiling for part in parts], axis=0),
    )


def _fold(found: Candidates, k: int, one_each: bool) -> Candidates:
    """Keep the best point of each item, then the best k items."""
    if not one_each:
        found = _ordered(found, np.lexsort((found.points, -found.scores, found.items), axis=-1))
        again = found.items[:, 1:] == found.items[:, :-1]
        found.scores[:, 1:][again] = -np.inf
    elif (found.scores[:, 1:] < found.scores[:, :-1]).all():  # as most shards bring them
        return Candidates(found.scores[:, :k], found.items[:, :k], found.points[:, :k], found.ceiling)
    return _ordered(found, np.lexsort((found.items, -found.scores), axis=-1)[:, :k])


def _ordered(found: Candidates, order: NDArray[np.intp]) -> Candidates:
    row = np.arange(len(order))[:, None]
    return Candidates(found.scores[row, order], found.items[row, order], found.points[row, order], found.ceiling)


def _complete(ranked: Candidates, ceiling: NDArray[np.float32], k: int, rounding: NDArray[np.float32]) -> Bitmap:
    """Whether no row left out could enter the answer, whatever its score was rounded to."""
    whole: Bitmap = np.isneginf(ceiling)
    if ranked.scores.shape[1] >= k:
        whole |= ranked.scores[:, k - 1] > ceiling + rounding
    return whole


def _rounding(points: Vectors) -> NDArray[np.float32]:
    """How far a float32 scalar product of unit rows may lie from the true one: at most dim roundings, and our own."""
    lengths: NDArray[np.float32] = np.sqrt(np.einsum("qd,qd->q", points, points))
    return lengths * np.float32((points.shape[1] + 2) * 2.0**-24)


def _lists(ranked: Candidates, done: Bitmap) -> list[list[Near]]:
    scores, items, points = ranked.scores[done], ranked.items[done], ranked.points[done]
    counts = np.count_nonzero(scores > -np.inf, axis=1).tolist()
    rows = zip(counts, scores.tolist(), items.tolist(), points.tolist(), strict=True)
    return [list(zip(s[:n], i[:n], p[:n], strict=True)) for n, s, i, p in rows]
