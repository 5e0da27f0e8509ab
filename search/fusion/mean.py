"""The weighted mean: what most engines do, and what any other way must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.search.fusion.blend import EncodedPart, fuse_by


@dataclass(frozen=True)
class MeanFusion:
    """z = unit(Σ wᵢ·vᵢ), the user's weights wᵢ over unit vectors vᵢ; only the ratios of the weights matter.

    ⟨z, x⟩ is the same weighted sum of the parts' cosines with x, up to one factor for all x.
    """

    def contributions(
        self,
        vectors: Vectors,
        modalities: Sequence[Modality],  # noqa: ARG002 - a mean suits all
        weights: NDArray[np.float64],
        wanted: Modality,  # noqa: ARG002
    ) -> NDArray[np.floating]:
        shares: NDArray[np.float64] = (weights / weights.sum())[None, :, None] * vectors
        return shares

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return fuse_by(self, parts, wanted)
