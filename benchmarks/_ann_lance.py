"""LanceDB as it is packaged: a table with vectors and what is known of each, indexed the way its package does it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from hearsee.core.vectors import Vectors


@dataclass(frozen=True)
class Look:
    """How hard to look; none of both is what the package does by itself."""

    nprobes: int | None = None
    refine: int | None = None

    def __str__(self) -> str:
        told = {"nprobes": self.nprobes, "refine_factor": self.refine}
        return ", ".join(f"{name} {value:,}" for name, value in told.items() if value is not None) or "its defaults"


@dataclass(frozen=True)
class Lance:
    table: Any
    shown: tuple[str, ...]
    partitions: int

    @classmethod
    def made(cls, folder: Path, rows: Vectors, about: list[dict[str, Any]] | None = None) -> Lance:
        """A table of numbered rows, with its IVF_PQ index, and a B-tree over years where they are known."""
        arrow: Any = import_module("pyarrow")
        index: Any = import_module("lancedb.index")
        flat = arrow.FixedSizeListArray.from_arrays(arrow.array(rows.ravel()), rows.shape[1])
        known = {name: [one[name] for one in about] for name in about[0]} if about else {}
        columns = {"id": np.arange(len(rows)), **known}
        database = import_module("lancedb").connect(folder)
        table = database.create_table("rows", arrow.table({**columns, "vector": flat}))
        table.create_index("vector", config=index.IvfPq(distance_type="dot"))
        if "year" in known:
            table.create_index("year", config=index.BTree())
        return cls(table, tuple(columns), _partitions(table, rows))

    def ask(self, points: Vectors, k: int, look: Look, where: str | None) -> list[list[dict[str, Any]]]:
        """The hits of each query as Python objects; several queries go in one call."""
        found = self.asked(points, k, look, where, list(self.shown)).to_list()
        if len(points) == 1:
            return [found]
        answers: list[list[dict[str, Any]]] = [[] for _ in points]
        for row in found:
            answers[row["query_index"]].append(row)
        return answers

    def asked(self, points: Vectors, k: int, look: Look, where: str | None, shown: list[str]) -> Any:
        query = self.table.search(points[0] if len(points) == 1 else points).distance_type("dot").limit(k)
        if look.nprobes is not None:
            query = query.nprobes(look.nprobes)
        if look.refine is not None:
            query = query.refine_factor(look.refine)
        if where is not None:
            query = query.where(where, prefilter=True)
        return query.select([*shown, "_distance"])


def _partitions(table: Any, rows: Vectors) -> int:
    """As many as its plan says that it reads when told to read all."""
    plan = table.search(rows[0]).distance_type("dot").nprobes(1 << 20).limit(1).analyze_plan()
    told = plan.partition("ANNIvfPartition")[2].partition("partitions_ranked=")[2]
    digits = told.partition(",")[0].partition("]")[0].strip()
    return int(digits) if digits.isdigit() else 1 << 20
