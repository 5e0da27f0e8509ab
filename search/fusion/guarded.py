"""Attention that is heard only where it doubts a part; otherwise the weights that answer unspoiled questions best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.choices import Guard
from hearsee.search.fusion.attention import AttentionFusion
from hearsee.search.fusion.blend import EncodedPart, fuse_by
from hearsee.search.fusion.fixed import FixedFusion

LEAST_TRUST = 1e-9  # attention has no logarithm at 0


@dataclass(frozen=True)
class GuardedFusion:
    """Attention where it trusts some part far less than it usually does, and fixed weights where all is calm.

    Two good parts differ a little too, and weighing them by that costs more than it gains: so attention must never
    speak up about what is as it should be.
    """

    attention: AttentionFusion
    guard: Guard

    def contributions(
        self, vectors: Vectors, modalities: Sequence[Modality], weights: NDArray[np.float64], wanted: Modality
    ) -> NDArray[np.floating]:
        calm = FixedFusion(self.guard.calm).contributions(vectors, modalities, weights, wanted)
        doubted = self.doubted(vectors, modalities, wanted)
        if not doubted.any():
            return calm
        heard = self.attention.contributions(vectors, modalities, weights, wanted)
        shares: NDArray[np.floating] = np.where(doubted[:, None, None], heard, calm)
        return shares

    def doubted(self, vectors: Vectors, modalities: Sequence[Modality], wanted: Modality) -> NDArray[np.bool_]:
        """Whether a part of each query has fallen further in trust than nearly any unspoiled one, (queries,)."""
        if vectors.shape[1] == 1:
            return np.zeros(len(vectors), np.bool_)
        usual = np.array([self.guard.usual[modality] for modality in modalities])
        fallen: NDArray[np.bool_] = (usual - trust(self.attention, vectors, modalities, wanted)).max(
            1
        ) > self.guard.fall
        return fallen

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return fuse_by(self, parts, wanted)


def trust(
    attention: AttentionFusion, vectors: Vectors, modalities: Sequence[Modality], wanted: Modality
) -> NDArray[np.float64]:
    """The logarithm of attention, (queries, parts), whatever the user's weights: a weight is no reason for doubt."""
    found = attention.attention(vectors, modalities, np.ones(len(modalities)), wanted)
    return np.log(np.maximum(found.astype(np.float64), LEAST_TRUST))
