"""Shards at a recall that was set, beside other people's: speed, size and cost of building.

    python benchmarks/ann.py [--json] [--points 200000] [--dim 512] [--recall 0.95] [--threads 1 2] [--seconds 1.0]
        [--seeds 0 1 2] [--only hearsee hnswlib …] [--no-peers] [--library] [--data FOLDER]
    python benchmarks/ann.py --exact        # exact search beside IndexFlatIP
    python benchmarks/ann.py --targets [--seeds 0 1 2]      # the recall that fresh queries reach when it is set
    python benchmarks/ann.py --grow 50000 200000 500000 2000000     # building and searching against N, with a plot

The vectors are made up (`_joint_space.py`) or read from a folder with `images.npy` and `lvis_names.npy`. Efforts are
tuned on queries of their own, all by one ladder; recall and speed are measured on others. All systems run in one
process, in turns; a speed is the best of its turns, of processor time for one thread and of the clock for more.
Beneath the table stands what was asked, for the kind of shard that a library of this size gets; `--library` adds what
`ann_library.py` measures.
Peers are installed into `build/bench/peers`; what cannot be had is named under the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from math import sqrt
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._ann_exact import exact_search, show_exact
from benchmarks._ann_figures import Figure, ahead, exact_figures, figures, library_figures, show_figures
from benchmarks._ann_growth import grown, show_growth
from benchmarks._ann_peers import PEERS, Peer, compressed, install, sweep
from benchmarks._ann_targets import reached, show_reached
from benchmarks._joint_space import NEIGHBOURS, JointSpace, intrinsic_dimension
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.choice import EXACT_POINTS, choose, lists_for, parts_for
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Effort
from hearsee.indexer.shards.tuning import Asked, lower_bound, recall_of, tune

K, BATCH, TURNS = 10, 256, 3
BUILDERS = 2  # threads that build; what they cost is counted in processor time
FEW = 64  # queries are enough of what is slow
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
    threads: Callable[[int], object] = faiss.omp_set_num_threads
    slow: bool = False  # a sample of the queries is enough of it


@dataclass(frozen=True)
class World:
    """Rows to find, and queries of each kind to tune and to test with."""

    rows: Vectors
    tuning: dict[str, Vectors]
    testing: dict[str, Vectors]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print a list of rows")
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=1_000, help="to test with, and as many to tune with")
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement, in all turns together")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a world for each, one after the other")
    parser.add_argument("--only", nargs="*", help="only those whose names start so")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--library", action="store_true", help="a library beside LanceDB, too: `ann_library.py`")
    parser.add_argument("--data", type=Path, help="a folder of real vectors instead of made-up ones")
    parser.add_argument("--exact", action="store_true", help="measure exact search")
    parser.add_argument("--targets", action="store_true", help="measure the recall reached at 0.8, 0.9, 0.95 and 0.99")
    parser.add_argument("--grow", type=int, nargs="+", help="build and search so many points, block by block")
    args = parser.parse_args()
    faiss.omp_set_num_threads(1)
    if args.grow:
        growth = grown(args.dim, args.seeds[0], args.grow, args.recall)
        return print(json.dumps(growth)) if args.json else show_growth(growth)
    if args.exact or args.targets:
        return beside(args)
    missing = {} if args.no_peers else install()
    if not args.no_peers and "scalable-vs" not in missing and (why := compressed()):
        missing["scalable-vs with compressed rows"] = why
    rows, runs = [], []
    for seed in args.seeds:
        found, asked = compared(args, seed, missing)
        rows += [{**row, "seed": seed} for row in found]
        runs.append(asked)
    sweep()
    if args.json:
        return print(json.dumps(rows))
    if any(runs):
        show_figures(runs)
    for package, why in missing.items():
        print(f"{package} is left out: {why}")
    return None


def compared(args: argparse.Namespace, seed: int, missing: dict[str, str]) -> tuple[list[dict[str, Any]], list[Figure]]:
    """One world's table, printed, and what it says of what was asked."""
    world = world_of(args, seed)
    exact = FlatShard.of(world.rows)
    wanted = tuple(args.only or [""])
    systems = ours(world, args.recall, wanted)
    systems += [] if args.no_peers else peers(world, exact, args.recall, wanted, missing)
    found = measured(systems, world.testing, exact, args.threads, args.seconds)
    if not args.json:
        told = [f"{a} {intrinsic_dimension(exact.nearest(q, NEIGHBOURS).scores):.1f}" for a, q in world.testing.items()]
        rows, dim = world.rows.shape
        print(f"\n{rows:,} × {dim}, seed {seed}, recall@{K} >= {args.recall}, FAISS {faiss.__version__}")
        print(f"local intrinsic dimension of the queries: {', '.join(told)}")
        show(found)
    chosen = f"hearsee {choose(max(EXACT_POINTS, len(world.rows)), world.rows.shape[1], recall=args.recall).kind}"
    if not any(row["system"] == chosen for row in found):
        return found, []
    asked = figures(found, chosen, args.recall)
    if "hearsee exact".startswith(wanted):
        asked += exact_figures(exact_search(world.rows, exact, world.testing["text"]))
    if args.library and "lancedb" not in missing:
        command = [sys.executable, str(Path(__file__).with_name("ann_library.py")), "--json"]
        command += ["--points", str(args.points), "--dim", str(args.dim), "--recall", str(args.recall)]
        asked += library_figures(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    if not args.json:
        print("\n" + "\n".join(ahead(found, chosen) or [f"nobody is ahead of {chosen}"]))
    return found, asked


def beside(args: argparse.Namespace) -> None:
    """Exact search, or recall that was set."""
    result = []
    for seed in args.seeds:
        world = world_of(args, seed)
        exact = FlatShard.of(world.rows)
        if args.exact:
            result += exact_search(world.rows, exact, world.testing["text"])
            continue
        missing = {kind: make for kind, make in kinds(world.rows).items() if Kind(kind) not in (Kind.EXACT, Kind.HALF)}
        result += reached(missing, exact, world.tuning, world.testing, seed)
    if args.json:
        print(json.dumps(result))
    else:
        show_exact(result) if args.exact else show_reached(result)


def world_of(args: argparse.Namespace, seed: int) -> World:
    return real(args.data, seed) if args.data else made_up(args.points, args.dim, args.queries, seed)


def made_up(points: int, dim: int, queries: int, seed: int) -> World:
    space = JointSpace(dim, seed)
    tuning = {asking: space.vectors(asking, queries, TUNING) for asking in ASKING}
    testing = {asking: space.vectors(asking, queries, TESTING) for asking in ASKING}
    return World(space.vectors("image", points, ROWS), tuning, testing)


def real(folder: Path, seed: int) -> World:
    """Half of the names tune and half test; of the pictures a fifth asks and is not among what is found."""
    rng = np.random.default_rng(seed)
    pictures, names = (
        unit(rng.permutation(np.load(folder / name, allow_pickle=False).astype(np.float32)))
        for name in ("images.npy", "lvis_names.npy")
    )
    asking = len(pictures) // 5
    return World(
        pictures[asking:],
        {"text": names[::2], "image": pictures[: asking // 2]},
        {"text": names[1::2], "image": pictures[asking // 2 : asking]},
    )


def kinds(rows: Vectors) -> dict[str, Callable[[], Any]]:
    lists = lists_for(len(rows))
    return {
        Kind.EXACT: lambda: FlatShard.of(rows),
        Kind.HALF: lambda: HalfShard.of(rows),
        Kind.LISTS: lambda: ListShard.built(HalfShard.of(rows), lists, parts_for(rows.shape[1])),
        Kind.GRAPH: lambda: GraphShard.built(HalfShard.of(rows)),
        Kind.BITS: lambda: BitShard.built(HalfShard.of(rows), lists),
    }


def ours(world: World, recall: float, wanted: tuple[str, ...]) -> list[System]:
    systems = [_bare_faiss(world.rows)] if "faiss IndexFlatIP".startswith(wanted) else []
    for name, make in kinds(world.rows).items():
        if not f"hearsee {name}".startswith(wanted):
            continue
        start = process_time()
        shard = make()
        system = System(f"hearsee {name}", process_time() - start, shard.bytes / len(world.rows))
        for asking in ASKING:
            if Kind(name) in (Kind.EXACT, Kind.HALF):
                system.asks[asking], system.efforts[asking] = _ask(shard, None), "all"
                continue
            start = process_time()
            tuned = tune(shard, asking, Asked(world.tuning[asking]), recall, K)
            system.tune_cpu_seconds[asking] = process_time() - start
            system.efforts[asking] = str(tuned.effort or "exact")
            system.asks[asking] = _ask(shard, tuned.effort)
        systems.append(system)
    return systems


def _ask(shard: Any, effort: Effort | None) -> Ask:
    if effort is None:
        return lambda points: shard.nearest(points, K).rows
    return lambda points: shard.nearest(points, K, effort=effort).rows


def _bare_faiss(rows: Vectors) -> System:
    start = process_time()
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    seconds = process_time() - start

    def ask(points: Vectors) -> NDArray[np.int64]:
        found: NDArray[np.int64] = index.search(points, K)[1]
        return found

    asks: dict[str, Ask] = dict.fromkeys(ASKING, ask)
    return System("faiss IndexFlatIP", seconds, 4.0 * rows.shape[1], asks, dict.fromkeys(ASKING, "all"))


def peers(
    world: World, exact: FlatShard, recall: float, wanted: tuple[str, ...], missing: dict[str, str]
) -> list[System]:
    """Tuned as ours are: the smallest breadth whose lower bound reaches the target on the same queries."""
    systems = []
    for name, package, make in PEERS:
        if not name.startswith(wanted) or package in missing:
            continue
        print(f"building {name}", file=sys.stderr)
        start = process_time()
        try:
            peer = make(world.rows, BUILDERS)
        except (ImportError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            missing[package] = f"it could not be built: {error!r}"
            continue
        system = System(name, process_time() - start, peer.bytes / len(world.rows))
        system.threads, system.slow = peer.threads, peer.fixed is not None
        peer.threads(BUILDERS)
        for asking in ASKING:
            breadth, refine = _tuned(peer, world.tuning[asking], exact, recall)
            system.efforts[asking] = f"breadth {breadth:,}" + (f", refine {refine:,}" if refine > 1 else "")
            system.asks[asking] = _ask_peer(peer, breadth, refine)
        systems.append(system)
    return systems


def _ask_peer(peer: Peer, breadth: int, refine: int) -> Ask:
    return lambda points: peer.search(points, K, breadth, refine)


def _tuned(peer: Peer, queries: Vectors, exact: FlatShard, recall: float) -> tuple[int, int]:
    """Of all pairs that reach the target the fastest, or the largest where none does."""
    if peer.fixed is not None:
        return peer.fixed, peer.refines[0]
    best = exact.nearest(queries, K).scores
    ladder = [round(K * 2 ** (step / 4)) for step in range(28)]  # to 1,076, each a fifth more than the one before
    reached = []
    for refine in peer.refines:
        for breadth in ladder:
            ask = _ask_peer(peer, breadth, refine)
            if lower_bound(recall_of(_scores(exact, ask(queries), queries), best, K)) >= recall:
                reached.append((_speed(ask, queries, BATCH, 0.2, process_time), breadth, refine))
                break
    return max(reached)[1:] if reached else (ladder[-1], peer.refines[-1])


def _scores(exact: FlatShard, rows: NDArray[np.int64], queries: Vectors) -> Vectors:
    """Cosines of what was found, all from the same float32 rows; float16 may rank near ties otherwise."""
    return np.concatenate(
        [
            np.einsum("qfd,qd->qf", exact.take(rows[i : i + BATCH]), queries[i : i + BATCH])
            for i in range(0, len(rows), BATCH)
        ]
    )


def measured(
    systems: list[System], testing: dict[str, Vectors], exact: FlatShard, threads: list[int], seconds: float
) -> list[dict[str, Any]]:
    best = {asking: exact.nearest(queries, K).scores for asking, queries in testing.items()}
    speeds: dict[tuple[str, str, int, int], float] = {}
    for count, _, system, asking, size in product(threads, range(TURNS), systems, testing, (1, BATCH)):
        faiss.omp_set_num_threads(count)
        system.threads(count)
        key = (system.name, asking, size, count)
        clock = process_time if count == 1 else perf_counter
        queries = testing[asking][:FEW] if system.slow else testing[asking]
        speed = _speed(system.asks[asking], queries, size, seconds / TURNS, clock)
        speeds[key] = max(speeds.get(key, 0.0), speed)
    result = []
    for system, asking in product(systems, testing):
        asked = min(len(testing[asking]), FEW) if system.slow else len(testing[asking])
        queries = testing[asking][:asked]
        recalls = recall_of(_scores(exact, system.asks[asking](queries), queries), best[asking][:asked], K)
        result += [
            {
                "system": system.name,
                "queries": asking,
                "threads": count,
                "recall": round(float(recalls.mean()), 4),
                "recall_interval": round(1.96 * float(recalls.std()) / sqrt(len(recalls)), 4),
                "qps_single": round(speeds[system.name, asking, 1, count], 1),
                "qps_batch": round(speeds[system.name, asking, BATCH, count], 1),
                "build_cpu_seconds": round(system.build_cpu_seconds, 2),
                "bytes_per_vector": round(system.bytes_per_vector),
                "effort": system.efforts[asking],
                "tune_cpu_seconds": round(system.tune_cpu_seconds.get(asking, 0.0), 2),
            }
            for count in threads
        ]
    return result


def _speed(ask: Ask, queries: Vectors, size: int, seconds: float, clock: Callable[[], float]) -> float:
    """Queries a second; the clock stops after the call that passes the time."""
    ask(queries[: min(size, FEW)])
    done, at, start = 0, 0, clock()
    while clock() - start < seconds:
        part = queries[at : at + size]
        ask(part)
        done += len(part)
        at = at + size if at + 2 * size <= len(queries) else 0
    return done / (clock() - start)


def show(result: list[dict[str, Any]]) -> None:
    print("\n| system | queries | threads | recall | effort | single /s | batch /s | build CPU s | bytes a vector |")
    print("|---|---|---|---|---|---|---|---|---|")
    line = (
        "| {system} | {queries} | {threads} | {recall:.4f} ± {recall_interval:.4f} | {effort} | {qps_single:,.0f} "
        "| {qps_batch:,.0f} | {build_cpu_seconds} | {bytes_per_vector:,} |"
    )
    for row in result:
        print(line.format(**row))


if __name__ == "__main__":
    main()
