"""Filtered search at a recall that was set: what a filter costs, at random and against the query.

    python benchmarks/ann_filters.py [--json] [--points 20000] [--dim 512] [--recall 0.95] [--queries 200]

Text queries over pictures, one thread, one query at a time, in turns with FAISS's flat index and an IDSelector. A
filter "near" allows the pictures most like the query, "far" those least like it; the others are drawn at random.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._joint_space import JointSpace
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards.choice import lists_for, parts_for
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.tuning import Asked, recall_of, tune

K = 10
SHARES = (0.5, 0.1, 0.01, 0.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print a list of rows")
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--queries", type=int, default=200)
    args = parser.parse_args()
    faiss.omp_set_num_threads(1)
    result = measured(JointSpace(args.dim), args.points, args.queries, args.recall)
    print(json.dumps(result)) if args.json else show(result)


def measured(space: JointSpace, points: int, count: int, target: float) -> list[dict[str, Any]]:
    rows = space.vectors("image", points, 1)
    kept = HalfShard.of(rows)
    shard = ListShard.built(kept, lists_for(points), parts_for(space.dim))
    tuned = tune(shard, "text", Asked(space.vectors("text", 500, 2)), target, K)
    shard = shard.with_effort(tuned.effort)
    flat = faiss.IndexFlatIP(space.dim)
    flat.add(rows)
    queries = space.vectors("text", count, 3)
    found = shard.nearest(queries, K)
    plain = float(recall_of(found.scores, kept.nearest(queries, K).scores, K).mean())
    first = _row("no filter", 1.0, plain, plain, 0.0, 0.0, str(tuned.effort or "exact"))
    kinds = [(name, share) for share in SHARES for name in ("random", "near", "far")]
    return [first, *(_filtered(name, share, shard, flat, rows, queries, plain) for name, share in kinds)]


def _filtered(
    name: str, share: float, shard: ListShard, flat: Any, rows: Vectors, queries: Vectors, plain: float
) -> dict[str, Any]:
    recalls, ours, theirs = [], [], []
    for number, query in enumerate(queries):
        point, allowed = query[None, :], _allowed(name, share, rows, query, number)
        begun = perf_counter()
        found = shard.nearest(point, K, allowed)
        ours.append(perf_counter() - begun)
        begun = perf_counter()
        bits = np.packbits(allowed, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        flat.search(point, K, params=faiss.SearchParameters(sel=selector))  # type: ignore[call-arg]
        theirs.append(perf_counter() - begun)
        assert allowed[found.rows].all()
        recalls.append(recall_of(found.scores, shard.kept.nearest(point, K, allowed).scores, K)[0])
    return _row(name, share, float(np.mean(recalls)), plain, float(np.median(ours)), float(np.median(theirs)), "")


def _allowed(name: str, share: float, rows: Vectors, query: Vectors, seed: int) -> Bitmap:
    if name == "random":
        drawn: Bitmap = np.random.default_rng(seed).random(len(rows)) < share
        return drawn
    scores = rows @ query
    bound = np.quantile(scores, 1 - share if name == "near" else share)
    allowed: Bitmap = scores >= bound if name == "near" else scores <= bound
    return allowed


def _row(
    name: str, share: float, recall: float, plain: float, ours: float, theirs: float, effort: str
) -> dict[str, Any]:
    return {
        "filter": name,
        "allowed": share,
        "recall": round(recall, 4),
        "recall_lost": round(plain - recall, 4),
        "qps": round(1 / ours, 1) if ours else None,
        "times_flat_selector": round(theirs / ours, 2) if ours else None,
        "effort": effort,
    }


def show(result: list[dict[str, Any]]) -> None:
    print("| filter | allowed | recall | lost | queries/s | times flat + IDSelector |\n|---|---|---|---|---|---|")
    for row in result:
        speeds = f"{row['qps'] or '–'} | {row['times_flat_selector'] or '–'}"
        name = f"{row['filter']} {row['effort']}".strip()
        print(f"| {name} | {row['allowed']:g} | {row['recall']} | {row['recall_lost']} | {speeds} |")


if __name__ == "__main__":
    main()
