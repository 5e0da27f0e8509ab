"""What the library adds to a bare FAISS call: already encoded words against 100,000 pictures, in one run.

    python benchmarks/search.py [--json] [--points 100000] [--dim 128] [--seconds 5]

Each side runs in processes of its own, first FAISS, library, then library, FAISS: in one process either would slow the
other down, because both keep threads and 51 MB of vectors. Figures are medians over both processes of a side.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
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
FAISS, HEARSEE = "faiss", "hearsee"
TURNS = (FAISS, HEARSEE, HEARSEE, FAISS)
WARM, LEAST = 3, 23  # repetitions: not counted, because they warm caches; made at the least
Ask = Callable[[Vectors], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement of each process")
    parser.add_argument("--side", choices=(FAISS, HEARSEE), help=argparse.SUPPRESS)  # one side, in this process
    parser.add_argument("--library", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side == FAISS:
        print(json.dumps(faiss_side(args.points, args.dim, args.seconds)))
    elif args.side == HEARSEE:
        print(json.dumps(hearsee_side(args.library, args.points, args.dim, args.seconds)))
    else:
        result = measure(args.points, args.dim, args.seconds)
        print(json.dumps(result)) if args.json else show(result)


def measure(points: int, dim: int, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / "library"
        fill(library, space_of(dim), vectors(points, dim)[0])
        command = [sys.executable, __file__, "--points", str(points), "--dim", str(dim), "--seconds", str(seconds)]
        runs = [(side, answer([*command, "--side", side, "--library", str(library)])) for side in TURNS]
    if any(run["hits"] != runs[0][1]["hits"] for _, run in runs):
        raise SystemExit("the library and FAISS give different answers: a comparison would mean nothing")
    took = {
        side: {what: [ms for one, run in runs if one == side for ms in run[what]] for what in runs[at][1]["measured"]}
        for at, side in enumerate(TURNS[:2])
    }
    unfiltered, mixed = (statistics.median(took[HEARSEE][what]) for what in ("filtered", "filtered_mixed"))
    return {
        "points": points,
        "dim": dim,
        "k": K,
        "faiss_threads": faiss.omp_get_max_threads(),
        "faiss": faiss.__version__,
        "single": compared(took, "single", 1),
        "batch": compared(took, "batch", BATCH),
        "filtered": {
            "alone_ms": round(unfiltered, 3),
            "after_unfiltered_ms": round(mixed, 3),
            "ratio": round(mixed / unfiltered, 3),
        },
    }


def answer(command: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return told


def faiss_side(points: int, dim: int, seconds: float) -> dict[str, Any]:
    rows, queries = vectors(points, dim)
    bare = faiss.IndexFlatIP(dim)
    bare.add(unit(rows))
    times = {
        "single": timed(lambda some: bare.search(some, K), queries, 1, seconds),
        "batch": timed(lambda some: bare.search(some, K), queries, BATCH, seconds),
    }
    return {**times, "measured": list(times), "hits": bare.search(queries[:BATCH], K)[1].tolist()}


def hearsee_side(library: Path, points: int, dim: int, seconds: float) -> dict[str, Any]:
    _, queries = vectors(points, dim)
    with Searcher(Library.open(library, space=space_of(dim))) as searcher:
        pictures = searcher.library.snapshot().parts[Modality.IMAGE]
        red = np.arange(1, points + 1, 3)  # a third of the items; what finding them in SQL costs is not asked here

        def ask(some: Vectors) -> list[Any]:
            return searcher.nearest(some, ["image"], K)

        def ask_red(some: Vectors) -> object:
            return pictures.nearest(some, K, red)

        filtered = timed(ask_red, queries, 1, seconds)  # first, so that nothing else has run before it
        times = {
            "single": timed(ask, queries, 1, seconds),
            "batch": timed(ask, queries, BATCH, seconds),
            "filtered": filtered,
            "filtered_mixed": timed(ask_red, queries, 1, seconds, before=ask),
        }
        names = [[hit.item.uri.rpartition("/")[2] for hit in hits] for hits in ask(queries[:BATCH])]
    hits = [[int(name.removesuffix(".png")) for name in row] for row in names]
    return {**times, "measured": list(times), "hits": hits}


def timed(ask: Ask, queries: Vectors, size: int, seconds: float, before: Ask | None = None) -> list[float]:
    """Milliseconds of each repetition, every one with other queries; `before` runs ahead of each and is not counted."""
    took: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(took) < LEAST:
        start = len(took) * size % (len(queries) - size)
        some = queries[start : start + size]
        if before is not None:
            before(some)
        started = perf_counter()
        ask(some)
        took.append((perf_counter() - started) * 1e3)
    return took[WARM:]


def vectors(points: int, dim: int) -> tuple[Vectors, Vectors]:
    """Rows as they are stored, and queries; the same in every process."""
    rng = np.random.default_rng(0)
    rows = unit(rng.standard_normal((points, dim), np.float32)).astype(np.float16).astype(np.float32)
    return rows, unit(rng.standard_normal((1024, dim), np.float32))


def space_of(dim: int) -> Space:
    return Space("hash", dim, {modality: HashEncoder(modality, dim) for modality in Modality})


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


def compared(took: dict[str, dict[str, list[float]]], what: str, queries: int) -> dict[str, float]:
    faiss_ms, ours_ms = (statistics.median(took[side][what]) for side in (FAISS, HEARSEE))
    return {
        "queries": queries,
        "repetitions": min(len(took[side][what]) for side in (FAISS, HEARSEE)),
        "faiss_ms": round(faiss_ms, 3),
        "hearsee_ms": round(ours_ms, 3),
        "ratio": round(ours_ms / faiss_ms, 3),
        "difference_ms": round(ours_ms - faiss_ms, 3),
    }


def show(result: dict[str, Any]) -> None:
    print(f"{result['points']:,} points of {result['dim']} dimensions, k={K}, FAISS {result['faiss']}", end=", ")
    print(f"{result['faiss_threads']} threads\n")
    print(f"{'queries':>8} {'FAISS ms':>10} {'Hearsee ms':>11} {'ratio':>7} {'difference ms':>14} {'repetitions':>12}")
    line = "{queries:>8} {faiss_ms:>10} {hearsee_ms:>11} {ratio:>7} {difference_ms:>14} {repetitions:>12}"
    print(line.format(**result["single"]))
    print(line.format(**result["batch"]))
    told = (
        "\nfiltered to a third: {alone_ms} ms among its like, {after_unfiltered_ms} ms after unfiltered ones ({ratio})"
    )
    print(told.format(**result["filtered"]))


if __name__ == "__main__":
    main()
