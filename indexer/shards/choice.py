"""Which kind of shard suits a library, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import log2, sqrt

from hearsee.core.errors import BadInput
from hearsee.indexer.shards.kinds import Kind

EXACT_POINTS = 200_000  # up to here exact search answers in tens of milliseconds, and cannot miss
RECALL = 0.95
LISTS_PER_ROOT = 2.3  # 1,024 lists for 200,000 points
BYTES_OF_LINKS = 16 * 2 * 4 + 16  # HNSW's, with 16 links
MIB = 1 << 20


class Device(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True)
class Choice:
    """A kind of shard with its parameters, and the sentence that says why."""

    kind: Kind
    lists: int  # 0: it has none
    parts: int  # sub-vectors a code is made of; 0: it has no codes
    bytes_per_vector: int
    reason: str


def choose(
    points: int,
    dim: int,
    memory_bytes: int | None = None,
    device: Device = Device.CPU,
    recall: float = RECALL,
    kind: Kind | None = None,
) -> Choice:
    """The kind for so many points; `kind` overrules the choice, and `memory_bytes` bounds it where given."""
    if not 0 < recall <= 1:
        raise BadInput(f"a recall of {recall} cannot be aimed at: give a number above 0 and up to 1")
    if kind is not None:
        return _checked(points, dim, memory_bytes, kind, "asked for by name")
    fits = memory_bytes is None or points * bytes_per_vector(Kind.EXACT, points, dim) <= memory_bytes
    if points < EXACT_POINTS or recall == 1:
        why = (
            f"{points:,} points are fewer than {EXACT_POINTS:,}" if points < EXACT_POINTS else "a recall of 1 is asked"
        )
        if fits:
            return _checked(points, dim, memory_bytes, Kind.EXACT, f"{why}, so every one is scored")
        why += ", so every one is scored; as float32 they do not fit into memory"
        return _checked(points, dim, memory_bytes, Kind.HALF, why)
    half = points * bytes_per_vector(Kind.HALF, points, dim)
    if device is Device.GPU and (memory_bytes is None or half <= memory_bytes):
        return _checked(points, dim, memory_bytes, Kind.HALF, "a GPU scores every point in milliseconds as float16")
    why = f"{points:,} points are too many to score one by one; lists with codes are the cheapest to build"
    return _checked(points, dim, memory_bytes, Kind.LISTS, f"{why} and reach a recall of {recall:g} fastest in batches")


def bytes_per_vector(kind: Kind, points: int, dim: int) -> int:
    """Memory that a shard takes for each of its points, all of it."""
    half, number = 2 * dim, 8
    centroids = -(-lists_for(points) * 4 * dim // max(1, points))
    if kind is Kind.EXACT:
        return 4 * dim
    if kind is Kind.HALF:
        return half
    if kind is Kind.GRAPH:
        return half + BYTES_OF_LINKS
    if kind is Kind.BITS:
        return half + -(-dim // 8) + 8 + number + centroids
    return half + -(-parts_for(dim) // 2) + number + centroids


def lists_for(points: int) -> int:
    """A power of two, about 2.3 times the root of the points."""
    return max(1, 1 << round(log2(max(1.0, LISTS_PER_ROOT * sqrt(points)))))


def parts_for(dim: int) -> int:
    """All directions where they are few; of many, the five sixteenths that tell most. A code takes two."""
    return max(min(dim // 2 + 1, 64), 5 * dim // 32)


def _checked(points: int, dim: int, memory_bytes: int | None, kind: Kind, why: str) -> Choice:
    each = bytes_per_vector(kind, points, dim)
    if memory_bytes is not None and points * each > memory_bytes:
        raise BadInput(
            f"{points:,} points of {dim} dimensions take {points * each / MIB:,.0f} MiB as {kind}, "
            f"and {memory_bytes / MIB:,.0f} MiB are allowed: allow more memory"
        )
    listed = kind in (Kind.LISTS, Kind.BITS)
    lists, parts = lists_for(points) if listed else 0, parts_for(dim) if kind is Kind.LISTS else 0
    return Choice(kind, lists, parts, each, f"{kind}: {why}")
