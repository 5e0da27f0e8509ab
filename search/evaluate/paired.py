"""Two spaces of one library, question by question: what each finds, and the interval of the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.indexer.library import Library
from hearsee.search.evaluate.evaluation import Progress, RelevantBy, askers, directions_of, keys_of, split
from hearsee.search.evaluate.metrics import CONFIDENCE, RESAMPLES, Estimate, worth
from hearsee.search.evaluate.ranks import ItemPoints, Labels, first_ranks
from hearsee.search.evaluate.relevance import Classes, by_group, by_keys, labels_of
from hearsee.search.stored import live_points

CUTS = (1, 5, 10)


@dataclass(frozen=True)
class Compared:
    """One direction, asked in both spaces with the same questions and the same candidates."""

    queries: int
    candidates: int
    relevant_by: str
    old: Mapping[str, Estimate]
    new: Mapping[str, Estimate]
    gain: Mapping[str, Estimate]  # of the new over the old, question by question

    def as_dict(self) -> dict[str, Any]:
        sides = {"old": self.old, "new": self.new, "gain": self.gain}
        figures = {side: {name: one.as_dict() for name, one in held.items()} for side, held in sides.items()}
        return {
            "queries": self.queries, "candidates": self.candidates, "relevant_by": self.relevant_by, **figures
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    old: str  # the space that is live
    new: str
    directions: Mapping[str, Compared]
    left_out: int  # items that have vectors in one of the spaces only
    seed: int

    def as_dict(self) -> dict[str, Any]:
        found = {name: one.as_dict() for name, one in self.directions.items()}
        return {"old": self.old, "new": self.new, "left_out": self.left_out, "seed": self.seed, "directions": found}


def compare(
    old: Library,
    new: Library,
    *,
    relevant_by: RelevantBy | None = None,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Comparison:
    """The same items of one library in two of its spaces, every direction; see `evaluate` for what is right."""
    sides = [_points(library) for library in (old, new)]
    both = {m: np.intersect1d(sides[0][m].items, sides[1][m].items) for m in Modality}
    left_out = sum(len(np.union1d(sides[0][m].items, sides[1][m].items)) - len(both[m]) for m in Modality)
    held = [{m: _only(side[m], both[m]) for m in Modality} for side in sides]
    known: dict[tuple[str, ...], Classes] = {}
    found = {}
    for name in directions_of(None):
        keys = keys_of(relevant_by, name)
        if keys not in known:
            known[keys] = by_keys(old.catalog, keys) if keys else by_group(old.catalog)
        one = _direction(name, held, known[keys], keys, limit, seed, progress)
        if one is not None:
            found[name] = one
    if not found:
        raise BadInput(
            f"nothing to compare in library {old.folder}: no group holds items of two modalities with vectors in both "
            "spaces; name metadata keys that relevant items share (--relevant-by)"
        )
    return Comparison(old.info.space, new.info.space, found, left_out, seed)


def _points(library: Library) -> dict[Modality, ItemPoints]:
    snapshot = library.snapshot()
    return {modality: ItemPoints.of(*live_points(snapshot, modality)) for modality in Modality}


def _only(points: ItemPoints, items: NDArray[np.int64]) -> ItemPoints:
    """The points of some of the items."""
    counts = np.diff([*points.starts, len(points.points)])
    owners = np.repeat(points.items, counts)
    kept = np.isin(owners, items)
    return points if kept.all() else ItemPoints.of(owners[kept], points.points[kept])


def _direction(
    name: str,
    held: Sequence[Mapping[Modality, ItemPoints]],
    classes: Classes,
    keys: Sequence[str],
    limit: int | None,
    seed: int,
    progress: Progress,
) -> Compared | None:
    asking, answering = split(name)
    labels = labels_of(held[0][asking].items, classes, asking)
    answers = labels_of(held[0][answering].items, classes, answering)
    rows = askers(labels, answers, same=asking is answering)
    if not len(rows):
        return None
    if limit is not None and limit < len(rows):
        rng = np.random.default_rng([seed, crc32(name.encode())])
        rows = np.sort(rng.choice(rows, limit, replace=False))
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(name, done // 2, len(rows))

    def ranks(side: Mapping[Modality, ItemPoints]) -> Labels:
        asked = side[asking].asked(rows)
        itself = rows if asking is answering else None
        return first_ranks(asked, labels[rows], side[answering], answers, itself, count)

    old, new, gain = paired(ranks(held[0]), ranks(held[1]), seed)
    by = ", ".join(keys) or "group"
    return Compared(len(rows), len(held[0][answering].items), by, old, new, gain)


def paired(
    old: NDArray[np.int64], new: NDArray[np.int64], seed: int
) -> tuple[dict[str, Estimate], dict[str, Estimate], dict[str, Estimate]]:
    """Both sides and their difference, from ranks of the same questions; a draw takes the same ones for all three."""
    names = list(worth(old, CUTS))
    tables = [np.stack(list(worth(ranks, CUTS).values()), axis=1) for ranks in (old, new)]  # (queries, metrics)
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(old), size=len(old)) for _ in range(RESAMPLES)]
    tail = 100 * (1 - CONFIDENCE) / 2

    def estimated(table: NDArray[np.float64]) -> dict[str, Estimate]:
        means = np.stack([table[draw].mean(axis=0) for draw in draws])
        low, high = np.percentile(means, [tail, 100 - tail], axis=0)
        middle = table.mean(axis=0)
        return {
            name: Estimate(float(middle[at]), float(low[at]), float(high[at]), len(table))
            for at, name in enumerate(names)
        }

    return estimated(tables[0]), estimated(tables[1]), estimated(tables[1] - tables[0])
