"""Shards on a GPU against FAISS's flat index and a plain product with top-k: time, shares of the ceilings, recall.

    python benchmarks/gpu.py [--json] [--points 10000000] [--dim 512] [--list-points 1000000] [--seconds 2]

Exact systems hold rows drawn on the GPU itself: for what is timed, only their number and width matter. Lists are built
over made-up pictures (`_joint_space.py`) and tuned for text queries, whose recall is measured on others. Each time is
the median of calls, in turns with the other systems, from queries in memory to answers in memory. Ceilings of one H200:
4.3 TB/s of copying, 790 TFLOP/s of bf16. Without a GPU it says so and ends well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import faiss
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._joint_space import JointSpace
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.shards.choice import lists_for
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.gpu import GpuKind, GpuShard, Spread, gpus
from hearsee.indexer.shards.gpu_exact import GROUP, GpuRows
from hearsee.indexer.shards.tuning import Asked, recall_of, tune

K = 10
BATCHES = (1, 16, 128, 1_024, 4_096)
COPYING, PRODUCTS = 4.3e12, 790e12  # bytes and floating-point operations a second, of one H200
BLOCK = 262_144
PLAIN_BYTES = 8 << 30  # of scores that the plain product may hold
Ask = Callable[[Vectors], Any]


@dataclass(frozen=True)
class System:
    name: str
    ask: Ask
    bytes_a_row: float
    rows: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print a list of rows")
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--list-points", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each system and batch, in all turns together")
    args = parser.parse_args()
    if not gpus():
        print("[]" if args.json else "no GPU is here: not measured")
        return
    result = [*exact(args.points, args.dim, args.seconds), *lists(args.list_points, args.dim, args.seconds)]
    if args.json:
        print(json.dumps(result))
        return
    print(f"{machine()}; {datetime.now(UTC):%Y-%m-%d}; python benchmarks/gpu.py {' '.join(sys.argv[1:])}\n")
    show(result)


def machine() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, check=True, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        told = torch.cuda.get_device_name(0)
    return f"{told}, CUDA {torch.version.cuda}, torch {torch.__version__}, FAISS {faiss.__version__}"


def exact(points: int, dim: int, seconds: float) -> list[dict[str, Any]]:
    """All systems are held at once and asked in turns, so that clocks and heat are the same for all."""
    halves = drawn(points, dim)
    systems = [
        System("hearsee gpu-exact-float16", ours(halves, points), 2.0 * dim, points),
        System("torch product + topk, float16", plain(halves[:points]), 2.0 * dim, points),
        System("GpuIndexFlat, float16", flat(halves[:points]), 2.0 * dim, points),
    ]
    queries = unit(np.random.default_rng(1).standard_normal((max(BATCHES), dim)))
    truth = float32_scores(halves[:points], queries[:128])
    return timed(systems, queries, seconds, lambda ask: agreement(ask, halves, queries[:128], truth))


def drawn(points: int, dim: int) -> torch.Tensor:
    """Unit rows in float16, padded with zeros to whole groups."""
    torch.manual_seed(0)
    rows = torch.zeros((-(-points // GROUP) * GROUP, dim), dtype=torch.float16, device="cuda:0")
    for start in range(0, points, BLOCK):
        count = min(BLOCK, points - start)
        block = torch.randn((count, dim), device="cuda:0")
        rows[start : start + count] = (block / block.norm(dim=1, keepdim=True)).half()
    return rows


def ours(halves: torch.Tensor, points: int) -> Ask:
    engine = GpuRows(halves, points)
    return lambda queries: engine.best(queries, K, None, None)[1]


def plain(rows: torch.Tensor) -> Ask:
    def ask(queries: Vectors) -> Any:
        points = torch.from_numpy(queries).to("cuda:0").half()
        step = max(1, PLAIN_BYTES // (2 * len(rows)))
        return (
            torch.cat([(points[i : i + step] @ rows.T).topk(K, 1)[1] for i in range(0, len(points), step)])
            .cpu()
            .numpy()
        )

    return ask


def flat(rows: torch.Tensor) -> Ask:
    gpu: Any = faiss
    resources, config = gpu.StandardGpuResources(), gpu.GpuIndexFlatConfig()
    config.device, config.useFloat16 = 0, True
    index = gpu.GpuIndexFlatIP(resources, rows.shape[1], config)
    for start in range(0, len(rows), BLOCK):
        index.add(rows[start : start + BLOCK].float().cpu().numpy())
    return lambda queries: index.search(queries, K)[1]


def float32_scores(rows: torch.Tensor, queries: Vectors) -> Vectors:
    points, best = torch.from_numpy(queries).to("cuda:0"), torch.zeros((len(queries), 0), device="cuda:0")
    for start in range(0, len(rows), BLOCK):
        best = torch.cat([best, points @ rows[start : start + BLOCK].float().T], 1).topk(K, 1)[0]
    found: Vectors = best.cpu().numpy()
    return found


def agreement(ask: Ask, rows: torch.Tensor, queries: Vectors, truth: Vectors) -> float:
    """The share of the ten best that is found, scored in float32 over the same float16 rows."""
    found = torch.from_numpy(np.asarray(ask(queries))).to("cuda:0")
    scores = torch.einsum("qfd,qd->qf", rows[found].float(), torch.from_numpy(queries).to("cuda:0"))
    return float(recall_of(-np.sort(-scores.cpu().numpy(), axis=1), truth, K).mean())


def lists(points: int, dim: int, seconds: float) -> list[dict[str, Any]]:
    space = JointSpace(dim)
    kept = FlatShard.of(space.vectors("image", points, 1))
    tuning, testing = space.vectors("text", 500, 2), space.vectors("text", max(BATCHES), 3)
    truth = kept.nearest(testing[:500], K).scores
    systems = []
    for kind in (GpuKind.FLAT, GpuKind.PQ, GpuKind.SQ):
        begun = perf_counter()
        shard = GpuShard.built(kept, kind, Spread.ROWS, gpus(), lists_for(points))
        built = perf_counter() - begun
        name = f"hearsee {kind}, built in {built:.0f} s"
        if kind is not GpuKind.FLAT:
            effort = tune(shard, "text", Asked(tuning), 0.95, K).effort
            shard, name = shard.with_effort(effort), f"{name}, {effort or 'exact on the CPU'}"
        systems.append(System(name, nearest(shard), shard.bytes / points, points))
    return timed(systems, testing, seconds, lambda ask: float(recall_of(ask(testing[:500]).scores, truth, K).mean()))


def nearest(shard: GpuShard) -> Ask:
    return lambda queries: shard.nearest(queries, K)


def timed(
    systems: list[System], queries: Vectors, seconds: float, recall: Callable[[Ask], float]
) -> list[dict[str, Any]]:
    times: dict[tuple[str, int], list[float]] = {}
    for size in BATCHES:
        for system in systems:
            system.ask(queries[:size])  # kernels are chosen and memory is taken once
        until = perf_counter() + seconds * len(systems)
        while perf_counter() < until:
            for system in systems:
                begun = perf_counter()
                system.ask(queries[:size])  # the answers are in memory when it returns
                times.setdefault((system.name, size), []).append(perf_counter() - begun)
    return [
        row(system, size, median(times[system.name, size]), queries.shape[1], recall(system.ask))
        for system in systems
        for size in BATCHES
    ]


def row(system: System, size: int, seconds: float, dim: int, recall: float) -> dict[str, Any]:
    return {
        "system": system.name,
        "rows": system.rows,
        "batch": size,
        "ms": round(1e3 * seconds, 3),
        "qps": round(size / seconds, 1),
        "of_copying": round(system.rows * system.bytes_a_row / seconds / COPYING, 3),
        "of_products": round(2 * size * system.rows * dim / seconds / PRODUCTS, 3),
        "recall": round(recall, 4),
        "bytes_per_vector": round(system.bytes_a_row, 1),
    }


def show(result: list[dict[str, Any]]) -> None:
    print("| system | rows | batch | ms | queries/s | of 4.3 TB/s | of 790 TFLOP/s | recall@10 | bytes a vector |")
    print("|---|---|---|---|---|---|---|---|---|")
    for one in result:
        line = "| {system} | {rows:,} | {batch:,} | {ms:,} | {qps:,.0f} | {of_copying} | {of_products} | {recall} "
        print((line + "| {bytes_per_vector} |").format(**one))


if __name__ == "__main__":
    main()
