"""The seam of fusion: what each part contributes to the one direction that is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hearsee.core.edits import change
from hearsee.core.errors import BadInput
from hearsee.core.fuser import Arrays
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.search.fusion.negatives import left_over, plainly_without

# Below this length a sum of unit vectors is rounding noise of parts that cancel out.
NO_DIRECTION = 1e-4
CANCELLED = "the parts of the query cancel each other out: change a weight or leave out a negative part"


@dataclass(frozen=True)
class EncodedPart:
    """A part as fusion sees it: something to look for; or, as an edit or negative, what changes that."""

    modality: Modality  # of what was encoded; for `like`, of the item
    weight: float
    negative: bool
    vector: Vectors  # (dim,), length one
    edit: bool = False
    rule: Arrays | None = None  # how it changes a target, where the space has learned that

    @property
    def sought(self) -> bool:
        return not (self.negative or self.edit)


class Fusion(Protocol):
    """Makes the target for one wanted modality; attention may look at all parts and at what is wanted."""

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors: ...  # (dim,), length one


class Blend(Protocol):
    """A way to fuse many queries at once, all with parts of the same modalities in the same order."""

    def contributions(
        self, vectors: Vectors, modalities: Sequence[Modality], weights: NDArray[np.float64], wanted: Modality
    ) -> NDArray[np.floating]:
        """(queries, parts, dim) unit vectors, (parts,) weights -> (queries, parts, dim), whose sum is the direction.

        One part alone is given back as it is; the order of parts does not show.
        """
        ...


def fuse_by(blend: Blend, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
    """The positive parts blended, the negative ones steered away from: (dim,), length one."""
    return direction(contributions_of(blend, parts, wanted))


def direction(added: NDArray[np.float64]) -> Vectors:
    """The target that these contributions make, (parts, dim) -> (dim,)."""
    fused: Vectors = added.sum(axis=0)
    return (fused / np.linalg.norm(fused)).astype(np.float32)


def contributions_of(blend: Blend, parts: Sequence[EncodedPart], wanted: Modality) -> NDArray[np.float64]:
    """What each part adds to the target, (parts, dim): the sum is the target, so a hit's score is shared out by it."""
    # Parts in one order, whatever order they were asked in: float sums must not tell.
    order = sorted(range(len(parts)), key=lambda at: (parts[at].modality, parts[at].weight, parts[at].vector.tobytes()))
    sought = [at for at in order if parts[at].sought]
    added = np.zeros((len(parts), len(parts[0].vector)))
    if len(sought) == 1:
        added[sought[0]] = parts[sought[0]].vector
    else:
        vectors = np.stack([parts[at].vector for at in sought])[None]  # (1, parts, dim)
        weights = np.array([parts[at].weight for at in sought], np.float64)
        added[sought] = blend.contributions(vectors, [parts[at].modality for at in sought], weights, wanted)[0]
    _scale(added)
    _change(added, parts, [at for at in order if parts[at].edit])
    negative = [at for at in order if parts[at].negative]
    if negative and not left_over(added.sum(axis=0), [parts[at].vector for at in negative]) > NO_DIRECTION:
        raise BadInput(CANCELLED)
    _change(added, parts, negative)
    return added


def _change(added: NDArray[np.float64], parts: Sequence[EncodedPart], places: Sequence[int]) -> None:
    """Each of these parts changes the target as it was before all of them."""
    if places:
        target = added.sum(axis=0)
        for at in places:
            added[at] = _changed(target, parts[at])
        _scale(added)


def _changed(target: NDArray[np.float64], part: EncodedPart) -> NDArray[np.float64]:
    """What an edit or a negative part adds to a target of length one, (dim,)."""
    if part.rule is not None:
        found = change(np, part.rule, target[None].astype(np.float32), part.vector[None], part.modality)[0]
        return part.weight * np.asarray(found, np.float64)
    if part.negative:
        return plainly_without(part.vector, part.weight)
    return part.weight * part.vector.astype(np.float64)


def _scale(added: NDArray[np.float64]) -> None:
    """To a sum of length one."""
    length = float(np.linalg.norm(added.sum(axis=0)))
    if not length > NO_DIRECTION * max(1.0, float(np.abs(added).max())):
        raise BadInput(CANCELLED)
    added /= length
