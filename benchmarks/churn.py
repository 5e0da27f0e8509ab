"""Items come and go: what a tenth removed and a tenth added cost, against a library made anew.

    python benchmarks/churn.py [--json] [--points 50000] [--dim 512] [--recall 0.95] [--kind ivf-pq4] [--share 0.1]

A library of made-up pictures and texts (`_joint_space.py`) whose recall is set. Of its pictures a tenth is removed and
as many new ones come. It is asked before, right after the commit (what is new is scored one by one), and once the new
ones are folded in; a library made anew of the same items is asked in turns with it. One thread; times of commits and
folds are wall seconds, in which everything reaches the disk.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._joint_space import JointSpace
from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.gallery import Gallery
from hearsee.indexer.library import Library
from hearsee.indexer.recall import kind_named, set_recall
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.ledger import read_ledger
from hearsee.indexer.writer import Writer

K, BATCH, TURNS, PER_COMMIT = 10, 256, 5, 5_000
TEXTS = 2_000  # in the library, to prove the recall with
ASKING = {"text": Modality.TEXT, "image": Modality.IMAGE}
ROWS, NEW, TEXT_ROWS, TESTING = 1, 11, 12, 3  # draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print a list of rows")
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--kind", default="ivf-pq4")
    parser.add_argument("--share", type=float, default=0.1, help="of the pictures, removed and added")
    parser.add_argument("--queries", type=int, default=500)
    args = parser.parse_args()
    faiss.omp_set_num_threads(1)
    made = JointSpace(args.dim)
    questions = {asking: made.vectors(asking, args.queries, TESTING) for asking in ASKING}
    with tempfile.TemporaryDirectory() as scratch:
        result = measured(Path(scratch), made, args, questions)
    print(json.dumps(result)) if args.json else show(result)


def measured(scratch: Path, made: JointSpace, args: Any, questions: dict[str, Vectors]) -> list[dict[str, Any]]:
    space = Space("made-up", made.dim, {modality: HashEncoder(modality, made.dim) for modality in Modality})
    changes = int(args.points * args.share)
    rows, new = made.vectors("image", args.points, ROWS), made.vectors("image", changes, NEW)
    texts = made.vectors("text", TEXTS, TEXT_ROWS)
    gone = np.random.default_rng(0).permutation(args.points)[:changes]
    kind = kind_named(args.kind)
    stages: dict[str, Gallery] = {}
    took: dict[str, tuple[float, float]] = {}
    folder = scratch / "churned"
    with Writer.open(folder, space=space) as writer:
        fill(writer, Modality.TEXT, texts, "text")
        ids = fill(writer, Modality.IMAGE, rows, "picture")
        took["before"] = timed(lambda: set_recall(writer, args.recall, kind))
        stages["before"] = pictures(folder, space)
        took["after the commit"] = timed(lambda: churn(writer, ids[gone], new))
        stages["after the commit"] = pictures(folder, space)
        took["folded in"] = timed(writer.build_shards)
        stages["folded in"] = pictures(folder, space)
    ledger = read_ledger(folder)
    entry = next(entry for entry in ledger.entries if entry.modality == Modality.IMAGE) if ledger else None
    with Writer.open(scratch / "anew", space=space) as writer:
        fill(writer, Modality.TEXT, texts, "text")
        fill(writer, Modality.IMAGE, np.concatenate([np.delete(rows, gone, axis=0), new]), "picture")
        took["made anew"] = timed(lambda: set_recall(writer, args.recall, kind))
    stages["made anew"] = pictures(scratch / "anew", space)
    learned = "" if entry is None else f"{entry.learned:,} learned, {entry.aged:,} changed since"
    found = [asked(stages, asking, vectors) for asking, vectors in questions.items()]
    return [{**row, **cost(took[row["stage"]]), "lists": learned} for rows in found for row in rows]


def fill(writer: Writer, modality: Modality, rows: Vectors, name: str) -> Any:
    for start in range(0, len(rows), PER_COMMIT):
        writer.commit(Batch(adds(modality, rows[start : start + PER_COMMIT], name, start)))
    uris = [f"file:///{name}/{number}" for number in range(len(rows))]
    known: dict[str, Any] = {}
    for start in range(0, len(uris), PER_COMMIT):
        known |= writer.catalog.find(uris[start : start + PER_COMMIT])
    return np.array([known[uri].id for uri in uris])


def adds(modality: Modality, rows: Vectors, name: str, start: int) -> list[Add]:
    return [
        Add(f"file:///{name}/{start + n}", modality, f"{name} {start + n}", 1, "made up", row[None, :], [None])
        for n, row in enumerate(rows)
    ]


def churn(writer: Writer, gone: Any, new: Vectors) -> None:
    for start in range(0, len(new), PER_COMMIT):
        part = slice(start, start + PER_COMMIT)
        writer.commit(Batch(adds(Modality.IMAGE, new[part], "new", start), remove=gone[part].tolist()))


def timed(do: Any) -> tuple[float, float]:
    wall, cpu = perf_counter(), process_time()
    do()
    return perf_counter() - wall, process_time() - cpu


def pictures(folder: Path, space: Space) -> Gallery:
    with Library.open(folder, space=space) as library:
        return library.snapshot().parts[Modality.IMAGE]


def asked(stages: dict[str, Gallery], asking: str, queries: Vectors) -> list[dict[str, Any]]:
    """Recall of each stage against exact search of what is live in it; speeds in turns, the best and the median."""
    speeds: dict[tuple[str, int], list[float]] = {}
    for _ in range(TURNS):
        for name, gallery in stages.items():
            for size in (1, BATCH):
                speeds.setdefault((name, size), []).append(speed(gallery, queries, size, ASKING[asking]))
    rows = []
    for name, gallery in stages.items():
        found = gallery.nearest(queries, K, asking=ASKING[asking])
        best = everything(gallery).nearest(queries, K)
        shares = [len(ids(one) & ids(other)) / K for one, other in zip(found, best, strict=True)]
        rows.append(
            {
                "stage": name,
                "queries": asking,
                "recall": round(float(np.mean(shares)), 4),
                "recall_interval": round(1.96 * float(np.std(shares)) / len(shares) ** 0.5, 4),
                "qps_single": round(max(speeds[name, 1]), 1),
                "qps_batch": round(max(speeds[name, BATCH]), 1),
                "slower_single": ratio(speeds["made anew", 1], speeds[name, 1]),
                "slower_batch": ratio(speeds["made anew", BATCH], speeds[name, BATCH]),
            }
        )
    return rows


def ids(near: Sequence[tuple[float, int, int]]) -> set[int]:
    return {item for _, item, _ in near}


def everything(gallery: Gallery) -> Gallery:
    """The live rows of a gallery, searched exactly."""
    rows, items = [], []
    for source in gallery.sources:
        alive = np.arange(len(source.item_ids)) if source.alive is None else np.flatnonzero(source.alive)
        rows.append(source.shard.take(alive))
        items.append(source.item_ids[alive])
    owners = np.concatenate(items)
    return Gallery(gallery.dim, [type(gallery.sources[0])(FlatShard.of(np.concatenate(rows)), owners, owners)])


def speed(gallery: Gallery, queries: Vectors, size: int, asking: Modality) -> float:
    """Queries a second over all of them, after a call that warms the caches."""
    gallery.nearest(queries[:size], K, asking=asking)
    some = queries[: size * max(1, min(100, len(queries) // size))]
    begun = perf_counter()
    for start in range(0, len(some), size):
        gallery.nearest(some[start : start + size], K, asking=asking)
    return len(some) / (perf_counter() - begun)


def ratio(fresh: list[float], mine: list[float]) -> float:
    """How many times as long a query takes: the median over turns, each against its neighbour."""
    return round(median(one / other for one, other in zip(fresh, mine, strict=True)), 2)


def cost(took: tuple[float, float]) -> dict[str, float]:
    return {"seconds": round(took[0], 2), "cpu_seconds": round(took[1], 2)}


def show(result: list[dict[str, Any]]) -> None:
    print(f"lists after the fold: {result[0]['lists']}\n")
    print("| stage | queries | recall | single /s | batch /s | times a fresh one's: single, batch | s (CPU s) |")
    print("|---|---|---|---|---|---|---|")
    for row in result:
        print(
            "| {stage} | {queries} | {recall:.4f} ± {recall_interval:.4f} | {qps_single:,.0f} | {qps_batch:,.0f} "
            "| {slower_single}, {slower_batch} | {seconds} ({cpu_seconds}) |".format(**row)
        )


if __name__ == "__main__":
    main()
