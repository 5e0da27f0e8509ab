"""A library as everybody but its writer opens it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from hearsee.core.contract import SHOWN
from hearsee.core.errors import NotFound, Refused
from hearsee.core.golden import Golden, GoldenTower
from hearsee.core.modality import Modality
from hearsee.core.space import Space, load_space
from hearsee.indexer.catalog import Catalog, LibraryInfo, SpaceRow
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
        self._spaces = {catalog.info().space_id: space}  # every one that was live while this is open, by its id

    @classmethod
    def open(
        cls, folder: str | Path, database: str | None = None, space: Space | None = None, beside: str | None = None
    ) -> Self:
        """Open what `hearsee index` made; `database` and `space` take the place of those it names itself.

        `beside`: not in the space that is live, but in another one that was filled, by its name.
        """
        folder = Path(folder)
        identity = Identity.read(folder)
        catalog = Identity(identity.library_id, database or identity.database).open(folder, writable=False)
        try:
            if beside is not None:
                catalog = catalog.of_space(space_beside(catalog, beside).id)
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
                held = load_snapshot(self.folder, self.catalog, self._space_of, held)
                self.space = held.space  # another space, or other heads, may be live by now
                self._spaces[held.space_id] = held.space
                self._snapshot = held
            return held

    def _space_of(self, space_id: int) -> Space:
        """A space of the library with its towers, by its id; loaded when it became live while this was open."""
        if space_id not in self._spaces:
            catalog = self.catalog.of_space(space_id)
            self._spaces[space_id] = check_space(self.folder, catalog, load_space(catalog.info().space))
        return self._spaces[space_id]

    def close(self) -> None:
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def space_beside(catalog: Catalog, name: str) -> SpaceRow:
    """A space that is not live, by its name or the folder that it came from; of several of one name the last."""
    rows = catalog.spaces()
    names = {name, str(Path(name).expanduser().resolve())}
    found = [row for row in rows if not row.live and row.name in names]
    if not found:
        there = ", ".join(row.name for row in rows if not row.live) or "none"
        live = next(row.name for row in rows if row.live)
        said = (
            f"{name!r} is live already, and beside it" if live in names else f"no space {name!r} lies beside {live!r}:"
        )
        raise NotFound(f"{said} there is {there}; `hearsee space add NAME` fills one, `hearsee space list` shows them")
    return found[-1]


def check_space(
    folder: Path, catalog: Catalog, space: Space, keep: Callable[[Modality, Golden], None] | None = None
) -> Space:
    """The space with the library's live heads and with towers that are held against the library's golden vectors.

    Vectors of another tower do not compare: refused, with what differs. `keep` takes golden vectors that are new.
    """
    info = catalog.info()
    row = next((row for row in catalog.heads() if row.id == info.heads), None)
    live = live_space(folder, row, space)
    if live.fingerprint == (info.space_fingerprint if row is None else row.space_fingerprint):
        return _guarded(folder, catalog.of_space(info.space_id), live, keep)
    mine = {modality: tower.contract for modality, tower in space.towers.items()}
    theirs = catalog.towers()
    fields = {
        modality: theirs[modality].differences(mine[modality])
        for modality in sorted(mine.keys() & theirs.keys())
        if theirs[modality] != mine[modality]
    }
    said = [f"{modality} tower: {_names(lines)}" for modality, lines in fields.items()]
    said += [f"one has no {modality} tower" for modality in sorted(mine.keys() ^ theirs.keys())]
    spaces = f"space {info.space!r} ({info.space_fingerprint[:SHOWN]}) -> {space.name!r} ({space.fingerprint[:SHOWN]})"
    towers = [
        f"{modality} tower ({theirs[modality].fingerprint[:SHOWN]} -> {mine[modality].fingerprint[:SHOWN]}): {line}"
        for modality, lines in fields.items()
        for line in lines
    ]
    other = f"another {space.name!r}" if space.name == info.space else f"space {info.space!r}, not {space.name!r}"
    raise Refused(
        f"library {folder} was made with {other} ({'; '.join(said) or 'their heads differ'}): use "
        f"`--space {info.space}` with the same weights and the same version, or encode everything anew beside it: "
        f"`hearsee space add {space.name}`, then `hearsee space switch {space.name}`",
        details=[spaces, *towers],
    )


def _names(lines: Sequence[str]) -> str:
    """The fields, each once."""
    return ", ".join(dict.fromkeys(line.partition(":")[0] for line in lines))


def _guarded(folder: Path, catalog: Catalog, space: Space, keep: Callable[[Modality, Golden], None] | None) -> Space:
    def guard(modality: Modality) -> GoldenTower:
        tower = space.towers[modality]
        inner = tower.inner if isinstance(tower, GoldenTower) else tower
        mine = None if keep is None else lambda golden: keep(modality, golden)
        return GoldenTower(inner, modality, lambda: catalog.golden().get(modality), mine, f"library {folder}")

    return replace(space, towers={modality: guard(modality) for modality in space.towers})
