"""Unlinks files that no commit names, once no reader is loading them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from hearsee.core.errors import HearseeError
from hearsee.indexer import heads, segments
from hearsee.indexer.catalog import Catalog
from hearsee.indexer.files import TEMPORARY
from hearsee.indexer.lock import unlinking
from hearsee.indexer.shards import files as shards

log = logging.getLogger(__name__)
WAIT_SECONDS = 2.0
FOLDERS = (segments.FOLDER, shards.FOLDER, heads.FOLDER)


def named(catalog: Catalog) -> set[str]:
    """The paths of every file that the catalog vouches for."""
    return set(catalog.files())


def orphans(folder: Path, known: Iterable[str]) -> list[str]:
    """Files in the library's own folders that are not among the known ones, and whatever was never published."""
    kept = set(known)
    found = [f"{name}/{path.name}" for name in FOLDERS for path in _within(folder / name)]
    return sorted([path for path in found if path not in kept] + [p.name for p in folder.glob(f"*{TEMPORARY}")])


def unlink(folder: Path, paths: Sequence[str]) -> None:
    """Free files; what a slow reader keeps us from is an orphan that the next writer finds."""
    if not paths:
        return
    with unlinking(folder, WAIT_SECONDS) as alone:
        if not alone:
            log.warning("library %s is being opened: %d old files stay for the next writer", folder, len(paths))
            return
        for path in paths:
            _remove(folder / path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise HearseeError(
            f"{path}: cannot be removed ({error.strerror}), though nothing needs it: check the disk, then run again"
        ) from error


def _within(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
