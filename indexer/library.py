"""A library as everybody but its writer opens it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from hearsee.core.errors import Refused
from hearsee.core.space import Space, load_space
from hearsee.indexer.catalog import Catalog, LibraryInfo
from hearsee.indexer.heads import live_space
from hearsee.indexer.identity import Identity
from hearsee.indexer.snapshot import Snapshot, load_snapshot


class Library:
    """The read side; any number of threads may share one, and none of them writes into its folder."""

    def __init__(self, folder: Path, catalog: Catalog, space: Space) -> None:
        self.folder = folder
        self.catalog = catalog
        self.space = space
        self._snapshot: Snapshot | None = None
        self._loading = threading.Lock()

    @classmethod
    def open(cls, folder: str | Path, database: str | None = None, space: Space | None = None) -> Self:
        """Open what `hearsee index` made; `database` and `space` take the place of those it names itself."""
        folder = Path(folder)
        identity = Identity.read(folder)
        catalog = Identity(identity.library_id, database or identity.database).open(folder, writable=False)
        try:
            space = space or load_space(catalog.info().space)
            space = check_space(folder, catalog, space)
        except BaseException:
            catalog.close()
            raise
        return cls(folder, catalog, space)

    @property
    def info(self) -> LibraryInfo:
        return self.catalog.info()

    def snapshot(self) -> Snapshot:
        """The newest generation; built aside, once however many threads ask, then swapped in."""
        generation = self.catalog.generation()
        held = self._snapshot
        if held is not None and held.generation >= generation:
            return held
        with self._loading:
            held = self._snapshot
            if held is None or held.generation < generation:
                held = load_snapshot(self.folder, self.catalog, self.space, held)
                self.space = held.space  # other heads may be live by now
                self._snapshot = held
            return held

    def close(self) -> None:
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_space(folder: Path, catalog: Catalog, space: Space) -> Space:
    """The space with the library's live heads. Vectors of another tower do not compare: refused, with what differs."""
    info = catalog.info()
    row = next((row for row in catalog.heads() if row.id == info.heads), None)
    live = live_space(folder, row, space)
    if live.fingerprint == (info.space_fingerprint if row is None else row.space_fingerprint):
        return live
    mine = {modality: tower.contract for modality, tower in space.towers.items()}
    theirs = catalog.towers()
    differences = [
        f"{modality} tower: {theirs[modality].difference(mine[modality])}"
        for modality in sorted(mine.keys() & theirs.keys())
        if theirs[modality] != mine[modality]
    ]
    differences += [f"one has no {modality} tower" for modality in sorted(mine.keys() ^ theirs.keys())]
    raise Refused(
        f"library {folder} was made with space {info.space!r} ({info.space_fingerprint[:12]}), this is {space.name!r} "
        f"({space.fingerprint[:12]}): {'; '.join(differences) or 'their heads differ'}; "
        f"use `--space {info.space}` of the same version, or index into a new library"
    )
