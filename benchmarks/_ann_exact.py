"""Exact search beside FAISS's, in turns, batch by batch."""

from __future__ import annotations

from time import process_time
from typing import Any

import faiss
import numpy as np

from hearsee.core.vectors import Vectors
from hearsee.indexer.shards.flat import FlatShard

K, TURNS, TIE = 10, 3, 3e-6
BATCHES = (1, 4, 16, 64, 200, 256)


def exact_search(rows: Vectors, exact: FlatShard, queries: Vectors) -> list[dict[str, Any]]:
    """Processor time of both; the same ids but for ties."""
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    result = []
    for size in BATCHES:
        points, times = queries[:size], []
        for _ in range(TURNS if size > 4 else 5 * TURNS):
            start = process_time()
            scores, theirs = index.search(points, K)
            middle = process_time()
            found = exact.nearest(points, K)
            times.append((middle - start, process_time() - middle))
        tied = np.isclose(found.scores, scores, rtol=0, atol=TIE)
        bare, own = (min(side) for side in zip(*times, strict=True))
        result.append(
            {
                "batch": len(points),
                "faiss_ms": round(1e3 * bare, 2),
                "hearsee_ms": round(1e3 * own, 2),
                "ratio": round(bare / own, 2),
                "same_ids": round(float(((found.rows == theirs) | tied).mean()), 5),
            }
        )
    return result


def show_exact(result: list[dict[str, Any]]) -> None:
    print(
        "| batch | IndexFlatIP ms | hearsee exact ms | times as fast | same ids but for ties |\n|---|---|---|---|---|"
    )
    for row in result:
        print(f"| {row['batch']} | {row['faiss_ms']} | {row['hearsee_ms']} | {row['ratio']} | {row['same_ids']} |")
