"""The names of the kinds of shard."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    EXACT = "exact"  # every row is scored, float32
    HALF = "exact-float16"
    LISTS = "ivf-pq4"  # inverted lists, 4-bit codes, refined by float16
    GRAPH = "hnsw"
    BITS = "ivf-rabitq"
