"""A library's groups as fusion is trained and measured on: what asks, what may be answered, and what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.mixes import Groups, Mix
from hearsee.indexer.library import Library
from hearsee.search.evaluate.ladder import Answers
from hearsee.search.evaluate.ranks import NONE, ItemPoints, Labels
from hearsee.search.evaluate.relevance import by_group, by_keys, labels_of
from hearsee.search.stored import live_points

COPIES = 2  # items of one modality that a question may hold


def library_groups(library: Library, keys: Sequence[str] | None = None) -> tuple[Groups, Mapping[Modality, Answers]]:
    """Groups with two items at least; `keys`: right is what has equal metadata, else what shares the group.

    A group asks with its first items, by id, and its first item of a modality is its answer.
    """
    snapshot = library.snapshot()
    stored = {m: ItemPoints.of(*live_points(snapshot, m)) for m in Modality if m in snapshot.parts}
    groups, relevant = by_group(library.catalog), by_keys(library.catalog, keys) if keys else None
    member = {m: labels_of(points.items, groups, m) for m, points in stored.items()}
    right = {m: labels_of(points.items, relevant, m) if relevant else member[m] for m, points in stored.items()}
    places = {m: _first_places(member[m]) for m in stored}
    count = 1 + max((int(labels.max(initial=NONE)) for labels in member.values()), default=NONE)
    tables = {m: _table(places[m], count) for m in stored}
    kept = np.flatnonzero(sum((table != NONE).sum(axis=1) for table in tables.values()) > 1) if tables else np.empty(0)
    tables = {m: table[kept] for m, table in tables.items()}
    asked = {m: _vectors(stored[m], tables[m], library.space.dim) for m in stored}
    group_labels = _group_labels(tables, right, len(kept))

    def labels(mix: Mix, wanted: Modality) -> Labels:  # noqa: ARG001 - groups and keys do not tell what is wanted apart
        return group_labels

    def answers_of(modality: Modality) -> Answers:
        return Answers(stored[modality], tables[modality][:, 0], lambda _: right[modality])

    answers = {m: vectors[:, 0] for m, vectors in asked.items()}
    return Groups(asked, answers, labels, {}, apart=False), {m: answers_of(m) for m in stored}


def _first_places(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Group, which copy, and place, of each group's first few items."""
    there = np.flatnonzero(labels != NONE)
    there = there[np.argsort(labels[there], kind="stable")]
    group = labels[there]
    starts = np.searchsorted(group, group)
    copy = np.arange(len(there)) - starts
    few = copy < COPIES
    return group[few], copy[few], there[few]


def _table(places: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], groups: int) -> NDArray[np.int64]:
    table = np.full((groups, COPIES), NONE, np.int64)
    group, copy, place = places
    table[group, copy] = place
    return table


def _vectors(stored: ItemPoints, table: NDArray[np.int64], dim: int) -> Vectors:
    """(groups, copies, d), zeros where a group has no such item."""
    vectors = np.zeros((*table.shape, dim), np.float32)
    there = table != NONE
    if there.any():
        vectors[there] = stored.asked(table[there])
    return vectors


def _group_labels(
    tables: Mapping[Modality, NDArray[np.int64]], right: Mapping[Modality, Labels], groups: int
) -> Labels:
    """What is right for a group is what is right for its first item that has a label."""
    labels = np.full(groups, NONE, np.int64)
    for modality, table in tables.items():
        first = table[:, 0]
        theirs = (
            np.where(first != NONE, right[modality][np.maximum(first, 0)], NONE) if len(right[modality]) else labels
        )
        labels = np.where(labels == NONE, theirs, labels)
    return labels
