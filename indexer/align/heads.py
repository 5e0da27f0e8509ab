"""Heads as torch trains them: linear or with a residual, started from a head that is there or from nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearsee.core.errors import BadInput
from hearsee.core.head import LINEAR, MLP, Head
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.data import Table

KINDS = (LINEAR, MLP)
SAMPLE = 100_000


class TrainedHead(nn.Module):
    """(rows, backbone) -> (rows, shared); says at every moment which core head it is.

    What is learned of the matrix is its difference from where it started, so that weight decay pulls towards the start
    and not towards nothing: what the towers knew is kept where the pairs do not speak against it.
    """

    start: Tensor
    centre: Tensor

    def __init__(self, start: Tensor, centre: Tensor, width: int, dropout: float) -> None:
        super().__init__()
        backbone, shared = start.shape
        self.register_buffer("start", start)
        self.register_buffer("centre", centre)
        self.change = nn.Parameter(torch.zeros(backbone, shared))
        self.bias = nn.Parameter(centre @ start)  # so that centring changes nothing at first
        self.dropout = nn.Dropout(dropout)
        self.inner: nn.Parameter | None = None
        if width:
            self.inner = nn.Parameter(torch.randn(backbone, width))  # unit rows come in, so about 1 comes out
            self.inner_bias = nn.Parameter(torch.zeros(width))
            self.outer = nn.Parameter(torch.zeros(width, shared))  # the residual starts as nothing

    def forward(self, rows: Tensor) -> Tensor:
        rows = functional.normalize(rows.float(), dim=1) - self.centre
        mapped = torch.addmm(self.bias, rows, self.start + self.change)
        if self.inner is not None:
            curved = functional.gelu(torch.addmm(self.inner_bias, rows, self.inner), approximate="tanh")
            mapped = mapped + self.dropout(curved) @ self.outer
        return mapped

    def head(self) -> Head:
        """The same as numpy computes it when vectors are indexed and asked."""
        more = {"centre": self.centre, "bias": self.bias}
        if self.inner is not None:
            more |= {"inner": self.inner, "inner_bias": self.inner_bias, "outer": self.outer}
        return Head(_array(self.start + self.change), {name: _array(tensor) for name, tensor in more.items()})


def new_heads(
    table: Table, old: Mapping[str, Head] | None, kind: str, dim: int, width: int, dropout: float
) -> nn.ModuleDict:
    """One head for each modality of the table; drawn by torch's own generator, so seed it first.

    From `old` heads they start as what those do, if those are linear or the identity, and with their residual if not.
    """
    made = nn.ModuleDict()
    for modality in sorted(table.vectors):  # in order, or the draws would differ
        given = table.vectors[modality]
        some = given[:: 1 + len(given) // SAMPLE]  # enough to know the middle by
        rows = unit(some.astype(np.float32), f"{modality} vectors")
        head = (old or {}).get(modality)
        start = _start(head, rows.shape[1], dim)
        centre = torch.from_numpy(rows.mean(axis=0))
        more = head.more if head is not None else {}
        hidden = more["inner"].shape[1] if "inner" in more else width
        module = TrainedHead(start, centre, hidden if kind == MLP else 0, dropout)
        with torch.no_grad():
            if more:
                module.centre.copy_(torch.from_numpy(more["centre"]))
                module.bias.copy_(torch.from_numpy(more["bias"]))
            if "inner" in more and module.inner is not None:
                for name in ("inner", "inner_bias", "outer"):
                    getattr(module, name).copy_(torch.from_numpy(more[name]))
        made[modality] = module
    return made


def _start(head: Head | None, backbone: int, dim: int) -> Tensor:
    if head is None:
        drawn: Tensor = torch.randn(backbone, dim) / backbone**0.5
        return drawn
    if (problem := head.problem(backbone, dim)) is not None:
        raise BadInput(f"the old head does not fit these vectors: {problem}")
    matrix = np.eye(backbone, dtype=np.float32) if head.matrix is None else head.matrix.copy()
    return torch.from_numpy(matrix)


def _array(tensor: Tensor) -> Vectors:
    array: Vectors = tensor.detach().cpu().numpy().astype(np.float32).copy()
    return array
