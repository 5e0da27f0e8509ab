"""A library of real files in one space, and a folder that describes another one for it to move to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepare_media
from hearsee.core.modality import Modality
from hearsee.core.space import Space, load_space
from hearsee.core.vectors import Vectors
from hearsee.indexer.beside import fill
from hearsee.indexer.corpus.sources import read_item
from hearsee.indexer.ingest import Report, ingest
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from tests.indexer.shop import SETTINGS, flac, png

DIM = 8  # of the other space; "hash" has 16


@dataclass(frozen=True)
class Mover:
    root: Path
    database: str | None = None

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def library(self) -> Path:
        return self.root / "library"

    @property
    def second(self) -> str:
        """The other space's name: the folder that describes it."""
        folder = self.root / "second"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            towers = {modality: {"tower": "hash", "options": {"dim": DIM}} for modality in Modality}
            held = {"name": "second", "dim": DIM, "towers": towers, "aligned": list(Modality), "weights": []}
            (folder / "space.json").write_text(json.dumps(held))
        return str(folder.resolve())

    def put(self, name: str, value: int) -> str:
        """A picture, sound or text by the ending of its name."""
        path = self.media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            path.write_bytes(png(value))
        elif path.suffix == ".flac":
            path.write_bytes(flac(2.5, (value + 1) / 300))
        else:
            path.write_text(f"words number {value}, " * (1 + 60 * (value % 2)))
        return path.as_uri()

    def put_all(self, count: int) -> None:
        for n in range(count):
            for ending in ("png", "flac", "txt"):
                self.put(f"{n:03}.{ending}", n)

    def writer(self) -> Writer:
        return Writer.open(self.library, space=load_space("hash"), database=self.database)

    def index(self) -> Report:
        """Into the space that is live."""
        with Library.open(self.library, self.database) if self.library.exists() else self.writer() as opened:
            space = opened.catalog.info().space
        with Writer.open(self.library, space=load_space(space), database=self.database) as writer:
            return ingest(writer, [str(self.media)], writer.space, SETTINGS)

    def add(self, name: str | None = None, commit_items: int = 512) -> Report:
        space = load_space(name or self.second)
        with Writer.beside(self.library, space=space, database=self.database) as writer:
            return fill(writer, SETTINGS, commit_items=commit_items)

    def open(self, beside: str | None = None) -> Library:
        return Library.open(self.library, self.database, beside=beside)

    def expected(self, space: Space, missing: frozenset[str] = frozenset()) -> dict[str, Vectors]:
        """URI -> what a search must hold, made from the files alone."""
        with self.open() as opened:
            items = opened.catalog.page(limit=10_000)
        return {
            item.uri: space.project(item.modality, _stored(space, item.modality, read_item(item.uri, Limits())))
            for item in items
            if item.uri not in missing
        }


def _stored(space: Space, modality: Modality, raw: bytes) -> Vectors:
    rows = space.tower(modality).encode(prepare_media(modality, raw, space, Limits()))
    return rows.astype(np.float16).astype(np.float32)


def served(library: Library) -> dict[str, Vectors]:
    """URI -> the vectors that a search of the newest snapshot is answered from."""
    found: dict[str, Vectors] = {}
    owners, points, ids = [], [], []
    for gallery in library.snapshot().parts.values():
        for source in gallery.sources:
            rows = np.flatnonzero(np.ones(len(source.item_ids), np.bool_) if source.alive is None else source.alive)
            owners.append(source.item_ids[rows])
            ids.append(source.point_ids[rows])
            points.append(source.shard.take(rows))
    if not owners:
        return found
    owner, point, rows = np.concatenate(owners), np.concatenate(ids), np.concatenate(points)
    order = np.lexsort((point, owner))
    items = library.catalog.items(np.unique(owner).tolist())
    for id_, item in items.items():
        found[item.uri] = rows[order[owner[order] == id_]]
    return found


def agree(held: dict[str, Vectors], expected: dict[str, Vectors]) -> bool:
    return held.keys() == expected.keys() and all(
        held[uri].shape == rows.shape and np.allclose(held[uri], rows, atol=1e-3) for uri, rows in expected.items()
    )
