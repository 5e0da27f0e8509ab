"""Building and searching against the number of points, the rows made block by block and held once."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from benchmarks._joint_space import JointSpace
from hearsee.core.vectors import Vectors
from hearsee.indexer.shards.choice import lists_for, parts_for
from hearsee.indexer.shards.half import HalfShard, Halves
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.tuning import Asked, recall_of, tune

K, QUERIES, BATCH = 10, 500, 256
PLOT = Path("build/bench/ann-growth.png")


def grown(space: JointSpace, sizes: list[int], recall: float) -> list[dict[str, Any]]:
    """From the smallest on, so that the peak of memory is that of the size it stands beside."""
    return [_at(space, points, recall) for points in sorted(sizes)]


def _at(space: JointSpace, points: int, recall: float) -> dict[str, Any]:
    def fill(matrix: Halves) -> None:
        at = 0
        for block in space.blocks("image", points, 1):
            matrix[at : at + len(block)] = block
            at += len(block)

    kept = HalfShard.filled(points, space.dim, fill)
    start = process_time()
    shard = ListShard.built(kept, lists_for(points), parts_for(space.dim))
    built = process_time() - start
    row: dict[str, Any] = {"points": points, "build_cpu_seconds": round(built, 2)}
    row["bytes_per_vector"] = round(shard.bytes / points)
    for asking in ("text", "image"):
        tuned = tune(shard, asking, Asked(space.vectors(asking, QUERIES, 2)), recall, K)
        queries = space.vectors(asking, QUERIES, 3)
        exact = kept.nearest(queries, K).scores
        start = process_time()
        found = np.concatenate([shard.nearest(part, K, effort=tuned.effort).scores for part in _batches(queries)])
        row[f"{asking}_us"] = round(1e6 * (process_time() - start) / len(queries), 1)
        row[f"{asking}_recall"] = round(float(recall_of(found, exact, K).mean()), 4)
        row[f"{asking}_effort"] = str(tuned.effort or "exact")
    row["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return row


def _batches(queries: Vectors) -> Iterator[Vectors]:
    for start in range(0, len(queries), BATCH):
        yield queries[start : start + BATCH]


def show_growth(result: list[dict[str, Any]]) -> None:
    print("| points | build CPU s | bytes | text µs | recall | image µs | recall | effort, text | peak MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    line = (
        "| {points:,} | {build_cpu_seconds} | {bytes_per_vector:,} | {text_us} | {text_recall} | {image_us} "
        "| {image_recall} | {text_effort} | {peak_mib:,} |"
    )
    for row in result:
        print(line.format(**row))
    _plot(result)
    print(f"plotted in {PLOT}")


def _plot(result: list[dict[str, Any]]) -> None:
    matplotlib = import_module("matplotlib")
    matplotlib.use("Agg")
    figure, (left, right) = import_module("matplotlib.pyplot").subplots(1, 2, figsize=(10, 4))
    points = [row["points"] for row in result]
    left.loglog(points, [row["build_cpu_seconds"] for row in result], "o-")
    left.set(xlabel="points", ylabel="CPU seconds to build")
    for asking in ("text", "image"):
        right.loglog(points, [row[f"{asking}_us"] for row in result], "o-", label=f"{asking} queries")
    right.set(xlabel="points", ylabel="µs a query, in batches")
    right.legend()
    figure.tight_layout()
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=120)
