"""What counts as a right answer: items of the same group, or items that agree in the named metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import NotFound
from hearsee.core.item import Item
from hearsee.core.modality import Modality
from hearsee.indexer.catalog import Catalog
from hearsee.search.evaluate.ranks import NONE, Labels

PAGE = 2000  # items read at a time
Classes: TypeAlias = Mapping[Modality, tuple[NDArray[np.int64], Labels]]  # item ids ascending, and their labels


def by_group(catalog: Catalog) -> Classes:
    """Items that show the same thing share a group."""
    return _classes((modality, item_id, group) for group, modality, item_id in catalog.groups())


def by_keys(catalog: Catalog, keys: Sequence[str]) -> Classes:
    """Items agree when all these keys hold equal values; an item that lacks one of them takes no part."""
    return _classes(
        (item.modality, item.id, json.dumps(values, sort_keys=True))
        for item in all_items(catalog)
        if (values := values_under(item.metadata, keys)) is not None
    )


def by_pairs(catalog: Catalog, pairs: Sequence[tuple[str, str]]) -> Classes:
    """Items named together by their URIs belong together, and so does whatever is paired with either of them."""
    leader: dict[str, str] = {}

    def lead(uri: str) -> str:
        while leader.setdefault(uri, uri) != uri:
            leader[uri] = uri = leader[leader[uri]]
        return uri

    for one, other in pairs:
        leader[lead(one)] = lead(other)
    known = catalog.find(list(leader))
    for uri in leader:
        if uri not in known:
            raise NotFound(f"the pairs name {uri[:200]!r}, which the library does not hold; see `hearsee list`")
    return _classes(
        (item.modality, item.id, lead(uri)) for uri, item in sorted(known.items(), key=lambda row: row[1].id)
    )


def labels_of(items: NDArray[np.int64], classes: Classes, modality: Modality) -> Labels:
    """The label of each of these items (ascending ids); NONE for those that take no part."""
    labels = np.full(len(items), NONE, np.int64)
    if modality in classes and len(items):
        known, theirs = classes[modality]
        places = np.minimum(np.searchsorted(items, known), len(items) - 1)
        here = items[places] == known
        labels[places[here]] = theirs[here]
    return labels


def _classes(rows: Iterator[tuple[Modality, int, str]]) -> Classes:
    numbers: dict[str, int] = {}
    found: dict[Modality, tuple[list[int], list[int]]] = {}
    for modality, item_id, name in rows:
        ids, labels = found.setdefault(modality, ([], []))
        ids.append(item_id)
        labels.append(numbers.setdefault(name, len(numbers)))
    return {
        modality: (np.array(ids, np.int64), np.array(labels, np.int64)) for modality, (ids, labels) in found.items()
    }


def all_items(catalog: Catalog) -> Iterator[Item]:
    after = 0
    while page := catalog.page(after=after, limit=PAGE):
        yield from page
        after = page[-1].id


def values_under(metadata: Mapping[str, Any], keys: Sequence[str]) -> list[Any] | None:
    """The values under dotted keys; 2 and 2.0 are one number, true and 1 are two values."""
    values = []
    for key in keys:
        value: Any = metadata
        for name in key.split("."):
            if not isinstance(value, Mapping) or name not in value:
                return None
            value = value[name]
        values.append(int(value) if isinstance(value, float) and value.is_integer() else value)
    return values
