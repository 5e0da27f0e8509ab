"""From several encoded parts to the one direction that is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors

# Below this length a sum of unit vectors is rounding noise of parts that cancel out.
NO_DIRECTION = 1e-4


@dataclass(frozen=True)
class EncodedPart:
    """A part as fusion sees it."""

    modality: Modality  # of what was encoded; for `like`, of the item
    weight: float
    negative: bool
    vector: Vectors  # (dim,), length one


class Fusion(Protocol):
    """Makes the target for one wanted modality; attention may look at all parts and at what is wanted."""

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors: ...  # (dim,), length one


@dataclass(frozen=True)
class MeanFusion:
    """z = unit((Σ wᵢ·vᵢ − Σ uⱼ·nⱼ) / Σ wᵢ): the weighted mean of the parts, negative parts subtracted.

    wᵢ, vᵢ: weights and unit vectors of the parts; uⱼ, nⱼ: those of the negative parts. Only the ratios of the weights
    matter, and ⟨z, x⟩ is the same weighted sum of the parts' cosines with x, up to one factor for all x.
    """

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:  # noqa: ARG002 - a mean suits all
        weights = np.array([-part.weight if part.negative else part.weight for part in parts])
        # float64: the order of the parts must not show in the last digits; (parts,) · (parts, dim) -> (dim,)
        mean = weights @ np.stack([part.vector for part in parts]).astype(np.float64) / weights[weights > 0].sum()
        length = float(np.linalg.norm(mean))
        if not length > NO_DIRECTION:
            raise BadInput("the parts of the query cancel each other out: change a weight or leave out a negative part")
        fused: Vectors = (mean / length).astype(np.float32)
        return fused
