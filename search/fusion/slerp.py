"""Spherical interpolation: the mean along the sphere instead of through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.search.fusion.blend import EncodedPart, fuse_by

STEPS = 12  # of the mean of three or more; it settles long before


@dataclass(frozen=True)
class SlerpFusion:
    """The point from which the parts' weighted arcs balance; for two parts the slerp between them.

    Every step stays in the span of the parts, so the point is told as their coefficients.
    """

    def contributions(
        self,
        vectors: Vectors,
        modalities: Sequence[Modality],  # noqa: ARG002 - the sphere is one for all
        weights: NDArray[np.float64],
        wanted: Modality,  # noqa: ARG002
    ) -> NDArray[np.floating]:
        shares = weights / weights.sum()
        cosines = (vectors @ vectors.swapaxes(1, 2)).astype(np.float64)  # (queries, parts, parts)
        point = np.broadcast_to(shares, vectors.shape[:2]).copy()  # (queries, parts), coefficients
        for _ in range(STEPS):
            point /= _length(point, cosines)
            towards = np.clip(np.einsum("qij,qj->qi", cosines, point), -1, 1)  # cosine of each part with the point
            arcs = np.arccos(towards)
            stretch = shares * arcs / np.maximum(np.sin(arcs), 1e-6)  # of a part's own direction, for one unit of arc
            step = stretch - (stretch * towards).sum(1, keepdims=True) * point  # the tangent towards the balance
            length = _length(step, cosines)
            point = np.cos(length) * point + np.sin(length) * step / np.maximum(length, 1e-9)
        blended: NDArray[np.float64] = point[..., None] * vectors
        return blended

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return fuse_by(self, parts, wanted)


def _length(coefficients: NDArray[np.float64], cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.einsum("qi,qij,qj->q", coefficients, cosines, coefficients)
    lengths: NDArray[np.float64] = np.sqrt(np.maximum(squares, 1e-12))
    return lengths[:, None]
