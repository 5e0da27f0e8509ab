"""Filtered search at a recall that was set: what a filter costs, at random and against the query.

    python benchmarks/ann_filters.py [--json] [--points 200000] [--dim 512] [--recall 0.95] [--queries 100]

Text queries over pictures, one thread, in turns with FAISS's flat index and an IDSelectorBitmap. Asked first: both are
given the filter as a bitmap and make what they need of it within the time that is taken. Asked again: both keep what
they made of it, FAISS its selector, a shard its `Allowed`, which two queries asked before, as a library does with the
filters that it was asked last.

A filter "near" allows the pictures most like the query; "far" allows the kinds of pictures least like it (each picture
is of the kind of the most alike of 256 pictures drawn at random); "cut" the single pictures least like it, so that the
best ten of what is left score alike to the fifth decimal; the others are drawn at random. Single: each query has a
filter of its own. Together: 32 queries share one, at random, asked first. Speeds are medians over queries. Held
against: a hundredth of recall; 8 times flat + IDSelector at 0.1 %, 5 times at 10 % and 50 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._joint_space import JointSpace
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.shards.allowed import Allowed
from hearsee.indexer.shards.choice import lists_for, parts_for
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.tuning import Asked, recall_of, tune

K = 10
SHARES = (0.5, 0.1, 0.01, 0.001)
TURN = 20  # queries that one side answers before the other does
TOGETHER, TURNS_TOGETHER = 32, 5
NAMES = ("random", "near", "far", "cut")
KINDS = 256  # of pictures, for filters that go by kind
LOST = 0.01  # of recall, at most
TIMES = {0.5: 5.0, 0.1: 5.0, 0.001: 8.0}  # flat + IDSelector, at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print a list of rows")
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--queries", type=int, default=100)
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
    kinds = Kinds.of(rows)
    asked = [(name, share) for share in SHARES for name in NAMES]
    return [first, *(_filtered(name, share, shard, flat, rows, kinds, queries, plain) for name, share in asked)]


@dataclass(frozen=True)
class Kinds:
    """Which kind each picture is of, and what the kinds look like."""

    looks: Vectors
    kind: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Vectors) -> Self:
        looks = rows[np.random.default_rng(5).choice(len(rows), min(KINDS, len(rows)), replace=False)]
        kind = np.argmax(rows @ looks.T, axis=1)
        return cls(looks, kind, np.bincount(kind, minlength=len(looks)))

    def least_like(self, query: Vectors, share: float) -> Bitmap:
        """So many pictures of as few kinds as it takes, the kinds least like the query first."""
        order = np.argsort(self.looks @ query)
        enough = int(np.searchsorted(np.cumsum(self.sizes[order]), share * len(self.kind))) + 1
        allowed: Bitmap = np.isin(self.kind, order[:enough])
        allowed[np.flatnonzero(allowed)[round(share * len(allowed)) :]] = False  # a kind may be more than was asked
        return allowed


def _filtered(
    name: str, share: float, shard: ListShard, flat: Any, rows: Vectors, kinds: Kinds, queries: Vectors, plain: float
) -> dict[str, Any]:
    recalls, ours, theirs, ours_again, theirs_again = (list[float]() for _ in range(5))
    for start in range(0, len(queries), TURN):
        turn = [
            (queries[n][None, :], _allowed(name, share, rows, kinds, queries[n], n))
            for n in range(len(queries))[start : start + TURN]
        ]
        found = [_timed(ours, shard.nearest, point, K, allowed) for point, allowed in turn]
        for point, allowed in turn:
            _timed(theirs, _flat, flat, point, allowed)
        known = [Allowed.of(allowed) for _, allowed in turn]
        for _ in range(2):
            for (point, _), kept in zip(turn, known, strict=True):
                shard.nearest(point, K, kept)
        again = [
            _timed(ours_again, shard.nearest, point, K, kept) for (point, _), kept in zip(turn, known, strict=True)
        ]
        told = [faiss.SearchParameters(sel=kept.selector) for kept in known]  # type: ignore[call-arg]
        for (point, _), params in zip(turn, told, strict=True):
            _timed(theirs_again, lambda point=point, params=params: flat.search(point, K, params=params))
        assert all((a.rows == b.rows).all() for a, b in zip(found, again, strict=True))
        for (point, allowed), mine in zip(turn, found, strict=True):
            assert allowed[mine.rows].all()
            recalls.append(recall_of(mine.scores, shard.kept.nearest(point, K, allowed).scores, K)[0])
    row = _row(name, share, float(np.mean(recalls)), plain, float(np.median(ours)), float(np.median(theirs)), "")
    row["qps_again"] = round(1 / float(np.median(ours_again)), 1)
    row["times_flat_again"] = round(float(np.median(theirs_again) / np.median(ours_again)), 2)
    row["times_again_met"] = None if share not in TIMES else row["times_flat_again"] >= TIMES[share]
    if name == "random":
        mine, other = list[float](), list[float]()
        for number in range(TURNS_TOGETHER):
            points, allowed = queries[:TOGETHER], _allowed(name, share, rows, kinds, queries[0], number)
            _timed(mine, shard.nearest, points, K, allowed)
            _timed(other, _flat, flat, points, allowed)
        row["qps_together"] = round(TOGETHER / float(np.median(mine)), 1)
        row["times_flat_together"] = round(float(np.median(other)) / float(np.median(mine)), 2)
    return row


def _timed(times: list[float], ask: Callable[..., Any], *given: Any) -> Any:
    begun = perf_counter()
    found = ask(*given)
    times.append(perf_counter() - begun)
    return found


def _flat(flat: Any, points: Vectors, allowed: Bitmap) -> None:
    bits = np.packbits(allowed, bitorder="little")
    selector = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
    flat.search(points, K, params=faiss.SearchParameters(sel=selector))  # type: ignore[call-arg]


def _allowed(name: str, share: float, rows: Vectors, kinds: Kinds, query: Vectors, seed: int) -> Bitmap:
    if name == "far":
        return kinds.least_like(query, share)
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
    times, asked = theirs / ours if ours else None, TIMES.get(share)
    return {
        "filter": name,
        "allowed": share,
        "recall": round(recall, 4),
        "recall_lost": round(plain - recall, 4),
        "qps": round(1 / ours, 1) if ours else None,
        "times_flat_selector": None if times is None else round(times, 2),
        "times_asked": asked,
        "times_met": None if times is None or asked is None else times >= asked,
        "recall_met": plain - recall <= LOST,
        "qps_again": None,
        "times_flat_again": None,
        "times_again_met": None,
        "qps_together": None,
        "times_flat_together": None,
        "effort": effort,
    }


def show(result: list[dict[str, Any]]) -> None:
    print(
        "| filter | allowed | recall | lost | at first /s | × flat + IDSelector | again /s | × | × asked: first, again "
        "| together /s | × |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in result:
        lost = f"{row['recall_lost']:+.4f}: {_word(row['recall_met'])}"
        asked = "–" if row["times_asked"] is None else _asked(row)
        speeds = [row[name] or "–" for name in ("qps", "times_flat_selector", "qps_again", "times_flat_again")]
        shared = [row[name] or "–" for name in ("qps_together", "times_flat_together")]
        name = f"{row['filter']} {row['effort']}".strip()
        told = " | ".join(str(one) for one in (row["recall"], lost, *speeds, asked, *shared))
        print(f"| {name} | {row['allowed']:g} | {told} |")


def _asked(row: dict[str, Any]) -> str:
    return f"{row['times_asked']:g}: {_word(row['times_met'])}, {_word(row['times_again_met'])}"


def _word(met: bool | None) -> str:
    return "–" if met is None else "met" if met else "**missed**"


if __name__ == "__main__":
    main()
