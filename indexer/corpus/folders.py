"""A folder and all below it, in the order of names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hearsee.core.errors import BadMedia
from hearsee.core.media.limits import Limits
from hearsee.indexer.corpus.entries import Entry, Rejected, why
from hearsee.indexer.corpus.files import kind_of_place, modality_by_bytes, modality_by_name, read_file
from hearsee.indexer.corpus.passed import Passed


def folder_entries(folder: Path, limits: Limits, passed: Passed | None = None) -> Iterator[Entry | Rejected]:
    """Every picture, sound and text below a folder; other files, counted in `passed`, and hidden ones are passed over.

    A link to a file is followed only if it leads to a file inside the folder; links to folders never are, so that no
    loop and no way out exists.
    """
    inside = os.path.realpath(folder)
    pending = [folder]  # folders still to be read, the next one last
    while pending:
        here = pending.pop()
        try:
            names = sorted(os.listdir(here), key=os.fsencode)  # noqa: PTH208  names only: a folder may hold millions
        except OSError as error:
            yield Rejected(here.as_uri(), f"folder {why(error)}", unseen=True, partial=True)
            continue
        deeper = []
        for name in names:
            if name.startswith("."):
                continue
            path = here / name
            if path.is_dir() and not path.is_symlink():
                deeper.append(path)
            elif (found := _entry(path, inside, limits, passed)) is not None:
                yield found
        pending += reversed(deeper)


def _entry(path: Path, inside: str, limits: Limits, passed: Passed | None) -> Entry | Rejected | None:
    modality = modality_by_name(path.name)
    uri = path.as_uri()
    try:
        if path.is_symlink():
            target = os.path.realpath(path)
            if os.path.isdir(target):  # noqa: PTH112
                return None
            if os.path.commonpath([inside, target]) != inside:
                if modality is None:
                    return None
                return Rejected(uri, "a link that leads out of the folder: give what it leads to, or a table of paths")
        if kind := kind_of_place(path.stat().st_mode):
            return Rejected(uri, kind) if modality else None
        modality = modality or modality_by_bytes(path, limits)
    except BadMedia as error:
        return Rejected(uri, str(error))
    except OSError as error:
        return Rejected(uri, why(error), unseen=True) if modality else None
    if modality is None:
        if passed is not None:
            passed.note(path.name)
        return None
    return Entry(uri, modality, partial(read_file, path, limits))
