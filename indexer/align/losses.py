"""Contrastive losses between rows of two modalities, and their sum over every pair that is present."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

MAX_SCALE = 100.0  # as in CLIP: beyond it the loss rests on single pairs


class Temperature(nn.Module):
    """The learned sharpness that cosines are multiplied by; kept as a logarithm so that it stays positive."""

    def __init__(self, scale: float = 1 / 0.07) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self) -> Tensor:
        return self.log_scale.exp().clamp(max=MAX_SCALE)


@dataclass(frozen=True)
class Match:
    """Which rows of two modalities belong together, and how much that counts."""

    asking: str
    answering: str
    alike: Tensor  # (asking rows, answering rows), bool
    rows: slice | None = None  # of the asking modality; all, unless said
    both_ways: bool = True  # else the answering rows are not asked which of the asking ones they belong to
    weight: float = 1.0


def info_nce(rows: Tensor, others: Tensor, scale: Tensor, alike: Tensor, *, both_ways: bool = True) -> Tensor:
    """Symmetric InfoNCE where several rows may be right.

    Every pair marked in `alike` (rows, others) counts as right, so two groups that happen to show the same are not
    pushed apart; a row that has nothing right on the other side, or nothing wrong, is left out of the mean.
    """
    cosines = functional.normalize(rows, dim=1) @ functional.normalize(others, dim=1).T  # (rows, others)
    scores = scale * cosines
    return (_one_way(scores, alike) + _one_way(scores.T, alike.T)) / 2 if both_ways else _one_way(scores, alike)


def contrastive(vectors: Mapping[str, Tensor], matches: Sequence[Match], scale: Tensor) -> Tensor:
    """The weighted mean loss over the matches; those of which one side is absent are skipped."""
    present = [match for match in matches if match.asking in vectors and match.answering in vectors]
    if not present:
        pairs = sorted(f"{match.asking} and {match.answering}" for match in matches)
        raise ValueError(f"no pair of {pairs} is present among {sorted(vectors)}")
    losses = [
        match.weight
        * info_nce(
            vectors[match.asking][match.rows or slice(None)],
            vectors[match.answering],
            scale,
            match.alike,
            both_ways=match.both_ways,
        )
        for match in present
    ]
    return torch.stack(losses).sum() / sum(match.weight for match in present)


def _one_way(scores: Tensor, alike: Tensor) -> Tensor:
    """Minus log of the chance of each right answer among the wrong ones: right ones do not compete with each other."""
    asked = alike.any(dim=1) & ~alike.all(dim=1)
    if not bool(asked.any()):
        return scores.sum() * 0.0
    scores, alike = scores[asked], alike[asked]
    wrong = scores.masked_fill(alike, -torch.inf).logsumexp(dim=1, keepdim=True)
    each = functional.softplus(wrong - scores).masked_fill(~alike, 0.0)
    return (each.sum(dim=1) / alike.sum(dim=1)).mean()
