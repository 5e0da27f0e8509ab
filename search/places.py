"""Places of a search: the best points of each wanted modality as one list, by one target or by one for each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.snapshot import Snapshot
from hearsee.search.calibration.chance import Scale, by_chance, in_turn
from hearsee.search.fusion import EncodedPart, Fusion, merges
from hearsee.search.fusion.late import DEPTH, merged_places

Place: TypeAlias = tuple[float, int, int]  # score, item id, point id


@dataclass(frozen=True)
class Apart:
    """What each part looks for by itself, where their lists are merged."""

    targets: Mapping[Modality, Vectors]  # (parts, dim), of the modalities that are answered so
    weights: tuple[float, ...]


def apart(parts: Sequence[EncodedPart], wanted: Sequence[Modality], fusion: Fusion) -> Apart | None:
    """Each part that is sought, with all that changes it; none where one target is searched for all."""
    late = [modality for modality in wanted if merges(fusion, parts, modality)]
    if not late:
        return None
    sought = [part for part in parts if part.sought]
    changes = [part for part in parts if not part.sought]
    targets = {m: np.stack([fusion.fuse([part, *changes], m) for part in sought]) for m in late}
    return Apart(targets, tuple(part.weight for part in sought))


def asks_alone(parts: Sequence[EncodedPart]) -> Modality | None:
    """The modality of a query that is one part and nothing else; a mix is like no modality's own queries."""
    return parts[0].modality if len(parts) == 1 else None


def found_places(
    snapshot: Snapshot,
    targets: Mapping[Modality, Vectors],
    k: int,
    allowed: NDArray[np.int64] | None,
    left_out: frozenset[int],
    scales: Sequence[Mapping[Modality, Scale] | None],
    lists: Apart | None,
    asking: Modality | None,
) -> list[list[Place]]:
    """For each query by one target, or for one query part by part."""
    if lists is None:
        return one_target(snapshot, targets, k, allowed, left_out, scales, asking)
    return [part_by_part(snapshot, targets, lists, k, allowed, left_out, scales[0] if scales else None)]


def one_target(
    snapshot: Snapshot,
    targets: Mapping[Modality, Vectors],
    k: int,
    allowed: NDArray[np.int64] | None,
    left_out: frozenset[int],
    scales: Sequence[Mapping[Modality, Scale] | None] = (),
    asking: Modality | None = None,
) -> list[list[Place]]:
    """The best places over all wanted modalities for each query: by chance where it has scales, else by cosine.

    `asking` says that every target is a query of that modality as it is, so that shards look no harder than it takes.
    """
    rows = len(next(iter(targets.values())))
    found: list[dict[Modality, list[Place]]] = [{} for _ in range(rows)]
    for modality, vectors in targets.items():
        gallery = snapshot.parts.get(modality)
        if gallery is not None:
            for mine, near in zip(found, gallery.nearest(vectors, k + len(left_out), allowed, asking), strict=True):
                mine[modality] = [place for place in near if place[1] not in left_out] if left_out else near
    return [_one_list(mine, scales[row] if scales else None)[:k] for row, mine in enumerate(found)]


def part_by_part(
    snapshot: Snapshot,
    targets: Mapping[Modality, Vectors],
    lists: Apart,
    k: int,
    allowed: NDArray[np.int64] | None,
    left_out: frozenset[int],
    scales: Mapping[Modality, Scale] | None = None,
) -> list[Place]:
    """The parts' own lists merged by reciprocal rank; scores stay cosines with the one target of all parts.

    Modalities that are searched by one target count as one list, in which every part has the same place. Several
    modalities are merged by chance where there are scales, else by what their items earned.
    """
    found: dict[Modality, list[tuple[float, int, Place]]] = {}
    depth = max(DEPTH, k)
    for modality, target in targets.items():
        gallery = snapshot.parts.get(modality)
        if gallery is None:
            continue
        asked = lists.targets.get(modality, np.repeat(target, len(lists.weights), axis=0))
        near = gallery.nearest(asked, depth + len(left_out), allowed)
        kept = [[place for place in row if place[1] not in left_out][:depth] for row in near]
        earned = {item: worth for worth, item, _ in merged_places(kept, lists.weights, len(kept) * depth)}
        ids = np.array(sorted(earned), np.int64)
        scored = gallery.nearest(target, len(ids), ids)[0] if len(ids) else []
        found[modality] = [(-earned[place[1]], place[1], place) for place in scored]
    if scales is not None and len(found) > 1:
        return _each_once(in_turn({modality: _in_order(one)[:k] for modality, one in found.items()}, scales))[:k]
    return _each_once(_in_order([one for places in found.values() for one in places]))[:k]


def _in_order(found: Sequence[tuple[float, int, Place]]) -> list[Place]:
    return [place for _, _, place in sorted(found, key=lambda one: one[:2])]


def _one_list(found: Mapping[Modality, list[Place]], scales: Mapping[Modality, Scale] | None) -> list[Place]:
    """Equal scores, and equal chances with equal cosines, go by item id."""
    if len(found) == 1:
        return next(iter(found.values()))
    if scales is not None:
        return _each_once(by_chance(found, scales))
    ranked = sorted((place for near in found.values() for place in near), key=lambda place: (-place[0], place[1]))
    return _each_once(ranked)


def _each_once(places: Sequence[Place]) -> list[Place]:
    """A film is found by its pictures and by its sound, and shown where it came first."""
    first: dict[int, Place] = {}
    for place in places:
        first.setdefault(place[1], place)
    return list(first.values())
