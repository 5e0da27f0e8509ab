"""Tables of backbone vectors: out of a library's segments, or out of `.npy` files; no media are opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput, Busy, NotFound
from hearsee.core.modality import Modality
from hearsee.indexer.align.data import Ids, Table, table_of
from hearsee.indexer.library import Library
from hearsee.indexer.lock import opening
from hearsee.indexer.segments import read_segment
from hearsee.indexer.shards.files import stretches

TRIES = 5
ANCHORS = "anchors.npy"  # beside image.npy: image.anchors.npy
GROUPS = "groups.txt"  # beside image.npy: image.groups.txt, the name of each row's group, one a line


def library_table(library: Library) -> Table:
    """Every live point of every item that has a group, with the vectors that its segment keeps."""
    for _ in range(TRIES):
        generation = library.catalog.generation()
        with opening(library.folder):  # the segments stay until they are read
            table = _read(library)
        if library.catalog.generation() == generation:
            return table_of(table.vectors, table.groups, items=table.items, names=table.names)
    raise Busy(f"library {library.folder} changed {TRIES} times while it was being read: try again")


def _read(library: Library) -> Table:
    numbers: dict[str, int] = {}
    group_of = {item: numbers.setdefault(group, len(numbers)) for group, _, item in library.catalog.groups()}
    known = np.array(sorted(group_of), np.int64)
    groups = np.array([group_of[item] for item in known.tolist()], np.int64)
    view = library.catalog.view()
    vectors: dict[str, list[NDArray[Any]]] = {}
    items: dict[str, list[Ids]] = {}
    for segment in view.segments:
        part = stretches([segment], [segment.id], library.catalog.points_of([segment.id]))[0]
        here = np.isin(part.item_ids, known)
        if here.any():
            vectors.setdefault(segment.modality.value, []).append(
                read_segment(library.folder, segment)[part.rows[here]]
            )
            items.setdefault(segment.modality.value, []).append(part.item_ids[here])
    owners = {modality: np.concatenate(ids) for modality, ids in items.items()}
    return Table(
        {modality: np.concatenate(rows) for modality, rows in vectors.items()},
        {modality: groups[np.searchsorted(known, ids)] for modality, ids in owners.items()},
        owners,
        tuple(numbers),
    )


def vectors_table(folder: Path) -> Table:
    """`image.npy`, `text.npy` and `audio.npy`; row i of each is of group i, unless their groups are named.

    `image.groups.txt` and so on name each row's group, one a line; then every file must have its own.
    """
    files = {modality.value: folder / f"{modality.value}.npy" for modality in Modality}
    there = {name: path for name, path in files.items() if path.is_file()}
    if not there:
        raise NotFound(
            f"{folder} holds no vectors: it should have image.npy, text.npy or audio.npy, two of them at least"
        )
    vectors = {name: _array(path) for name, path in there.items()}
    named = {name: folder / f"{name}.{GROUPS}" for name in there}
    with_names = [name for name, path in named.items() if path.is_file()]
    if not with_names:
        return table_of(vectors)
    missing = [named[name].name for name in there if name not in with_names]
    if missing:
        raise BadInput(f"{folder} lacks {', '.join(missing)}: name the groups of every file, or of none")
    numbers: dict[str, int] = {}
    groups = {}
    for name, path in named.items():
        lines = path.read_text("utf-8").splitlines()
        groups[name] = np.array([numbers.setdefault(line.strip(), len(numbers)) for line in lines], np.int64)
    return table_of(vectors, groups, names=tuple(numbers))


def vectors_anchors(folder: Path) -> dict[str, NDArray[Any]]:
    """`image.anchors.npy`, `text.anchors.npy` and so on, where they are: rows i of all of them say the same."""
    files = {modality.value: folder / f"{modality.value}.{ANCHORS}" for modality in Modality}
    return {name: _array(path) for name, path in files.items() if path.is_file()}


def _array(path: Path) -> NDArray[Any]:
    try:
        rows = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadInput(
            f"{path} is no array of numbers ({str(error).splitlines()[0]}): save it with numpy.save"
        ) from None
    if rows.dtype.kind != "f":
        raise BadInput(f"{path} holds {rows.dtype}: vectors are float16 or float32")
    return np.asarray(rows, np.float16 if rows.dtype == np.float16 else np.float32)
