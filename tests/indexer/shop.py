"""Folders of real media, and the library they are taken into, for tests of the ingest."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from hearsee.core.contract import Contract
from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.media import Limits, Piece
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.catalog import Placed
from hearsee.indexer.corpus import Source
from hearsee.indexer.ingest import Report, ingest
from hearsee.indexer.writer import Writer

SETTINGS = Settings(workers=1, limits=Limits(decode_seconds=5.0))


def png(value: int, size: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (size, size), (value % 256, value // 256 % 256, 7)).save(out, "PNG")
    return out.getvalue()


def flac(seconds: float, level: float) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.full(int(8000 * seconds), level, np.float32), 8000, format="FLAC")
    return out.getvalue()


@dataclass(frozen=True)
class CountingEncoder:
    """The hash tower, remembering how many pieces it was given and in which batches."""

    inner: HashEncoder
    batches: list[int] = field(default_factory=list)
    poison: bytes | None = None  # a piece with these bytes comes back as not a number

    @property
    def contract(self) -> Contract:
        return self.inner.contract

    @property
    def dim(self) -> int:
        return self.inner.dim

    @property
    def preparation(self) -> str:
        return self.inner.preparation

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        self.batches.append(len(pieces))
        rows = self.inner.encode(pieces)
        for row, piece in zip(rows, pieces, strict=True):
            if piece.data.tobytes() == self.poison:
                row[:] = np.nan
        return rows


@dataclass
class Shop:
    """A folder to index and a library to index it into."""

    root: Path
    space: Space
    settings: Settings = SETTINGS

    @property
    def folder(self) -> Path:
        return self.root / "media"

    def put(self, name: str, raw: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        return path.as_uri()

    def table(self, *rows: Any, name: str = "table.jsonl") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def run(self, *sources: Path | Source, **how: Any) -> Report:
        with Writer.open(self.root / "library", space=self.space) as writer:
            given = [one if isinstance(one, Source) else str(one) for one in sources or (self.folder,)]
            return ingest(writer, given, self.space, self.settings, **how)

    def items(self) -> dict[str, Any]:
        with Writer.open(self.root / "library", space=self.space) as writer:
            return {item.uri: item for item in writer.catalog.page(limit=10_000)}

    def vectors(self) -> dict[str, np.ndarray]:
        """URI -> the stored vectors of its points, in order."""
        with Writer.open(self.root / "library", space=self.space) as writer:
            items = writer.catalog.page(limit=10_000)
            placed = writer.catalog.placed([(item.modality, item.content) for item in items])
            return {item.uri: writer.vectors(placed[item.modality, item.content]) for item in items}

    def vectors_by_modality(self) -> dict[Modality, np.ndarray]:
        """The stored vectors of all live points."""
        with Writer.open(self.root / "library", space=self.space) as writer:
            view = writer.catalog.view()
            found = {}
            for modality in {segment.modality for segment in view.segments}:
                ids = [segment.id for segment in view.segments if segment.modality is modality]
                points = writer.catalog.points_of(ids)
                pairs = zip(points.segment_ids.tolist(), points.rows.tolist(), strict=True)
                found[modality] = writer.vectors([Placed(segment, row, None) for segment, row in pairs])
            return found

    def quarantine(self) -> dict[str, str]:
        with Writer.open(self.root / "library", space=self.space) as writer:
            return {bad.uri: bad.reason for bad in writer.catalog.quarantined(100)}

    def encoded(self) -> int:
        return sum(sum(tower.batches) for tower in self.space.towers.values() if isinstance(tower, CountingEncoder))


def counts(report: Report) -> tuple[int, int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.removed, report.quarantined
