"""The pairwise sigmoid loss, and the pull of one group's rows towards their middle."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearsee.indexer.align.losses import MAX_SCALE


class SigmoidScale(nn.Module):
    """Learned sharpness and bias of the sigmoid loss; the bias starts low, for nearly all pairs are wrong ones."""

    def __init__(self, scale: float = 10.0, bias: float = -10.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self) -> tuple[Tensor, Tensor]:
        return self.log_scale.exp().clamp(max=MAX_SCALE), self.bias


def sigmoid_pairs(rows: Tensor, others: Tensor, scale: Tensor, bias: Tensor, alike: Tensor) -> Tensor:
    """Each pair judged by itself, right where `alike` (rows, others): a sum over the pairs, divided by the rows.

    Any number of right ones is as good as one: nothing is shared out among the others of a row.
    """
    cosines = functional.normalize(rows, dim=1) @ functional.normalize(others, dim=1).T  # (rows, others)
    signs = alike.to(cosines.dtype) * 2 - 1
    losses = -functional.logsigmoid(signs * (scale * cosines + bias))
    return losses.sum() / max(1, min(len(rows), len(others)))


def consistency(vectors: Mapping[str, Tensor], groups: Mapping[str, Tensor]) -> Tensor:
    """How far a group's rows lie from their common middle: the mean of one minus the cosine, groups of one left out.

    Every modality weighs the same in the middle, however many rows a group has of it.
    """
    known = torch.unique(torch.cat([groups[modality] for modality in vectors]))  # sorted
    units = {modality: functional.normalize(rows, dim=1) for modality, rows in vectors.items()}
    places = {modality: torch.searchsorted(known, groups[modality].contiguous()) for modality in vectors}
    some = next(iter(units.values()))
    middle, present = some.new_zeros(len(known), some.shape[1]), some.new_zeros(len(known))
    for modality, rows in units.items():
        sums = rows.new_zeros(len(known), rows.shape[1]).index_add(0, places[modality], rows)
        counts = torch.bincount(places[modality], minlength=len(known))
        middle = middle + sums / counts.clamp(min=1)[:, None]
        present = present + (counts > 0)
    middle = functional.normalize(middle, dim=1)
    apart = [
        (1 - (rows * middle[places[modality]]).sum(dim=1))[present[places[modality]] > 1]
        for modality, rows in units.items()
    ]
    together = torch.cat(apart)
    return together.mean() if len(together) else some.sum() * 0.0
