"""Building and searching against the number of points, each size and stage in a process of its own.

The rows are made block by block into a file as a library keeps it. One process reads them, learns lists and codes,
proves the recall and seals the shard; another opens what was sealed and searches it. Memory is the most that a process
ever had resident, all of it: rows, codes, FAISS and Python themselves. No file is mapped, so none of it is shared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._joint_space import JointSpace
from hearsee.core.vectors import Vectors
from hearsee.indexer.arrays import publish_array, read_array
from hearsee.indexer.shards.choice import lists_for, parts_for
from hearsee.indexer.shards.files import VECTORS
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.sealed import seal, unseal
from hearsee.indexer.shards.tuning import Asked, recall_of, tune

K, QUERIES, BATCH, TURNS = 10, 500, 256, 3
ROWS, TUNING, TESTING = 1, 2, 3  # draws
ASKING = ("text", "image")
MOST_GB = 8
GB_A_MIB = (1 << 20) / 1e9
FILE = "rows.npy"
PLOT = Path("build/bench/ann-growth.svg")
STAGES = ("write", "build", "search")


def grown(dim: int, seed: int, sizes: list[int], recall: float) -> list[dict[str, Any]]:
    return [_at(points, dim, seed, recall) for points in sorted(sizes)]


def _at(points: int, dim: int, seed: int, recall: float) -> dict[str, Any]:
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    row: dict[str, Any] = {"points": points, "set": recall}
    with tempfile.TemporaryDirectory(dir=PLOT.parent) as folder:
        for stage in STAGES:
            print(f"{points:,}: {stage}", file=sys.stderr)
            asked = {"folder": folder, "points": points, "dim": dim, "seed": seed, "recall": recall, "told": row}
            command = [sys.executable, __file__, stage]
            done = subprocess.run(command, input=json.dumps(asked).encode(), stdout=subprocess.PIPE, check=True)
            row |= json.loads(done.stdout)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description="One stage of one size, told on standard input.")
    parser.add_argument("stage", choices=STAGES)
    stage = parser.parse_args().stage
    asked = json.load(sys.stdin)
    faiss.omp_set_num_threads(1)
    told, recall = asked.pop("told"), asked.pop("recall")
    space, folder = JointSpace(asked["dim"], asked["seed"]), Path(asked["folder"])
    if stage == "write":
        shape = (asked["points"], space.dim)
        done = publish_array(folder, FILE, shape, VECTORS, space.blocks("image", asked["points"], ROWS))
        print(json.dumps({"rows_sha256": done.sha256}))
        return
    begun, start = process_time(), perf_counter()
    rows = _rows(folder, asked["points"], space.dim, told["rows_sha256"])
    opened = {"open_cpu_seconds": process_time() - begun, "open_seconds": perf_counter() - start}
    result = _built(folder, space, rows, told, recall) if stage == "build" else _searched(folder, space, rows, told)
    print(json.dumps(result | ({} if stage == "build" else opened)))


def _rows(folder: Path, points: int, dim: int, sha256: str) -> FlatShard:
    def fill(matrix: Vectors) -> None:
        read_array(folder / FILE, sha256, matrix.shape, VECTORS, matrix)

    return FlatShard.filled(points, dim, fill)


def _built(folder: Path, space: JointSpace, rows: FlatShard, told: dict[str, Any], recall: float) -> dict[str, Any]:
    start = process_time()
    shard = ListShard.built(rows, lists_for(len(rows)), parts_for(space.dim))
    built = process_time()
    tuned = [tune(shard, asking, Asked(space.vectors(asking, QUERIES, TUNING)), recall, K) for asking in ASKING]
    proved = process_time()
    sealed = seal(folder, "lists", shard, told["rows_sha256"], "grown", tuple(tuned))
    return {
        "build_cpu_seconds": round(built - start, 2),
        "prove_cpu_seconds": round(proved - built, 2),
        "beside_rows_bytes": round((shard.bytes - rows.bytes) / len(rows), 1),
        "lists": lists_for(len(rows)),
        "build_peak_mib": peak_mib(),
        "sha256": sealed.sha256,
    }


def _searched(folder: Path, space: JointSpace, rows: FlatShard, told: dict[str, Any]) -> dict[str, Any]:
    shard, label = unseal(folder, "lists", told["sha256"], rows, told["rows_sha256"])
    queries = {asking: space.vectors(asking, QUERIES, TESTING) for asking in ASKING}
    result: dict[str, Any] = {}
    found = {}
    for tuned in label.tuned:
        asking, effort = tuned.asking, tuned.effort

        def ask(part: Vectors, effort: Any = effort) -> Vectors:
            return shard.nearest(part, K, effort=effort).scores

        found[asking] = np.concatenate([ask(part) for part in _batches(queries[asking], BATCH)])
        result[f"{asking}_us"] = _microseconds(ask, queries[asking], BATCH)
        result[f"{asking}_single_us"] = _microseconds(ask, queries[asking], 1)
        result[f"{asking}_effort"] = str(effort or "exact")
    result["search_peak_mib"] = peak_mib()  # before exact search, whose blocks of scores are not the shard's
    for asking, scores in found.items():
        start = process_time()
        exact = np.concatenate([rows.nearest(part, K).scores for part in _batches(queries[asking], BATCH)])
        result["exact_us"] = round(1e6 * (process_time() - start) / QUERIES, 1)
        recalls = recall_of(scores, exact, K)
        result[f"{asking}_recall"] = round(float(recalls.mean()), 4)
        result[f"{asking}_recall_interval"] = round(1.96 * float(recalls.std()) / QUERIES**0.5, 4)
    return result


def _microseconds(ask: Callable[[Vectors], Vectors], queries: Vectors, size: int) -> float:
    """Of processor time for one query, the best of some turns."""
    times = []
    for _ in range(TURNS):
        start = process_time()
        for part in _batches(queries, size):
            ask(part)
        times.append(process_time() - start)
    return round(1e6 * min(times) / len(queries), 1)


def _batches(queries: Vectors, size: int) -> Iterator[Vectors]:
    for start in range(0, len(queries), size):
        yield queries[start : start + size]


def peak_mib() -> int:
    """The most that this program ever had resident; `ru_maxrss` would count what its parent had before it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024)


