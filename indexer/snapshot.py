"""What search reads: one generation of a library, whole and unchanging."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hearsee.core.errors import Busy, Damaged
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.catalog import Catalog, SegmentRow, ShardRow, View
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.gallery import Gallery, Source
from hearsee.indexer.heads import live_space
from hearsee.indexer.lock import opening
from hearsee.indexer.shards.files import Stretch, projected, read_shard, stretches
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.ledger import fastest

log = logging.getLogger(__name__)
TRIES = 20


@dataclass(frozen=True)
class Fresh:
    """The vectors of one segment as the last snapshot held them, so that the next need not read them again."""

    point_ids: Ids
    vectors: Vectors


@dataclass(frozen=True)
class Snapshot:
    generation: int
    parts: Mapping[Modality, Gallery]
    space: Space  # with the heads that its vectors were projected by
    space_id: int = 1
    # For the next snapshot: sources by the path of their shard, vectors by the path of their segment.
    served: Mapping[str, Source] = field(default_factory=dict, repr=False)
    fresh: Mapping[str, Fresh] = field(default_factory=dict, repr=False)


class MovedError(Exception):
    """A commit came in between two questions to the catalog."""


def load_snapshot(
    folder: Path, catalog: Catalog, space_of: Callable[[int], Space], previous: Snapshot | None
) -> Snapshot:
    """The newest generation; reuses what the previous snapshot has in memory and never changes it.

    `space_of` gives a space's towers by its id; the snapshot's own has the heads that are live in its generation.
    """
    with opening(folder):  # files named by the view stay until we are done
        for _ in range(TRIES):
            try:
                view = catalog.view()
                live = live_space(folder, view.heads, space_of(view.space_id))
                usable = previous if previous is not None and previous.space.fingerprint == live.fingerprint else None
                return _Loading(folder, catalog, live, view, usable).snapshot()
            except MovedError:
                continue
    raise Busy(f"library {folder} changed {TRIES} times while it was being opened: try again")


class _Loading:
    """One attempt at one generation."""

    def __init__(self, folder: Path, catalog: Catalog, space: Space, view: View, previous: Snapshot | None) -> None:
        self._folder = folder
        self._catalog = catalog
        self._space = space
        self._view = view
        self._before = previous or Snapshot(-1, {}, space)
        self._served: dict[str, Source] = {}
        self._fresh: dict[str, Fresh] = {}

    def snapshot(self) -> Snapshot:
        modalities = sorted({segment.modality for segment in self._view.segments})
        parts = {modality: self._gallery(modality) for modality in modalities}
        view = self._view
        return Snapshot(view.generation, parts, self._space, view.space_id, self._served, self._fresh)

    def _gallery(self, modality: Modality) -> Gallery:
        sources, rebuild = [], []
        for row in self._view.shards:
            if row.modality == modality:
                source = self._source(row)
                sources += [source] if source else []
                rebuild += [] if source else list(row.segments)
        delta = self._delta(modality, rebuild)
        return Gallery(self._space.dim, [*sources, delta] if len(delta.point_ids) else sources)

    def _source(self, row: ShardRow) -> Source | None:
        source = self._before.served.get(row.path) or self._read(row)
        if source is None:
            return None
        dead = np.isin(source.point_ids, self._view.dead)
        source = replace(source, alive=~dead if dead.any() else None)
        self._served[row.path] = source
        return source

    def _read(self, row: ShardRow) -> Source | None:
        if row.head != self._space.head(row.modality).fingerprint or row.dim != self._space.dim:
            log.warning("shard %s was made with other heads: using its segments instead", self._folder / row.path)
            return None
        try:
            rows, point_ids, item_ids = read_shard(self._folder, row)
            shard, asked = fastest(self._folder, row.sha256, rows)
            return Source(shard, point_ids, item_ids, asked=asked)
        except Damaged as damaged:
            log.warning("%s; until then its segments are used instead", damaged)
            return None

    def _delta(self, modality: Modality, rebuild: Sequence[int]) -> Source:
        """The live points of all segments that no readable shard covers."""
        mine = [segment for segment in self._view.segments if segment.modality == modality]
        fresh = [segment for segment in mine if segment.id in set(self._view.uncovered)]
        parts = stretches(fresh, [segment.id for segment in fresh], self._view.fresh)
        if rebuild:
            parts = self._points_of([segment for segment in mine if segment.id in set(rebuild)]) + parts
        parts = [part for part in parts if len(part)]
        count = sum(len(part) for part in parts)

        def fill(matrix: Vectors) -> None:
            at = 0
            for part in parts:
                self._project(modality, part, matrix[at : at + len(part)])
                at += len(part)

        shard = FlatShard.filled(count, self._space.dim, fill)
        empty = [np.empty(0, np.int64)]
        return Source(
            shard,
            np.concatenate(empty + [part.point_ids for part in parts]),
            np.concatenate(empty + [part.item_ids for part in parts]),
        )

    def _points_of(self, segments: Sequence[SegmentRow]) -> list[Stretch]:
        ids = [segment.id for segment in segments]
        points = self._catalog.points_of(ids)
        if self._catalog.generation() != self._view.generation:
            raise MovedError
        return stretches(segments, ids, points)

    def _project(self, modality: Modality, part: Stretch, into: Vectors) -> None:
        known = self._before.fresh.get(part.segment.path)
        if known is None:
            at = 0
            for block in projected(self._folder, self._space, modality, part):
                into[at : at + len(block)] = block
                at += len(block)
        else:  # points only ever leave a segment, so those that are left are among those we know
            order = np.argsort(known.point_ids)
            into[:] = known.vectors[order[np.searchsorted(known.point_ids, part.point_ids, sorter=order)]]
        self._fresh[part.segment.path] = Fresh(part.point_ids, into)
