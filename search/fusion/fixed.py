"""Fixed weights: so much for each modality, chosen once on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.search.fusion.blend import EncodedPart, fuse_by


@dataclass(frozen=True)
class FixedFusion:
    """The weighted mean, each part's weight times its modality's; a modality not named counts as their mean does."""

    by_modality: Mapping[Modality, float]

    def contributions(
        self,
        vectors: Vectors,
        modalities: Sequence[Modality],
        weights: NDArray[np.float64],
        wanted: Modality,  # noqa: ARG002 - chosen for one wanted modality
    ) -> NDArray[np.floating]:
        usual = sum(self.by_modality.values()) / len(self.by_modality) if self.by_modality else 1.0
        scaled = weights * np.array([self.by_modality.get(modality, usual) for modality in modalities])
        if not scaled.sum() > 0:  # only parts that validation would leave out: better they than none
            scaled = weights
        shares: NDArray[np.float64] = (scaled / scaled.sum())[None, :, None] * vectors
        return shares

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return fuse_by(self, parts, wanted)
