"""What heads learn by: a loss between every two modalities of a batch, over the rows' groups."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from hearsee.core.errors import BadInput
from hearsee.indexer.align.large import large_info_nce
from hearsee.indexer.align.loop import Batch
from hearsee.indexer.align.losses import Temperature
from hearsee.indexer.align.pairwise import SigmoidScale, consistency, sigmoid_pairs

INFO_NCE, SIGMOID = "info_nce", "sigmoid"


class GroupLoss(nn.Module):
    """Rows of equal groups belong together; the mean over the pairs of modalities that share a group."""

    def __init__(self, kind: str = INFO_NCE, consistency_weight: float = 0.0, bfloat16: bool = False) -> None:
        super().__init__()
        if kind not in (INFO_NCE, SIGMOID):
            raise BadInput(f"no loss is called {kind!r}: use {INFO_NCE} or {SIGMOID}")
        self.kind = kind
        self.sharpness: Temperature | SigmoidScale = Temperature() if kind == INFO_NCE else SigmoidScale()
        self.consistency_weight = consistency_weight
        self.coarse = bfloat16  # the products between rows; a module has a method of that other name

    def forward(self, rows: Mapping[str, Tensor], batch: Batch) -> Tensor:
        losses = []
        for one, other in combinations(sorted(rows), 2):
            mine, theirs = batch.groups[one], batch.groups[other]
            if bool(torch.isin(mine, theirs).any()):
                losses.append(self._pair(rows[one], rows[other], mine, theirs))
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
        return large_info_nce(rows, others, self.sharpness(), mine, theirs, bfloat16=self.coarse)
