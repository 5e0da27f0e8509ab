"""What a library holds: an item by any of its names, counts, an item's vectors, all vectors of a modality."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hearsee.core.item import Item
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.catalog import Catalog
from hearsee.indexer.snapshot import Snapshot


def count(snapshot: Snapshot, modality: Modality) -> int:
    """Live items of a modality."""
    gallery = snapshot.parts.get(modality)
    return gallery.items if gallery is not None else 0


def exact(snapshot: Snapshot, modality: Modality) -> bool:
    """Whether all points of a modality are scored, so that none can be missed."""
    gallery = snapshot.parts.get(modality)
    return gallery is None or gallery.exact


def vectors_of(snapshot: Snapshot, modality: Modality, item_id: int) -> Vectors:
    """An item's live points, (points, dim); empty where the snapshot does not hold it."""
    return live_points(snapshot, modality, item_id)[1]


def live_points(
    snapshot: Snapshot, modality: Modality, item_id: int | NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], Vectors]:
    """The points of one item, of some, or of all: who owns each row, and the rows, (points, dim)."""
    gallery = snapshot.parts.get(modality)
    owners, points = [np.empty(0, np.int64)], [np.empty((0, gallery.dim if gallery else 0), np.float32)]
    for source in gallery.sources if gallery is not None else ():
        chosen = np.ones(len(source.item_ids), np.bool_) if source.alive is None else source.alive
        rows = np.flatnonzero(chosen if item_id is None else chosen & np.isin(source.item_ids, item_id))
        owners.append(source.item_ids[rows])
        points.append(source.shard.take(rows))
    return np.concatenate(owners), np.concatenate(points)


def item_named(catalog: Catalog, name: int | str) -> Item | None:
    """By URI, by id (digits too), or by the path of its file."""
    if isinstance(name, str):
        if not name.isascii() or not name.isdigit():
            return catalog.by_uri(name) or catalog.by_uri(_uri_of_path(name))
        name = int(name) if len(name) < 19 else -1
    number = int(name)
    return catalog.items([number]).get(number) if 0 < number < 2**63 else None


def _uri_of_path(name: str) -> str:
    """As `hearsee index` writes it: links stay as they are; what is no path is looked up as it is."""
    try:
        return Path(os.path.abspath(name)).as_uri()  # noqa: PTH100
    except ValueError:
        return name
