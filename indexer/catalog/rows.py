"""What the catalog answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality

Ids: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class LibraryInfo:
    library_id: str
    space: str
    space_fingerprint: str
    dim: int
    generation: int
    format: int
    heads: int | None  # the live ones; none: those that the space itself has
    heads_before: int | None
    space_id: int


@dataclass(frozen=True)
class SpaceRow:
    """One of the spaces that the library has vectors in."""

    id: int
    name: str
    fingerprint: str  # with the heads that the space itself has
    dim: int
    generation: int
    live: bool
    missing: int  # live items without a vector in it
    points: int
    segments: int
    bytes: int


@dataclass(frozen=True)
class Known:
    """A live item as an ingest needs it: to tell unchanged from updated."""

    id: int
    content: str
    modality: Modality
    source: str
    fields_hash: str  # see facts.fields_hash


@dataclass(frozen=True)
class Placed:
    """Where a point of equal bytes lies."""

    segment_id: int
    row: int
    span: Span | None


@dataclass(frozen=True)
class Quarantined:
    uri: str
    source: str
    content: str | None
    reason: str
    count: int
    generation: int


@dataclass(frozen=True)
class SegmentRow:
    id: int
    modality: Modality
    tower: str
    path: str
    sha256: str
    bytes: int
    rows: int
    dim: int
    generation: int
    space_id: int = 1


@dataclass(frozen=True)
class ShardRow:
    id: int
    modality: Modality
    path: str
    sha256: str
    bytes: int
    rows_path: str
    rows_sha256: str
    rows_bytes: int
    rows: int
    dim: int
    head: str
    segments: tuple[int, ...]
    generation: int
    space_id: int = 1


@dataclass(frozen=True)
class HeadsRow:
    id: int
    name: str
    space_fingerprint: str
    path: str
    sha256: str
    bytes: int
    about: str  # JSON
    generation: int
    space_id: int = 1


@dataclass(frozen=True)
class PointRows:
    """Live points, column by column, ordered by (segment, row)."""

    segment_ids: Ids
    rows: Ids
    point_ids: Ids
    item_ids: Ids

    def __len__(self) -> int:
        return len(self.point_ids)

    @classmethod
    def of(cls, rows: Sequence[Any]) -> PointRows:
        table = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 4)
        return cls(*(np.ascontiguousarray(table[:, column]) for column in range(4)))


@dataclass(frozen=True)
class View:
    """The catalog at one generation: what a snapshot is built from."""

    generation: int
    segments: tuple[SegmentRow, ...]
    shards: tuple[ShardRow, ...]
    dead: Ids  # points removed and not yet compacted away, ascending
    uncovered: tuple[int, ...]  # segments that no shard holds
    fresh: PointRows  # their live points
    heads: HeadsRow | None  # the live ones; none: those that the space itself has
    space_id: int = 1
