"""Which parts of a query attention hardly heard, and how an answer tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.search.fusion.attention import AttentionFusion
from hearsee.search.fusion.blend import EncodedPart, Fusion, contributions_of, direction
from hearsee.search.fusion.chosen import ChosenFusion
from hearsee.search.fusion.guarded import GuardedFusion

HARDLY = 0.05  # of an equal share
NOUNS: Mapping[Modality, tuple[str, str]] = {
    Modality.IMAGE: ("picture", "pictures"), Modality.AUDIO: ("sound", "sounds"), Modality.TEXT: ("words", "words"),
}  # fmt: skip
WANTED = {Modality.IMAGE: "pictures", Modality.AUDIO: "sounds", Modality.TEXT: "texts"}


def aimed(fusion: Fusion, parts: Sequence[EncodedPart], wanted: Modality) -> tuple[Vectors, tuple[int, ...]]:
    """What `fuse` gives, (dim,), and the places of the parts that attention hardly heard in making it."""
    sought = [at for at, part in enumerate(parts) if part.sought]
    kinds = [parts[at].modality for at in sought]
    way: object = fusion.blend(kinds, wanted) if isinstance(fusion, ChosenFusion) else fusion
    if len(sought) < 2 or not isinstance(way, AttentionFusion | GuardedFusion):
        return fusion.fuse(parts, wanted), ()
    added = contributions_of(way, parts, wanted)
    sizes = np.sqrt(np.square(added[sought]).sum(axis=1))
    low = _hardly(way, sizes / sizes.sum(), kinds, np.array([parts[at].weight for at in sought], np.float64))
    return direction(added), tuple(at for at, hardly in zip(sought, low, strict=True) if hardly)


def hardly_heard(parts: Sequence[EncodedPart], low: Mapping[Modality, tuple[int, ...]]) -> str:
    """To follow a plan's words: for what is wanted, the places of parts hardly heard; nothing where all were."""
    told = ""
    for places in dict.fromkeys(low.values()):
        if not places:
            continue
        same = [WANTED[modality] for modality, mine in low.items() if mine == places]
        before = "" if len(same) == len(low) else f"for {' and '.join(same)} "
        who, several = _named(parts, places)
        others = [at for at, part in enumerate(parts) if part.sought and at not in places]
        shared = {parts[at].modality for at in others} & {parts[at].modality for at in places}
        rest = f"the other part{'' if len(others) == 1 else 's'}" if shared else _named(parts, others)[0]
        # Not that they disagree: attention doubts words far shorter than those it was trained on, too.
        heard = f"{'were' if several else 'was'} hardly heard: attention trusts {rest} far more"
        told += f"; {before}{who} {heard} (see explain; fusion mean hears all parts alike)"
    return told


def _hardly(
    way: AttentionFusion | GuardedFusion,
    shares: NDArray[np.float64],
    kinds: Sequence[Modality],
    weights: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Far below an equal share, and not because of the user's own weights or because such parts never count here."""
    low: NDArray[np.bool_] = shares < HARDLY * np.minimum(1 / len(shares), weights / weights.sum())
    if low.any() and isinstance(way, GuardedFusion):
        calm = weights * [way.guard.calm[kind] for kind in kinds]
        if np.allclose(shares, calm / calm.sum(), atol=1e-6):
            return np.zeros(len(shares), np.bool_)  # attention kept silent
        usual = weights * np.exp([way.guard.usual[kind] for kind in kinds])
        low &= shares < np.exp(-way.guard.fall) * usual / usual.sum()
    return low


def _named(parts: Sequence[EncodedPart], places: Sequence[int]) -> tuple[str, bool]:
    """These parts by their kinds, and whether that is plural."""
    names, several = [], False
    for modality in dict.fromkeys(parts[at].modality for at in places):
        mine = sum(parts[at].modality is modality for at in places)
        every = sum(part.modality is modality and part.sought for part in parts)
        noun = NOUNS[modality][mine > 1]
        names.append(f"the {noun}" if mine == every else f"{mine} of the {NOUNS[modality][1]}")
        several |= mine > 1 or (modality is Modality.TEXT and mine == every)
    return " and ".join(names), several or len(names) > 1
