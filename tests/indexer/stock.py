"""Items for libraries under test: what a URI and a version stand for follows from them alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.batch import Add
from hearsee.indexer.catalog import Catalog
from hearsee.indexer.segments import read_segment

SPACE = hash_space()
DIM = SPACE.dim
SOURCE = "file:///stock/"


def vectors(uri: str, version: int, points: int) -> Vectors:
    """As a library keeps them: unit rows, rounded to float16."""
    seed = int.from_bytes(hashlib.blake2b(f"{uri} {version}".encode(), digest_size=8).digest(), "big")
    rows = unit(np.random.default_rng(seed).standard_normal((points, DIM)))
    return rows.astype(np.float16).astype(np.float32)


def add(uri: str, version: int = 0, points: int = 1, modality: Modality = Modality.IMAGE) -> Add:
    spans: Sequence[Span | None] = [None] if points == 1 else [Span(p, p + 1, "seconds") for p in range(points)]
    content = hashlib.sha256(f"{uri} {version} {points}".encode()).hexdigest()
    about = {"version": version, "points": points}
    return Add(uri, modality, content, 100, SOURCE, vectors(uri, version, points), spans, metadata=about)


def kept(folder: Path, catalog: Catalog) -> dict[str, tuple[int, Vectors]]:
    """Everything live, read from the catalog and the segments alone: URI -> version, vectors."""
    ids, rows = [], []
    for segment in catalog.segments():
        points = catalog.points_of([segment.id])
        ids.append(np.stack([points.item_ids, points.point_ids], axis=1))
        rows.append(read_segment(folder, segment)[points.rows].astype(np.float32))
    items = {item.id: item for item in catalog.page(limit=1_000_000)}
    if not ids:
        return {}
    owners, matrix = np.concatenate(ids), np.concatenate(rows)
    order = np.lexsort((owners[:, 1], owners[:, 0]))
    held: dict[str, tuple[int, Vectors]] = {}
    for id_, item in items.items():
        mine = order[owners[order, 0] == id_]
        held[item.uri] = (int(item.metadata["version"]), matrix[mine])
    return held


def same(held: dict[str, tuple[int, Vectors]], expected: dict[str, tuple[int, int]]) -> bool:
    """Whether a library holds exactly what is expected: URI -> version, points."""
    return held.keys() == expected.keys() and all(
        held[uri][0] == version and np.array_equal(held[uri][1], vectors(uri, version, points))
        for uri, (version, points) in expected.items()
    )
