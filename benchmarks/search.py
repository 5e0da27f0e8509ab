"""What the library adds to a bare FAISS call: already encoded words against 100,000 pictures, in one run.

    python benchmarks/search.py [--json] [--points 100000] [--dim 128] [--seconds 20]

Both sides take turns in every repetition, so that whatever else the machine does hits both; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import faiss
import numpy as np

from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from hearsee.search.searcher import Searcher

K = 10
BATCH = 64
PER_COMMIT = 5_000
Side = Callable[[int], object]
WARM, LEAST = 3, 23  # repetitions: not counted, because they warm caches; made at the least


def fill(folder: Path, space: Space, rows: Vectors) -> None:
    with Writer.open(folder, space=space) as writer:
        for start in range(0, len(rows), PER_COMMIT):
            numbers = range(start, min(start + PER_COMMIT, len(rows)))
            writer.commit(Batch([item(number, rows[number : number + 1]) for number in numbers]))
        writer.build_shards()


def item(number: int, row: Vectors) -> Add:
    uri, colour = f"file:///picture/{number}.png", ("red", "green", "blue")[number % 3]
    about = {"colour": colour, "count": number % 5}
    caption = f"{number % 5} {colour} things"
    return Add(uri, Modality.IMAGE, f"{number:064x}", 1000, "file:///", row, [None], caption, metadata=about)


def interleaved(bare: Side, ours: Side, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of each side; the order within a repetition turns round every time."""
    sides = {"faiss": bare, "hearsee": ours}
    took: dict[str, list[float]] = {name: [] for name in sides}
    end, turn = perf_counter() + seconds, 0
    while perf_counter() < end or turn < LEAST:
        for name in list(sides) if turn % 2 else reversed(list(sides)):
            sleep(0.002)  # lets FAISS's threads go idle, so that no side pays for the other's
            started = perf_counter()
            sides[name](turn)
            took[name].append((perf_counter() - started) * 1e3)
        turn += 1
    return {name: values[WARM:] for name, values in took.items()}


def measure(points: int, dim: int, seconds: float) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    rows = unit(rng.standard_normal((points, dim), np.float32)).astype(np.float16).astype(np.float32)  # as stored
    queries = unit(rng.standard_normal((1024, dim), np.float32))
    space = Space("hash", dim, {modality: HashEncoder(modality, dim) for modality in Modality})
    bare = faiss.IndexFlatIP(dim)
    bare.add(unit(rows))
    with tempfile.TemporaryDirectory() as scratch:
        fill(Path(scratch) / "library", space, rows)
        started = perf_counter()
        with Searcher(Library.open(Path(scratch) / "library", space=space)) as searcher:
            searcher.library.snapshot()
            opened = (perf_counter() - started) * 1e3

            agree(bare, searcher, queries[:BATCH])
            single = interleaved(*sides(bare, searcher, queries, 1), seconds)
            batch = interleaved(*sides(bare, searcher, queries, BATCH), seconds)
    return {
        "points": points,
        "dim": dim,
        "k": K,
        "faiss_threads": faiss.omp_get_max_threads(),
        "faiss": faiss.__version__,
        "open_ms": round(opened, 1),
        "single": compared(single, 1),
        "batch": compared(batch, BATCH),
    }


def sides(bare: faiss.IndexFlatIP, searcher: Searcher, queries: Vectors, size: int) -> tuple[Side, Side]:
    def cut(turn: int) -> Vectors:
        start = turn * size % (len(queries) - size)
        return queries[start : start + size]

    def ask_faiss(turn: int) -> object:
        return bare.search(cut(turn), K)

    def ask_hearsee(turn: int) -> object:
        return searcher.nearest(cut(turn), ["image"], K)

    return ask_faiss, ask_hearsee


def agree(bare: faiss.IndexFlatIP, searcher: Searcher, queries: Vectors) -> None:
    """Both sides must give the same answer, or the comparison means nothing."""
    truth = bare.search(queries, K)[1]
    for expected, hits in zip(truth.tolist(), searcher.nearest(queries, ["image"], K), strict=True):
        found = [int(hit.item.uri.rpartition("/")[2].removesuffix(".png")) for hit in hits]
        if found != expected:
            raise SystemExit(f"the library answers {found}, FAISS answers {expected}")


def compared(took: dict[str, list[float]], queries: int) -> dict[str, float]:
    faiss_ms, ours_ms = (statistics.median(took[name]) for name in ("faiss", "hearsee"))
    return {
        "queries": queries,
        "repetitions": len(took["faiss"]),
        "faiss_ms": round(faiss_ms, 3),
        "hearsee_ms": round(ours_ms, 3),
        "ratio": round(ours_ms / faiss_ms, 3),
        "difference_ms": round(ours_ms - faiss_ms, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each of the two measurements")
    args = parser.parse_args()
    result = measure(args.points, args.dim, args.seconds)
    if args.json:
        print(json.dumps(result))
        return
    print(f"{args.points:,} points of {args.dim} dimensions, k={K}, FAISS {faiss.__version__}", end=", ")
    print(f"{faiss.omp_get_max_threads()} threads; library opened in {result['open_ms']} ms\n")
    print(f"{'queries':>8} {'FAISS ms':>10} {'Hearsee ms':>11} {'ratio':>7} {'difference ms':>14} {'repetitions':>12}")
    line = "{queries:>8} {faiss_ms:>10} {hearsee_ms:>11} {ratio:>7} {difference_ms:>14} {repetitions:>12}"
    print(line.format(**result["single"]))
    print(line.format(**result["batch"]))


if __name__ == "__main__":
    main()
