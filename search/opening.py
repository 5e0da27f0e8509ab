"""Opening a library to search it: the space must be the one that filled it."""

from __future__ import annotations

from pathlib import Path

from hearsee.core.errors import Refused
from hearsee.core.settings import Settings
from hearsee.core.space import Space, load_space
from hearsee.indexer.library import Library
from hearsee.search.searcher import Searcher


def open_library(
    path: str | Path, database: str | None = None, *, space: str | Space | None = None, settings: Settings | None = None
) -> Searcher:
    """Open a library for searching, in the space that it was filled in."""
    library = Library.open(Path(path), database)
    try:
        chosen = space if isinstance(space, Space) else load_space(space or library.info.space)
        check_space(library, chosen)
    except BaseException:
        library.close()
        raise
    return Searcher(library, chosen, settings=settings or Settings())


def check_space(library: Library, space: Space) -> None:
    """Refuse to compare vectors of two spaces, and say what differs."""
    info = library.info
    if info.space_fingerprint == space.fingerprint:
        return
    towers = library.catalog.towers()
    differences = [
        f"{modality} {difference}"
        for modality, contract in towers.items()
        if modality in space.towers and (difference := contract.difference(space.towers[modality].contract))
    ]
    ours, theirs = f"{space.name} ({space.fingerprint[:12]})", f"{info.space} ({info.space_fingerprint[:12]})"
    todo = f"open it in {info.space}" if space.name != info.space else "index its sources into a new library"
    raise Refused(
        f"library {library.folder} was filled in space {theirs}, but {ours} asks: their vectors do not compare "
        f"({'; '.join(differences) or 'other towers or heads'}); {todo}"
    )