def show_growth(result: list[dict[str, Any]]) -> None:
    print("| points | lists | build CPU s | proving | peak MiB, building | searching | bytes beside the rows ", end="")
    print("| text: recall | µs in batches, single | pictures: recall | µs in batches, single | exact µs |")
    print("|---" * 12 + "|")
    line = (
        "| {points:,} | {lists:,} | {build_cpu_seconds} | {prove_cpu_seconds} | {build_peak_mib:,} "
        "| {search_peak_mib:,} | {beside_rows_bytes} | {text_recall} ± {text_recall_interval} "
        "| {text_us:,.0f}, {text_single_us:,.0f} | {image_recall} ± {image_recall_interval} "
        "| {image_us:,.0f}, {image_single_us:,.0f} | {exact_us:,.0f} |"
    )
    for row in result:
        print(line.format(**row))
    largest = result[-1]
    most = max(largest["build_peak_mib"], largest["search_peak_mib"]) * GB_A_MIB
    told = "met" if most < MOST_GB else "missed"
    print(f"\npeak of memory at {largest['points']:,} points: {most:.2f} GB; under {MOST_GB} GB asked: {told}")
    plot(result)
    print(f"plotted in {PLOT}")


def plot(result: list[dict[str, Any]]) -> None:
    matplotlib = import_module("matplotlib")
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "hearsee", "font.size": 9})
    figure, (left, middle, right) = import_module("matplotlib.pyplot").subplots(1, 3, figsize=(11, 3.6))
    ticker = import_module("matplotlib.ticker")
    points = np.array([row["points"] for row in result])

    def draw(axes: Any, name: str, label: str, style: str, scale: float = 1.0) -> None:
        axes.plot(points, [row[name] * scale for row in result], style, label=label, markersize=4)

    draw(left, "build_cpu_seconds", "learn and fill lists", "o-")
    draw(left, "prove_cpu_seconds", "prove the recall", "s-")
    left.set(title="CPU seconds to build", xlabel="points")
    draw(middle, "text_us", "text queries", "o-")
    draw(middle, "image_us", "picture queries", "s-")
    draw(middle, "exact_us", "exact search", "k:")
    middle.set(title=f"µs of CPU a query, recall@{K} of {result[0]['set']:g}", xlabel="points")
    draw(right, "build_peak_mib", "building", "o-", GB_A_MIB)
    draw(right, "search_peak_mib", "searching", "s-", GB_A_MIB)
    right.axhline(MOST_GB, color="grey", linestyle="--", linewidth=1)
    right.text(points[0], MOST_GB * 0.9, f"asked: less than {MOST_GB} GB", color="grey", va="top")
    right.set(title="GB resident at the most", xlabel="points")
    for axes in (left, middle, right):
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(points, [f"{number:,}" for number in points], rotation=25)
        axes.minorticks_off()
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, loc="center left" if axes is right else "upper left")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    figure.tight_layout()
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, metadata={"Date": None})
    figure.savefig(PLOT.with_suffix(".png"), dpi=120)


if __name__ == "__main__":
    main()
