"""Opening a library to search it."""

from __future__ import annotations

from pathlib import Path

from hearsee.core.settings import Settings
from hearsee.core.space import Space, load_space
from hearsee.indexer.library import Library
from hearsee.search.searcher import Searcher


def open_library(
    path: str | Path, database: str | None = None, *, space: str | Space | None = None, settings: Settings | None = None
) -> Searcher:
    """Open a library for searching in the space that filled it; `space` insists on one and refuses any other."""
    chosen = load_space(space) if isinstance(space, str) else space
    return Searcher(Library.open(Path(path), database, chosen), settings=settings)
