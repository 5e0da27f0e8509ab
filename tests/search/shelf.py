"""A library over the hash space with known vectors, and the numpy answer to every question about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hearsee.core.encoders.hash import prepare
from hearsee.core.media.kinds import Span, Words
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.writer import Writer

DIM = 16
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Thing:
    """One item as the oracle sees it."""

    uri: str
    modality: Modality
    vectors: Vectors  # (points, dim), as stored: float16
    metadata: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None

    def add(self) -> Add:
        spans = [Span(i, i + 1, "seconds") for i in range(len(self.vectors))] if len(self.vectors) > 1 else [None]
        content = hashlib.sha256(self.uri.encode()).hexdigest()
        about = {"group": self.group, "metadata": self.metadata, "caption": f"about {self.uri}"}
        return Add(self.uri, self.modality, content, 1, "test:", self.vectors, spans, **about)  # type: ignore[arg-type]


def things(count: int, seed: int = 0) -> list[Thing]:
    """Pictures with one point, sounds with one to four, texts with one or two; groups of one of each."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        modality = list(Modality)[number % 3]
        points = {Modality.IMAGE: 1, Modality.AUDIO: 1 + number % 4, Modality.TEXT: 1 + number % 2}[modality]
        metadata = {"colour": COLOURS[number // 3 % 3], "count": number % 5, "in": {"side": number % 2}}
        made.append(Thing(f"test:{number}", modality, directions(rng, points), metadata, f"group {number // 3}"))
    return made


def directions(rng: np.random.Generator, rows: int) -> Vectors:
    """Unit rows that float16 holds exactly as they will be stored."""
    return unit(rng.standard_normal((rows, DIM))).astype(np.float16).astype(np.float32)


def words(text: str, uri: str) -> Thing:
    """A text item, encoded as an ingest would."""
    vectors = hash_space().tower(Modality.TEXT).encode(prepare(Words(text)))
    return Thing(uri, Modality.TEXT, vectors.astype(np.float16).astype(np.float32))


def fill(folder: Path, *batches: list[Thing]) -> Path:
    """Write each batch as one commit."""
    with Writer.open(folder, space=hash_space()) as writer:
        for batch in batches:
            writer.commit(Batch([thing.add() for thing in batch]))
    return folder


def expected(
    shelf: list[Thing], target: Vectors, wanted: tuple[Modality, ...], k: int, keep: Any = lambda _: True
) -> list[tuple[str, float]]:
    """By numpy: the best point of each thing, best things first."""
    scored = [
        (float((unit(thing.vectors).astype(np.float64) @ target).max()), thing.uri)
        for thing in shelf
        if thing.modality in wanted and keep(thing)
    ]
    return [(uri, score) for score, uri in sorted(scored, key=lambda pair: -pair[0])][:k]
