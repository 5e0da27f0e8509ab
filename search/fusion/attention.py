"""Learned fusion: attention over the parts, additive or by scaled dot-product, and the early projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.attention import attend, numbers
from hearsee.core.fuser import Arrays
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.search.fusion.blend import EncodedPart, fuse_by


@dataclass(frozen=True)
class AttentionFusion:
    """z = unit(Σ a·v), a = softmax(score(part; the other parts, wanted) + log weight)."""

    kind: str  # additive or dot
    weights: Arrays

    def attention(
        self, vectors: Vectors, modalities: Sequence[Modality], weights: NDArray[np.float64], wanted: Modality
    ) -> NDArray[np.float32]:
        """(queries, parts), each row sums to one."""
        return attend(self.kind, self.weights, vectors, modalities, weights, wanted)

    def contributions(
        self, vectors: Vectors, modalities: Sequence[Modality], weights: NDArray[np.float64], wanted: Modality
    ) -> NDArray[np.floating]:
        shares: NDArray[np.float32] = self.attention(vectors, modalities, weights, wanted)[..., None] * vectors
        return shares

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return fuse_by(self, parts, wanted)


@dataclass(frozen=True)
class EarlyFusion:
    """Concatenate and project: each modality has a matrix for what is wanted, and the weighted images are added up."""

    project: NDArray[np.float32]  # (wanted, part's modality, d, d)

    def contributions(
        self, vectors: Vectors, modalities: Sequence[Modality], weights: NDArray[np.float64], wanted: Modality
    ) -> NDArray[np.floating]:
        if vectors.shape[1] == 1:
            return vectors
        matrices = self.project[numbers([wanted])[0]][numbers(modalities)]  # (parts, d, d)
        shares: NDArray[np.float64] = np.einsum("qpd,pde->qpe", vectors, matrices) * weights[None, :, None]
        return shares

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return fuse_by(self, parts, wanted)
