"""Why a hit is where it is: what each part of the query gave to its score, and its rank without the part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.search.fusion import Blend, EncodedPart, Fusion, contributions_of

LOOKED_THROUGH = 100  # ranks without a part are looked for among so many, or five times as many as were asked for
SLACK = 1e-3  # a score further from the sum of its shares than this is no cosine with the target


@dataclass(frozen=True, slots=True)
class PartShare:
    """One part's doing in one hit."""

    part: str  # as the question named it
    modality: Modality
    negative: bool
    attention: float  # of the positive parts they add up to 1; what is steered away from is below 0
    cosine: float  # of the part alone with the hit's best point
    share: float  # of the score: all shares add up to it
    rank_without: int | None  # none: further down than `beyond`, or nothing is left to ask
    edit: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    parts: tuple[PartShare, ...]
    beyond: int  # how many ranks were looked through for `rank_without`


@dataclass(frozen=True)
class Contributions:
    """How the parts made the target of one wanted modality."""

    added: NDArray[np.float64]  # (parts, dim): what each part adds; the sum is the target
    attention: NDArray[np.float64]  # (parts,)


def contributions(parts: Sequence[EncodedPart], wanted: Modality, fusion: Fusion) -> Contributions:
    """What the fusion says each part adds; a fusion that does not say is taken apart."""
    if callable(getattr(fusion, "contributions", None)):
        added = contributions_of(cast(Blend, fusion), parts, wanted)
    else:
        added = _taken_apart(parts, fusion.fuse(parts, wanted))
    signs = np.array([-1.0 if part.negative else 1.0 for part in parts])
    sizes = np.linalg.norm(added, axis=1) * signs
    return Contributions(added, sizes / max(float(sizes[signs > 0].sum()), 1e-12))


def _taken_apart(parts: Sequence[EncodedPart], target: Vectors) -> NDArray[np.float64]:
    """The multiples of the parts that come nearest to the target; what they miss is spread over all."""
    vectors = np.stack([part.vector for part in parts]).astype(np.float64)  # (parts, dim)
    multiples, *_ = np.linalg.lstsq(vectors.T, target.astype(np.float64), rcond=1e-6)
    added: NDArray[np.float64] = multiples[:, None] * vectors
    added += (target - added.sum(axis=0)) / len(parts)
    return added


def leave_one_out(
    parts: Sequence[EncodedPart], wanted: Sequence[Modality], fusion: Fusion
) -> tuple[list[int], dict[Modality, Vectors]]:
    """The parts whose absence leaves a question, and the targets without each: (those parts, dim) for each modality."""
    rest = {at: [part for other, part in enumerate(parts) if other != at] for at in range(len(parts))}
    places = [at for at, others in rest.items() if any(part.sought for part in others)]
    if not places:
        return [], {}
    return places, {modality: np.stack([fusion.fuse(rest[at], modality) for at in places]) for modality in wanted}


def explain(
    parts: Sequence[EncodedPart],
    names: Sequence[str],
    made: Contributions,
    score: float,
    points: Vectors,
    ranks: Mapping[int, int],
    beyond: int,
) -> Explanation | None:
    """One hit by its points, (points, dim), and its ranks without some parts; none where the score is no cosine."""
    rows = unit(points, "the hit's vectors").astype(np.float64)
    best = rows[int((rows @ made.added.sum(axis=0)).argmax())]
    shares = exactly((made.added @ best).tolist(), score)  # (parts, dim) · (dim,) -> (parts,)
    if shares is None:
        return None
    told = [
        PartShare(
            part=names[at],
            modality=part.modality,
            negative=part.negative,
            attention=float(made.attention[at]),
            cosine=float(part.vector @ best),
            share=shares[at],
            rank_without=ranks.get(at),
            edit=part.edit,
        )
        for at, part in enumerate(parts)
    ]
    return Explanation(tuple(told), beyond)


def exactly(shares: Sequence[float], score: float) -> list[float] | None:
    """The shares, their rounding laid on the largest first, so that they sum to the score to the last digit."""
    made = list(shares)
    if not abs(math.fsum(made) - score) <= SLACK:
        return None
    by_size = sorted(range(len(made)), key=lambda at: -abs(made[at]))
    for at in by_size:  # what the largest is too coarse to take, the smaller ones can
        made[at] += math.fsum([score, *(-share for share in made)])
    return made
