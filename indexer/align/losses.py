"""Contrastive losses between rows of two modalities, and their sum over every pair that is present."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Pair: TypeAlias = tuple[str, str]
Keys: TypeAlias = tuple[Tensor, Tensor]  # one number for each row of either side; equal numbers belong together

MAX_SCALE = 100.0  # as in CLIP: beyond it the loss rests on single pairs


class Temperature(nn.Module):
    """The learned sharpness that cosines are multiplied by; kept as a logarithm so that it stays positive."""

    def __init__(self, scale: float = 1 / 0.07) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self) -> Tensor:
        return self.log_scale.exp().clamp(max=MAX_SCALE)


def info_nce(rows: Tensor, others: Tensor, scale: Tensor, alike: Tensor) -> Tensor:
    """Symmetric InfoNCE where several rows may be right.

    Every pair marked in `alike` (rows, others) counts as right, so two groups that happen to show the same are not
    pushed apart; a row with nothing right on the other side is left out of the mean.
    """
    cosines = functional.normalize(rows, dim=1) @ functional.normalize(others, dim=1).T  # (rows, others)
    scores = scale * cosines
    return (_one_way(scores, alike) + _one_way(scores.T, alike.T)) / 2


def contrastive(vectors: Mapping[str, Tensor], keys: Mapping[Pair, Keys], scale: Tensor) -> Tensor:
    """The mean loss over the pairs named in `keys`; pairs of which one side is absent are skipped."""
    losses = [
        info_nce(vectors[one], vectors[other], scale, left[:, None] == right[None, :])
        for (one, other), (left, right) in keys.items()
        if one in vectors and other in vectors
    ]
    if not losses:
        raise ValueError(f"no pair of {sorted(keys)} is present among {sorted(vectors)}")
    return torch.stack(losses).mean()


def _one_way(scores: Tensor, alike: Tensor) -> Tensor:
    """Minus log of the chance that falls on the right ones, over rows that have a right one."""
    asked = alike.any(dim=1)
    if not bool(asked.any()):
        return scores.sum() * 0.0
    right = scores.masked_fill(~alike, -torch.inf)[asked]
    return (scores[asked].logsumexp(dim=1) - right.logsumexp(dim=1)).mean()
