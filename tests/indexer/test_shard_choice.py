"""The planner of shards chooses by points, memory, device and recall, and says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hearsee.core.errors import BadInput
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.choice import Device, bytes_per_vector, choose, lists_for, parts_for
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.lists import ListShard
from tests.indexer.test_shards import directions

GIB = 1 << 30


@pytest.mark.parametrize(
    ("points", "memory", "device", "recall", "kind", "because"),
    [
        (0, None, Device.CPU, 0.95, Kind.EXACT, "0 points are fewer than 200,000"),
        (199_999, None, Device.CPU, 0.95, Kind.EXACT, "every one is scored"),
        (100_000, GIB // 8, Device.CPU, 0.95, Kind.HALF, "do not fit into memory"),
        (200_000, None, Device.CPU, 0.95, Kind.LISTS, "too many to score one by one"),
        (200_000, None, Device.CPU, 1.0, Kind.EXACT, "a recall of 1 is asked"),
        (10_000_000, None, Device.GPU, 0.95, Kind.HALF, "a GPU scores every point"),
        (10_000_000, 12 * GIB, Device.GPU, 0.95, Kind.HALF, "a GPU"),
    ],
)
def test_the_kind_and_its_reason(
    points: int, memory: int | None, device: Device, recall: float, kind: Kind, because: str
) -> None:
    choice = choose(points, 512, memory, device, recall)
    assert choice.kind is kind
    assert because in choice.reason
    assert choice.reason.startswith(kind)


def test_a_kind_asked_for_by_name_is_taken() -> None:
    choice = choose(50, 16, kind=Kind.GRAPH)
    assert (choice.kind, choice.reason) == (Kind.GRAPH, "hnsw: asked for by name")


def test_too_little_memory_is_said_in_numbers() -> None:
    with pytest.raises(BadInput, match=r"1,000,000 points of 512 .* 1,027 MiB as ivf-pq4, and 1,024 MiB are allowed"):
        choose(1_000_000, 512, GIB)


@pytest.mark.parametrize("recall", [0.0, -1.0, 1.01])
def test_a_recall_that_is_none_is_refused(recall: float) -> None:
    with pytest.raises(BadInput, match="cannot be aimed at"):
        choose(10, 16, recall=recall)


def test_lists_and_parts() -> None:
    assert lists_for(200_000) == 1024
    assert lists_for(1) == 2
    assert [parts_for(dim) for dim in (768, 512, 64, 9, 1)] == [120, 80, 33, 5, 1]


@pytest.mark.parametrize("kind", list(Kind))
def test_the_bytes_foretold_are_those_taken(kind: Kind) -> None:
    rows = directions(4_000, 64)
    kept = HalfShard.of(rows)
    lists = lists_for(len(rows))
    make: dict[Kind, Callable[[], FlatShard | HalfShard | ListShard | GraphShard | BitShard]] = {
        Kind.EXACT: lambda: FlatShard.of(rows),
        Kind.HALF: lambda: kept,
        Kind.LISTS: lambda: ListShard.built(kept, lists, parts_for(64)),
        Kind.GRAPH: lambda: GraphShard.built(kept),
        Kind.BITS: lambda: BitShard.built(kept, lists),
    }
    assert make[kind]().bytes / len(rows) == pytest.approx(bytes_per_vector(kind, len(rows), 64), rel=0.06)


def test_half_the_bytes_of_hnswlib_at_200_000_points_of_512() -> None:
    assert choose(200_000, 512).bytes_per_vector <= 0.55 * 2_197
