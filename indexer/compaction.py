"""Segments without the rows nobody can find: live rows move into new files, one SQL transaction, old files go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.indexer.catalog import Catalog, Change, Compaction, MovedPoint, NewSegment, NewShard, ShardRow
from hearsee.indexer.segments import read_segment, write_segment
from hearsee.indexer.shards.files import Stretch, stretches

ROUND_POINTS = 100_000  # moved in one transaction at most: memory stays flat, and a writer's pause short
TARGET_BYTES = 32 << 20  # of a new segment; one with fewer than half of its rows is worth joining with others
Apply = Callable[[Change, Sequence[str]], int]  # commits, then frees the files named


@dataclass(frozen=True)
class CompactReport:
    generation: int
    segments_before: int
    segments_after: int
    rows_removed: int
    bytes_freed: int


def compact(folder: Path, catalog: Catalog, space: Space, apply: Apply, round_points: int) -> CompactReport:
    """Shards must hold every live point and no other before; they are named after the new segments, and stay."""
    before = catalog.segments()
    for modality in sorted({segment.modality for segment in before}):
        while _round(folder, catalog, space, modality, apply, round_points):
            pass
    after = catalog.segments()
    return CompactReport(
        catalog.generation(),
        len(before),
        len(after),
        sum(segment.rows for segment in before) - sum(segment.rows for segment in after),
        sum(segment.bytes for segment in before) - sum(segment.bytes for segment in after),
    )


def _round(folder: Path, catalog: Catalog, space: Space, modality: Modality, apply: Apply, round_points: int) -> bool:
    """Compact as many segments as one transaction takes; whether there is more to do."""
    view = catalog.view()
    mine = {segment.id: segment for segment in view.segments if segment.modality == modality}
    parts = dict(zip(mine, stretches(list(mine.values()), list(mine), catalog.points_of(list(mine))), strict=True))
    target = max(2, min(round_points // 2, TARGET_BYTES // (2 * space.tower(modality).dim)))  # rows
    wanting = _worth_it(parts, target)
    chosen = _first(wanting, parts, round_points)
    if not chosen:
        return False
    fresh = [_write(folder, space, modality, pieces) for pieces in _packed([parts[id_] for id_ in chosen], target)]
    segments = [segment for segment, _ in fresh]
    kept = [id_ for id_ in mine if id_ not in set(chosen)]
    served = [shard for shard in view.shards if shard.modality == modality]
    shards = [_renamed(shard, kept, len(fresh)) for shard in served] if kept or fresh else None
    moved = [
        MovedPoint(point_id, index, row)
        for index, (_, stretch) in enumerate(fresh)
        for row, point_id in enumerate(stretch.point_ids.tolist())
    ]
    obsolete = [mine[id_].path for id_ in chosen]
    if shards is None:  # nothing is left to be found
        obsolete += [path for shard in served for path in (shard.path, shard.rows_path)]
    apply(Change(segments=segments, compaction=Compaction(chosen, moved), shards=shards), obsolete)
    return len(chosen) < len(wanting)


def _renamed(shard: ShardRow, kept: Sequence[int], fresh: int) -> NewShard:
    """The same files: a shard without removed points holds what is live, wherever its segments have gone."""
    row = {name: value for name, value in vars(shard).items() if name not in ("id", "generation", "space_id")}
    return NewShard(**{**row, "segments": tuple(kept), "fresh": tuple(range(fresh))})


def _worth_it(parts: dict[int, Stretch], target: int) -> list[int]:
    """Segments with removed rows, and small ones where there are several to join."""
    dirty = [id_ for id_, part in parts.items() if len(part) < part.segment.rows]
    small = [id_ for id_, part in parts.items() if 2 * len(part) < target]
    both = sorted({*dirty, *small})
    return both if dirty or len(both) > 1 else []


def _first(wanting: Sequence[int], parts: dict[int, Stretch], round_points: int) -> list[int]:
    """As many as fit into one round, but at least one."""
    ends = np.cumsum([len(parts[id_]) for id_ in wanting])
    return list(wanting[: max(1, int(np.searchsorted(ends, round_points, side="right")))])


def _packed(parts: Sequence[Stretch], target: int) -> list[list[Stretch]]:
    """Cut and join stretches so that each list fills one new segment."""
    full: list[list[Stretch]] = []
    room = 0
    for part in parts:
        start = 0
        while start < len(part):
            if not room:
                full.append([])
                room = target
            piece = part.cut(start, start + room)
            full[-1].append(piece)
            start += len(piece)
            room -= len(piece)
    return full


def _write(folder: Path, space: Space, modality: Modality, pieces: Sequence[Stretch]) -> tuple[NewSegment, Stretch]:
    rows, dim = sum(map(len, pieces)), pieces[0].segment.dim
    blocks = (read_segment(folder, piece.segment)[piece.rows] for piece in pieces)
    published = write_segment(folder, modality, rows, dim, blocks)
    tower = space.tower(modality).contract.fingerprint
    segment = NewSegment(modality, tower, published.path, published.sha256, published.bytes, rows, dim)
    points, items = (np.concatenate(ids) for ids in zip(*((p.point_ids, p.item_ids) for p in pieces), strict=True))
    return segment, Stretch(segment, np.arange(rows, dtype=np.int64), points, items)
