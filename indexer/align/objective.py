"""What heads learn by: a loss between every two modalities of a batch, over the rows' groups."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearsee.core.errors import BadInput
from hearsee.indexer.align.loop import Batch
from hearsee.indexer.align.losses import Temperature, info_nce
from hearsee.indexer.align.pairwise import SigmoidScale, consistency, sigmoid_pairs

INFO_NCE, SIGMOID = "info_nce", "sigmoid"


class GroupLoss(nn.Module):
    """Rows of equal groups belong together; the mean over the pairs of modalities that share a group."""

    def __init__(self, kind: str = INFO_NCE, consistency_weight: float = 0.0) -> None:
        super().__init__()
        if kind not in (INFO_NCE, SIGMOID):
            raise BadInput(f"no loss is called {kind!r}: use {INFO_NCE} or {SIGMOID}")
        self.kind = kind
        self.sharpness: Temperature | SigmoidScale = Temperature() if kind == INFO_NCE else SigmoidScale()
        self.consistency_weight = consistency_weight

    def forward(self, rows: Mapping[str, Tensor], batch: Batch) -> Tensor:
        units = {modality: functional.normalize(table, dim=1) for modality, table in rows.items()}
        losses = []
        for one, other in combinations(sorted(rows), 2):
            mine, theirs = batch.groups[one], batch.groups[other]
            if bool(torch.isin(mine, theirs).any()):
                losses.append(self._pair(units[one], units[other], mine, theirs))
        if not losses:
            return torch.stack([table.sum() for table in rows.values()]).sum() * 0.0
        loss = torch.stack(losses).mean()
        if self.consistency_weight:
            loss = loss + self.consistency_weight * consistency(rows, batch.groups)
        return loss

    def _pair(self, rows: Tensor, others: Tensor, mine: Tensor, theirs: Tensor) -> Tensor:
        if isinstance(self.sharpness, SigmoidScale):
            scale, bias = self.sharpness()
            return sigmoid_pairs(rows, others, scale, bias, mine[:, None] == theirs[None, :])
        scale = self.sharpness()
        if not _each_once(mine) or not _each_once(theirs):
            return info_nce(rows, others, scale, mine[:, None] == theirs[None, :])
        return one_right(rows, others, scale, mine, theirs)


def one_right(rows: Tensor, others: Tensor, scale: Tensor, mine: Tensor, theirs: Tensor) -> Tensor:
    """Symmetric InfoNCE of unit rows where no group comes twice on a side: the same number, in fewer passes."""
    scores = (scale * rows) @ others.T  # (rows, others)
    order = torch.argsort(theirs)
    place = torch.searchsorted(theirs[order], mine).clamp(max=len(theirs) - 1)
    found = order[place]
    here = torch.nonzero(theirs[found] == mine)[:, 0]  # rows that have a right one
    right = scores[here, found[here]]
    whole = len(here) == len(mine) == len(theirs)
    across = scores.logsumexp(dim=1) if whole else scores.logsumexp(dim=1)[here]
    down = scores.logsumexp(dim=0) if whole else scores.logsumexp(dim=0)[found[here]]
    return (across.mean() + down.mean()) / 2 - right.mean()


def _each_once(groups: Tensor) -> bool:
    return len(torch.unique(groups)) == len(groups)
