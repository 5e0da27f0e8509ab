"""Shards at a recall that was set: speed, size and cost of building, for picture queries and text queries.

    python benchmarks/ann.py [--json] [--points 20000] [--dim 512] [--recall 0.95] [--threads 1] [--seconds 1.0]

The vectors are made up (`_joint_space.py`). Efforts are tuned on queries of their own; recall and speed are measured on
others. All systems run in one process, in turns; a speed is the best of its turns. Peers that are not installed are
left out: hnswlib and usearch.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._ann_peers import PEERS, Peer
from benchmarks._joint_space import NEIGHBOURS, JointSpace, intrinsic_dimension
from hearsee.core.vectors import Vectors
from hearsee.indexer.shards import Shard
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.choice import lists_for, parts_for
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Approximate
from hearsee.indexer.shards.tuning import Asked, breadths, lower_bound, recall_of, tune

K, BATCH, TURNS = 10, 256, 3
ASKING = ("text", "image")
ROWS, TUNING, TESTING = 1, 2, 3  # draws
Ask = Callable[[Vectors], NDArray[np.int64]]


@dataclass
class System:
    """One way to search, tuned for each kind of query."""

    name: str
    build_cpu_seconds: float
    bytes_per_vector: float
    asks: dict[str, Ask] = field(default_factory=dict)
    efforts: dict[str, str] = field(default_factory=dict)
    tune_cpu_seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Questions:
    tuning: dict[str, Vectors]
    testing: dict[str, Vectors]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print a list of rows")
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=1_000, help="to test with; half as many tune")
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement, in all turns together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--systems", nargs="*", help="only those whose names start so")
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    space = JointSpace(args.dim, args.seed)
    rows = space.vectors("image", args.points, ROWS)
    questions = Questions(
        {asking: space.vectors(asking, args.queries // 2, TUNING) for asking in ASKING},
        {asking: space.vectors(asking, args.queries, TESTING) for asking in ASKING},
    )
    exact = FlatShard.of(rows)
    if not args.json:
        told = [
            f"{a} {intrinsic_dimension(exact.nearest(q, NEIGHBOURS).scores):.1f}" for a, q in questions.testing.items()
        ]
        print(
            f"{args.points:,} × {args.dim}, recall@{K} >= {args.recall}, "
            f"{args.threads} threads, FAISS {faiss.__version__}"
        )
        print(f"local intrinsic dimension of the queries: {', '.join(told)}")
    systems = [*ours(rows, questions, args.recall), *peers(rows, questions, exact, args.recall, args.threads)]
    if args.systems:
        systems = [system for system in systems if system.name.startswith(tuple(args.systems))]
    result = measured(systems, questions.testing, exact, args.seconds)
    print(json.dumps(result)) if args.json else show(result)


def ours(rows: Vectors, questions: Questions, recall: float) -> list[System]:
    lists = lists_for(len(rows))
    kinds: dict[str, Callable[[], Shard]] = {
        Kind.EXACT: lambda: FlatShard.of(rows),
        Kind.HALF: lambda: HalfShard.of(rows),
        Kind.LISTS: lambda: ListShard.built(HalfShard.of(rows), lists, parts_for(rows.shape[1])),
        Kind.GRAPH: lambda: GraphShard.built(HalfShard.of(rows)),
        Kind.BITS: lambda: BitShard.built(HalfShard.of(rows), lists),
    }
    systems = [_bare_faiss(rows)]
    for name, make in kinds.items():
        start = process_time()
        shard: Any = make()
        system = System(f"hearsee {name}", process_time() - start, shard.bytes / len(rows))
        for asking in ASKING:
            if Kind(name) in (Kind.EXACT, Kind.HALF):
                system.asks[asking], system.efforts[asking] = _ask(shard), "all"
            else:
                _tuned(system, shard, asking, questions, recall)
        systems.append(system)
    return systems


def _bare_faiss(rows: Vectors) -> System:
    start = process_time()
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    seconds = process_time() - start

    def ask(points: Vectors) -> NDArray[np.int64]:
        found: NDArray[np.int64] = index.search(points, K)[1]
        return found

    return System(
        "faiss IndexFlatIP", seconds, 4.0 * rows.shape[1], dict.fromkeys(ASKING, ask), dict.fromkeys(ASKING, "all")
    )


def _ask(shard: Shard) -> Ask:
    return lambda points: shard.nearest(points, K).rows


def _tuned(system: System, shard: Approximate, asking: str, questions: Questions, recall: float) -> None:
    start = process_time()
    tuned = tune(shard, asking, Asked(questions.tuning[asking]), recall, K)
    system.tune_cpu_seconds[asking] = process_time() - start
    system.efforts[asking] = str(tuned.effort or "exact")
    system.asks[asking] = lambda points: shard.nearest(points, K, effort=tuned.effort).rows


def peers(rows: Vectors, questions: Questions, exact: FlatShard, recall: float, threads: int) -> list[System]:
    """Tuned as ours are: the smallest breadth whose lower bound reaches the target on the same queries."""
    systems = []
    for name, make in PEERS.items():
        start = process_time()
        peer = make(rows, threads)
        if peer is None:
            print(f"{name} is not installed: left out", file=sys.stderr)
            continue
        system = System(name, process_time() - start, peer.bytes / len(rows))
        for asking in ASKING:
            breadth = _breadth(peer, questions.tuning[asking], exact, recall)
            system.efforts[asking] = f"breadth {breadth:,}"
            system.asks[asking] = _ask_peer(peer, breadth)
        systems.append(system)
    return systems


def _ask_peer(peer: Peer, breadth: int) -> Ask:
    return lambda points: peer.search(points, K, breadth)


def _breadth(peer: Peer, queries: Vectors, exact: FlatShard, recall: float) -> int:
    best = exact.nearest(queries, K).scores
    ladder = [breadth for breadth in breadths(4096) if breadth >= K]
    for breadth in ladder:
        if lower_bound(recall_of(_scores(exact, peer.search(queries, K, breadth), queries), best, K)) >= recall:
            return breadth
    return ladder[-1]


def _scores(exact: FlatShard, rows: NDArray[np.int64], queries: Vectors) -> Vectors:
    """Cosines of what was found, all from the same float32 rows; float16 may rank near ties otherwise."""
    scores: Vectors = np.einsum("qfd,qd->qf", exact.take(rows), queries)
    return scores


def measured(
    systems: list[System], testing: dict[str, Vectors], exact: FlatShard, seconds: float
) -> list[dict[str, Any]]:
    best = {asking: exact.nearest(queries, K).scores for asking, queries in testing.items()}
    speeds: dict[tuple[str, str, int], float] = {}
    for _ in range(TURNS):
        for system in systems:
            for asking, queries in testing.items():
                for size in (1, BATCH):
                    key = (system.name, asking, size)
                    speed = _speed(system.asks[asking], queries, size, seconds / TURNS)
                    speeds[key] = max(speeds.get(key, 0.0), speed)
    result = []
    for system in systems:
        for asking, queries in testing.items():
            recalls = recall_of(_scores(exact, system.asks[asking](queries), queries), best[asking], K)
            result.append(
                {
                    "system": system.name,
                    "queries": asking,
                    "recall": round(float(recalls.mean()), 4),
                    "recall_interval": round(1.96 * float(recalls.std()) / sqrt(len(recalls)), 4),
                    "qps_single": round(speeds[system.name, asking, 1], 1),
                    "qps_batch": round(speeds[system.name, asking, BATCH], 1),
                    "build_cpu_seconds": round(system.build_cpu_seconds, 2),
                    "bytes_per_vector": round(system.bytes_per_vector),
                    "effort": system.efforts[asking],
                    "tune_cpu_seconds": round(system.tune_cpu_seconds.get(asking, 0.0), 2),
                }
            )
    return result


def _speed(ask: Ask, queries: Vectors, size: int, seconds: float) -> float:
    """Queries a second; the clock stops after the call that passes the time."""
    ask(queries[:size])
    done, at, start = 0, 0, perf_counter()
    while perf_counter() - start < seconds:
        part = queries[at : at + size]
        ask(part)
        done += len(part)
        at = at + size if at + 2 * size <= len(queries) else 0
    return done / (perf_counter() - start)


def show(result: list[dict[str, Any]]) -> None:
    print("\n| system | queries | recall | effort | single /s | batch /s | build CPU s | bytes a vector |")
    print("|---|---|---|---|---|---|---|---|")
    line = (
        "| {system} | {queries} | {recall:.4f} ± {recall_interval:.4f} | {effort} | {qps_single:,.0f} "
        "| {qps_batch:,.0f} | {build_cpu_seconds} | {bytes_per_vector:,} |"
    )
    for row in result:
        print(line.format(**row))


if __name__ == "__main__":
    main()
