"""The items that a filter lets through; a filter that was asked before is not asked of the catalog again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from threading import Lock
from typing import TypeAlias

import numpy as np

from hearsee.core.modality import Modality
from hearsee.core.where import Where
from hearsee.indexer.catalog import Catalog
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.snapshot import Snapshot

MOST_IDS = 1 << 22  # kept for all filters together: 32 MiB
MOST_FILTERS = 256
# A filter as it is written: 1, 1.0 and true are equal to Python and not to a filter.
Key: TypeAlias = "tuple[str, frozenset[Modality]]"


class Filters:
    """What filters let through, of one generation of a library; any number of threads may ask."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = Lock()
        self._generation = -1
        self._kept: OrderedDict[Key, Ids] = OrderedDict()

    def allowed(self, where: Where, snapshot: Snapshot, wanted: Collection[Modality]) -> Ids:
        """Ids of the items of the wanted modalities that match, ascending, and nobody's to change.

        They are of the catalog as it is now, which whoever asks must hold against the snapshot's generation.
        """
        key = (repr(where), frozenset(wanted))
        with self._lock:
            if self._generation == snapshot.generation and key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        ids = self._catalog.allowed(where)
        galleries = [gallery for modality, gallery in snapshot.parts.items() if modality in key[1]]
        there = np.zeros(len(ids), np.bool_)
        for gallery in galleries:
            there |= gallery.holds(ids)
        ids = ids[there]
        ids.flags.writeable = False
        return ids

    def keep(self, where: Where, wanted: Collection[Modality], ids: Ids, generation: int) -> None:
        """What a filter let through when the catalog was at this generation, before and after it was asked."""
        with self._lock:
            if generation > self._generation:
                self._generation = generation
                self._kept.clear()
            if generation == self._generation and len(ids) <= MOST_IDS:
                self._kept[repr(where), frozenset(wanted)] = ids
                while len(self._kept) > MOST_FILTERS or sum(map(len, self._kept.values())) > MOST_IDS:
                    self._kept.popitem(last=False)
