"""What an evaluation found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hearsee.search.evaluate.metrics import CONFIDENCE, RESAMPLES, Estimate

DEFINITIONS = {
    "recall@k": "share of queries with at least one relevant item among the first k (what CLIP papers call R@k)",
    "mrr": "mean over queries of 1 / rank of the first relevant item, over the whole ranking",
    "queries": "items of the asking modality that have at least one relevant item to find",
    "interval": f"{CONFIDENCE:.0%} percentile bootstrap over queries, {RESAMPLES:,} resamples",
    "points": "an item asks with the mean of its points and is ranked by its best point",
}


@dataclass(frozen=True)
class Direction:
    asking: str
    answering: str
    queries: int  # that were asked
    candidates: int  # items that could be answered with
    relevant_by: str  # "group", or the metadata keys
    metrics: Mapping[str, Estimate]  # "recall@1", …, "mrr"

    def as_dict(self) -> dict[str, Any]:
        about = {"queries": self.queries, "candidates": self.candidates, "relevant_by": self.relevant_by}
        return about | {name: estimate.as_dict() for name, estimate in self.metrics.items()}


@dataclass(frozen=True)
class Report:
    directions: Mapping[str, Direction]  # "text->image", …
    space: str
    generation: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "directions": {name: direction.as_dict() for name, direction in self.directions.items()},
            "space": self.space,
            "generation": self.generation,
            "seed": self.seed,
            "definitions": DEFINITIONS,
        }
