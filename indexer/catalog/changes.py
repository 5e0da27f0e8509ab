"""Everything that one commit does to the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.core.space import Space


@dataclass(frozen=True)
class NewSegment:
    modality: Modality
    tower: str  # fingerprint of its contract
    path: str  # relative to the library's folder
    sha256: str
    bytes: int
    rows: int
    dim: int


@dataclass(frozen=True)
class NewPoint:
    segment: int  # index into Change.segments
    row: int
    span: Span | None = None


@dataclass(frozen=True)
class NewItem:
    """An item to add; one that is live under the same URI is replaced in place and keeps its id."""

    uri: str
    modality: Modality
    content: str  # SHA-256 of the bytes
    bytes: int
    source: str
    points: Sequence[NewPoint]
    caption: str | None = None
    text: str | None = None
    group: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NewFields:
    """What is written about a live item; its bytes and points stay."""

    uri: str
    source: str
    caption: str | None = None
    text: str | None = None
    group: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NewQuarantine:
    uri: str
    source: str
    reason: str
    content: str | None = None


@dataclass(frozen=True)
class MovedPoint:
    point_id: int
    segment: int  # index into Change.segments
    row: int


@dataclass(frozen=True)
class Compaction:
    """Segments that go away; their live points must have moved, their dead points go with them."""

    drop: Sequence[int]  # segment ids
    moved: Sequence[MovedPoint]


@dataclass(frozen=True)
class NewShard:
    modality: Modality
    path: str
    sha256: str
    bytes: int
    rows_path: str
    rows_sha256: str
    rows_bytes: int
    rows: int
    dim: int
    head: str  # fingerprint
    segments: Sequence[int]  # segment ids, in row order
    fresh: Sequence[int] = ()  # then these, as indexes into Change.segments


@dataclass(frozen=True)
class NewHeads:
    name: str
    space_fingerprint: str  # of the space with these heads
    path: str  # relative to the library's folder
    sha256: str
    bytes: int
    about: str  # JSON


@dataclass(frozen=True)
class Live:
    """Which heads become live: some that are there, by id, or new ones, by their place in Change.heads."""

    id: int | None = None
    fresh: int = 0
    before: int | None = None  # the same of those that were live until now: a new library's are not there yet
    before_fresh: int = 0


@dataclass(frozen=True)
class Change:
    segments: Sequence[NewSegment] = ()
    items: Sequence[NewItem] = ()
    fields: Sequence[NewFields] = ()
    remove: Sequence[int] = ()  # item ids; those that are gone already are passed over
    quarantine: Sequence[NewQuarantine] = ()
    unquarantine: Sequence[str] = ()  # URIs
    compaction: Compaction | None = None
    shards: Sequence[NewShard] | None = None  # replace every shard of the modalities they name
    heads: Sequence[NewHeads] = ()
    live: Live | None = None
    forget: Sequence[int] = ()  # heads that are not live, by id
    golden: Mapping[Modality, str] = field(default_factory=dict)  # of towers that have none
    space: Space | None = None  # to have vectors in from now on, beside the others
    serve: int | None = None  # the space that is live from now on
    leave: int | None = None  # a space that is not live: its vectors go, and items that have none elsewhere
    lost: Sequence[int] = ()  # segments whose points go, while their items stay
