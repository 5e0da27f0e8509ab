"""The recall that fresh queries reach of every recall that was set, by every kind of shard that may miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np

from hearsee.core.vectors import Vectors
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.tuning import Asked, recall_of, tune

K = 10
TARGETS = (0.8, 0.9, 0.95, 0.99)


def reached(
    makes: Mapping[str, Callable[[], Any]],
    exact: FlatShard,
    tuning: Mapping[str, Vectors],
    testing: Mapping[str, Vectors],
    seed: int,
) -> list[dict[str, Any]]:
    """Scores are made anew from the float32 rows, so that rounding proves nothing."""
    best = {asking: exact.nearest(queries, K).scores for asking, queries in testing.items()}
    result = []
    for name, make in makes.items():
        shard = make()
        for (asking, queries), target in product(testing.items(), TARGETS):
            tuned = tune(shard, asking, Asked(tuning[asking]), target, K)
            found = shard.nearest(queries, K, effort=tuned.effort)
            scores = np.einsum("qfd,qd->qf", exact.take(found.rows), queries)
            recalls = recall_of(scores, best[asking], K)
            interval = 1.96 * float(recalls.std()) / len(recalls) ** 0.5
            recall = float(recalls.mean())
            result.append(
                {
                    "system": f"hearsee {name}",
                    "queries": asking,
                    "seed": seed,
                    "set": target,
                    "recall": round(recall, 4),
                    "recall_interval": round(interval, 4),
                    "effort": str(tuned.effort or "exact"),
                    "met": recall + interval >= target,
                }
            )
    return result


def show_reached(result: list[dict[str, Any]]) -> None:
    print("| system | queries | seed | " + " | ".join(f"set to {target:g}" for target in TARGETS) + " |")
    print("|---" * (3 + len(TARGETS)) + "|")
    for system, asking, seed in dict.fromkeys((row["system"], row["queries"], row["seed"]) for row in result):
        mine = [row for row in result if (row["system"], row["queries"], row["seed"]) == (system, asking, seed)]
        told = [f"{row['recall']:.4f} ± {row['recall_interval']:.4f}" for row in mine]
        print(f"| {system} | {asking} | {seed} | {' | '.join(told)} |")
    missed = [row for row in result if not row["met"]]
    print(f"\nbelow what was set by more than the interval: {len(missed)} of {len(result)}")
    for row in missed:
        print("{system}, {queries}, seed {seed}: {recall} ± {recall_interval} of {set} ({effort})".format(**row))
