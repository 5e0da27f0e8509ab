"""Near-duplicates: items of one modality whose vectors all but agree, and items with the very same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.item import Item
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.library import Library
from hearsee.search.evaluate.ranks import ItemPoints
from hearsee.search.finishing import LIKENESS
from hearsee.search.finishing import likeness as checked
from hearsee.search.stored import live_points

ROWS, COLUMNS = 1024, 4096  # of one block of cosines: 16 MiB, whatever the size of the library
Progress = Callable[[int, int], None]  # items compared, items in all


@dataclass(frozen=True)
class Twin:
    item: Item
    cosine: float  # with the group's first item
    same_bytes: bool  # as an item before it in the group


@dataclass(frozen=True)
class Twins:
    """Items that show one thing, oldest first: each is near to at least one other."""

    modality: Modality
    items: tuple[Twin, ...]

    @property
    def exact(self) -> bool:
        """All of them are the same bytes."""
        return all(twin.same_bytes for twin in self.items[1:])


def duplicates(
    library: Library,
    *,
    likeness: float = LIKENESS,
    wanted: Sequence[Modality] | None = None,
    progress: Progress = lambda *_: None,
) -> Iterator[Twins]:
    """Groups of near-duplicates, the largest first in each modality; an item's vector is the mean of its points."""
    least = least_of(checked(likeness))
    snapshot = library.snapshot()
    stored = {m: ItemPoints.of(*live_points(snapshot, m)) for m in wanted or tuple(Modality)}
    total, done = sum(len(one.items) for one in stored.values()), 0
    for modality, one in stored.items():
        before = done

        def count(rows: int, before: int = before) -> None:
            progress(before + rows, total)

        points = one.asked(np.arange(len(one.items)))
        for places in _groups(twins_among(points, least, count)):
            known = library.catalog.items(one.items[places].tolist())
            rows = [at for at in places.tolist() if int(one.items[at]) in known]  # less what was removed meanwhile
            if len(rows) > 1:
                yield _twins(modality, [known[int(one.items[at])] for at in rows], points[rows])
        done += len(one.items)


def twins_among(points: Vectors, least: float, progress: Callable[[int], None] = lambda _: None) -> NDArray[np.int64]:
    """For each row the first row of its group: rows whose cosine is at least `least` are in one group."""
    parent = np.arange(len(points))
    for start in range(0, len(points), ROWS):
        block = points[start : start + ROWS]
        for first in range(start, len(points), COLUMNS):
            # (rows, dim) · (dim, columns) -> (rows, columns): each pair is met once, at or above the diagonal
            rows, columns = np.nonzero(block @ points[first : first + COLUMNS].T >= least)
            _join(parent, rows + start, columns + first)
        progress(start + len(block))
    return _roots(parent, np.arange(len(points)))


def folded(points: Vectors, kinds: Sequence[str], contents: Sequence[str], likeness: float) -> Mapping[int, list[int]]:
    """Candidates, best first, and which later ones each stands for: those near to it that nobody else stands for."""
    alike = points @ points.T >= least_of(likeness)  # (candidates, candidates)
    names, bytes_ = np.asarray(kinds), np.asarray(contents)
    alike = (alike | (bytes_[:, None] == bytes_[None, :])) & (names[:, None] == names[None, :])
    free = np.ones(len(points), np.bool_)
    kept: dict[int, list[int]] = {}
    for at in range(len(points)):
        if free[at]:
            free[at] = False
            group = np.append(np.flatnonzero(alike[at] & free), at)
            same = np.isin(bytes_, bytes_[group]) & (names == names[at])  # copies of what is near go with it
            kept[at] = np.flatnonzero((alike[at] | same) & free).tolist()
            free[kept[at]] = False
    return kept


def least_of(likeness: float) -> float:
    """A cosine of 1 is told with a rounding."""
    return likeness - 1e-5


def _join(parent: NDArray[np.int64], some: NDArray[np.int64], others: NDArray[np.int64]) -> None:
    """Union of pairs, all at once: the higher root is hung below the lower one until none is left to hang."""
    while True:
        a, b = _roots(parent, some), _roots(parent, others)
        apart = a != b
        if not apart.any():
            return
        some, others = some[apart], others[apart]
        np.minimum.at(parent, np.maximum(a, b)[apart], np.minimum(a, b)[apart])


def _roots(parent: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    while True:
        above = parent[rows]
        if np.array_equal(above, rows):
            return rows
        rows = above


def _groups(roots: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of each group of two or more, ascending; the largest first, then by its first row."""
    order = np.argsort(roots, kind="stable")
    _, starts, counts = np.unique(roots[order], return_index=True, return_counts=True)
    several = np.flatnonzero(counts > 1)
    by_size = several[np.argsort(-counts[several], kind="stable")]
    return [order[starts[at] : starts[at] + counts[at]] for at in by_size]


def _twins(modality: Modality, items: Sequence[Item], points: Vectors) -> Twins:
    cosines = np.clip(points @ points[0], -1.0, 1.0).tolist()
    seen: set[str] = set()
    made = []
    for item, cosine in zip(items, cosines, strict=True):
        made.append(Twin(item, cosine, item.content in seen))
        seen.add(item.content)
    return Twins(modality, tuple(made))
