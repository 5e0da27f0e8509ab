"""Reads the state a snapshot is built from, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, select

from hearsee.core.errors import NotFound
from hearsee.core.modality import Modality
from hearsee.indexer.catalog.connect import Database
from hearsee.indexer.catalog.rows import HeadsRow, PointRows, SegmentRow, ShardRow, View
from hearsee.indexer.catalog.scope import Scope
from hearsee.indexer.catalog.tables import heads, library, points, segments, shards, spaces


def read_view(database: Database, scope: Scope) -> View:
    with database.snapshot() as db:
        joined = library.join(spaces, scope.holds(spaces.c.id))
        state = db.execute(select(library.c.generation, spaces.c.heads, spaces.c.id).select_from(joined)).first()
        if state is None:
            raise NotFound(f"no library in {database.label}: index something first, as in `hearsee index FOLDER`")
        held = read_segments(db, scope)
        of_space = select(shards).where(scope.holds(shards.c.space_id)).order_by("id")
        served = tuple(_shard(row) for row in db.execute(of_space).mappings())
        covered = {id_ for shard in served for id_ in shard.segments}
        uncovered = tuple(segment.id for segment in held if segment.id not in covered)
        dead = db.scalars(select(points.c.id).where(points.c.removed.is_not(None)).order_by(points.c.id)).all()
        fresh = read_points(db, database, uncovered)
        live = next((row for row in read_heads(db, scope) if row.id == state.heads), None)
    return View(state.generation, held, served, np.array(dead, np.int64), uncovered, fresh, live, state.id)


def read_heads(db: Connection, scope: Scope) -> tuple[HeadsRow, ...]:
    chosen = select(heads).where(scope.holds(heads.c.space_id))
    return tuple(HeadsRow(*row) for row in db.execute(chosen.order_by(heads.c.id)))


def read_segments(db: Connection, scope: Scope) -> tuple[SegmentRow, ...]:
    rows = db.execute(select(segments).where(scope.holds(segments.c.space_id)).order_by(segments.c.id))
    return tuple(SegmentRow(row.id, Modality(row.modality), *row[2:]) for row in rows)


def read_points(db: Connection, database: Database, segment_ids: Sequence[int]) -> PointRows:
    if not segment_ids:
        return PointRows.of([])
    chosen = select(points.c.segment_id, points.c.row, points.c.id, points.c.item_id)
    chosen = chosen.where(database.among(points.c.segment_id, list(segment_ids)), points.c.removed.is_(None))
    return PointRows.of(db.execute(chosen.order_by(points.c.segment_id, points.c.row)).fetchall())


def _shard(row: object) -> ShardRow:
    fields = dict(row)  # type: ignore[call-overload]
    fields["modality"] = Modality(fields["modality"])
    fields["segments"] = tuple(json.loads(fields["segments"]))
    return ShardRow(**fields)
