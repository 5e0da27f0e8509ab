"""Hits with what can be said about them: their chances, and why they are where they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.gallery import Near
from hearsee.indexer.snapshot import Snapshot
from hearsee.search.answer import Hit
from hearsee.search.calibration.chance import Scale
from hearsee.search.explain import LOOKED_THROUGH, contributions, explain, leave_one_out
from hearsee.search.fusion import Fusion
from hearsee.search.stored import vectors_of
from hearsee.search.tokens import EncodedQuery

Rank = Callable[[Mapping[Modality, Vectors], Sequence[Sequence[int]], int], list[list[Near]]]
"""Targets of several queries, the parts that each is made of, and how many: the places of each."""


def with_chances(
    hits: Sequence[Hit],
    scales: Mapping[Modality, Scale] | None,
    least: float | None = None,
    by_words: Collection[int] = (),
) -> tuple[list[Hit], bool | None]:
    """Each hit with its chance, less those below `least`; and whether any of them is close, none where nobody knows.

    by_words: items that only words found. They have no chance and stay: that they hold what was said is no guess.
    """
    if scales is None:
        return list(hits), None
    chances = {modality: iter(scale.chances(_scores(hits, modality))) for modality, scale in scales.items()}
    judged = [replace(hit, chance=next(chances[hit.modality])) for hit in hits]
    judged = [replace(hit, chance=None) if hit.item.id in by_words else hit for hit in judged]
    if least is not None:
        kept = [hit for hit in judged if hit.chance is None or hit.chance >= least]
        return [replace(hit, rank=rank) for rank, hit in enumerate(kept, 1)], bool(kept)
    return judged, any(hit.words or scales[hit.modality].close(hit.score) for hit in judged)


def _scores(hits: Sequence[Hit], modality: Modality) -> list[float]:
    return [hit.score for hit in hits if hit.modality is modality]


def with_reasons(
    hits: Sequence[Hit],
    asked: EncodedQuery,
    targets: Mapping[Modality, Vectors],
    fusion: Fusion,
    snapshot: Snapshot,
    rank: Rank,
) -> list[Hit]:
    """Each hit with what every part did for it; the query is asked again without each of its parts."""
    looked = max(LOOKED_THROUGH, 5 * len(hits))
    places, fewer = leave_one_out(asked.parts, tuple(targets), fusion)
    lists = (
        rank(fewer, [[at for at in range(len(asked.parts)) if at != out] for out in places], looked) if places else []
    )
    ranks = {out: {near[1]: at for at, near in enumerate(one, 1)} for out, one in zip(places, lists, strict=True)}
    made = {modality: contributions(asked.parts, modality, fusion) for modality in targets}
    explained = []
    for hit in hits:
        points = vectors_of(snapshot, hit.modality, hit.item.id)
        mix = made.get(hit.modality)
        mine = {out: known[hit.item.id] for out, known in ranks.items() if hit.item.id in known}
        found = mix and len(points) and explain(asked.parts, asked.names, mix, hit.score, points, mine, looked)
        explained.append(replace(hit, explanation=found or None))
    return explained
