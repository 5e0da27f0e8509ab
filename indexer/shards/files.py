"""Shards on disk: unit rows of the shared space, and beside them what each row stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.arrays import publish_array, read_array
from hearsee.indexer.catalog import NewShard, PointRows, ShardRow
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.segments import Segment, read_segment
from hearsee.indexer.shards.flat import FlatShard

FOLDER = "shards"
VECTORS = "<f4"
IDS = "<i8"
BLOCK_ROWS = 16_384


@dataclass(frozen=True)
class Stretch:
    """The live points of one segment, ordered by row."""

    segment: Segment
    rows: Ids
    point_ids: Ids
    item_ids: Ids

    def __len__(self) -> int:
        return len(self.rows)

    def cut(self, start: int, stop: int) -> Stretch:
        part = slice(start, stop)
        return Stretch(self.segment, self.rows[part], self.point_ids[part], self.item_ids[part])


def stretches(segments: Sequence[Segment], ids: Sequence[int], points: PointRows) -> list[Stretch]:
    """Cut points, which are ordered by segment, into one stretch a segment."""
    result = []
    for segment, id_ in zip(segments, ids, strict=True):
        part = slice(*np.searchsorted(points.segment_ids, [id_, id_ + 1]).tolist())
        result.append(Stretch(segment, points.rows[part], points.point_ids[part], points.item_ids[part]))
    return result


def projected(root: Path, space: Space, modality: Modality, stretch: Stretch) -> Iterator[Vectors]:
    """The stretch's rows in the shared space, a block at a time."""
    if not len(stretch):
        return
    backbone = read_segment(root, stretch.segment)
    for start in range(0, len(stretch), BLOCK_ROWS):
        rows = stretch.rows[start : start + BLOCK_ROWS]
        yield space.project(modality, backbone[rows].astype(np.float32))


def write_shard(
    root: Path,
    space: Space,
    modality: Modality,
    parts: Sequence[Stretch],
    segment_ids: Sequence[int],
    fresh: Sequence[int] = (),
) -> NewShard:
    """Publish a shard of the parts' live rows; `segment_ids`, then `fresh`, name the parts for the catalog."""
    count = sum(len(part) for part in parts)
    path = f"{FOLDER}/{modality}-{uuid4().hex}"
    vectors = (block for part in parts for block in projected(root, space, modality, part))
    matrix = publish_array(root, f"{path}.npy", (count, space.dim), VECTORS, vectors)
    ids = (np.stack([part.point_ids, part.item_ids], axis=1) for part in parts)
    rows = publish_array(root, f"{path}.points.npy", (count, 2), IDS, ids)
    return NewShard(
        modality=modality,
        path=matrix.path,
        sha256=matrix.sha256,
        bytes=matrix.bytes,
        rows_path=rows.path,
        rows_sha256=rows.sha256,
        rows_bytes=rows.bytes,
        rows=count,
        dim=space.dim,
        head=space.head(modality).fingerprint,
        segments=tuple(segment_ids),
        fresh=tuple(fresh),
    )


def read_shard(root: Path, row: ShardRow | NewShard) -> tuple[FlatShard, Ids, Ids]:
    """The shard, its point ids and its item ids; every byte is hashed before it is used."""
    ids = _ids(root, row)

    def fill(matrix: Vectors) -> None:
        read_array(root / row.path, row.sha256, matrix.shape, VECTORS, matrix)

    shard = FlatShard.filled(row.rows, row.dim, fill)
    return shard, np.ascontiguousarray(ids[:, 0]), np.ascontiguousarray(ids[:, 1])


def point_ids_of(root: Path, row: ShardRow | NewShard) -> Ids:
    return np.ascontiguousarray(_ids(root, row)[:, 0])


def item_ids_of(root: Path, row: ShardRow | NewShard) -> Ids:
    return np.ascontiguousarray(_ids(root, row)[:, 1])


def _ids(root: Path, row: ShardRow | NewShard) -> Ids:
    ids = np.empty((row.rows, 2), IDS)
    read_array(root / row.rows_path, row.rows_sha256, ids.shape, IDS, ids)
    return ids
