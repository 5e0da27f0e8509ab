"""The toybox's space: three towers that already live in it, so their heads are the identity."""

from __future__ import annotations

from pathlib import Path

from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.toybox.towers.encoders import DIM, WEIGHTS, ToyboxTower

RERANKER = "hearsee.toybox.rerank.reranker:toybox_reranker"


def toybox_space(weights: Path = WEIGHTS) -> Space:
    """The space of the weights that ship with the package, or of others trained by `hearsee align toybox`."""
    towers = {modality: ToyboxTower(modality, weights) for modality in Modality}
    reranker = RERANKER if weights == WEIGHTS else None  # it was trained on the towers that ship
    return Space("toybox", DIM, towers, fusion=weights, reranker=reranker)
