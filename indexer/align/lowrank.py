"""Low-rank updates of a tower: its linear layers stay as they are, and each learns a small difference (LoRA)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from hearsee.core.errors import BadInput


class LowRank(nn.Module):
    """A frozen linear layer and the product of two thin matrices, which starts as nothing."""

    def __init__(self, frozen: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.frozen = frozen.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, frozen.in_features) / frozen.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(frozen.out_features, rank))
        self.scale = scale

    def forward(self, rows: Tensor) -> Tensor:
        change: Tensor = (rows @ self.down.T) @ self.up.T
        whole: Tensor = self.frozen(rows)
        return whole + self.scale * change

    @property
    def weight(self) -> Tensor:
        """As of one linear layer, for towers that look at it."""
        return self.frozen.weight + self.scale * (self.up @ self.down)

    @property
    def bias(self) -> Tensor:
        return self.frozen.bias

    def merged(self) -> nn.Linear:
        """One linear layer that computes the same."""
        with torch.no_grad():
            self.frozen.weight += self.scale * (self.up @ self.down)
        return self.frozen.requires_grad_(True)


def low_rank(
    tower: nn.Module, rank: int = 8, scale: float = 2.0, chosen: Callable[[str], bool] = lambda _: True
) -> nn.Module:
    """Freezes the tower in place and lets those of its linear layers learn whose names are chosen.

    A layer that something else reads the weights of past its forward pass (torch's own MultiheadAttention does) must
    not be chosen; the towers of open_clip's text side and torch's TransformerEncoderLayer have such, and they are
    passed over.
    """
    if rank < 1:
        raise BadInput(f"the rank is {rank}: it must be 1 or more")
    tower.requires_grad_(False)
    found = [name for name, layer in _linear(tower) if chosen(name)]
    if not found:
        raise BadInput("the tower has no linear layer of the chosen names: nothing could be learned")
    for name in found:
        parent, _, own = name.rpartition(".")
        owner = tower.get_submodule(parent)
        setattr(owner, own, LowRank(getattr(owner, own), rank, scale))
    return tower


def merge(tower: nn.Module) -> nn.Module:
    """The tower as it was built, with what was learned inside its layers: its weights save and load as before."""
    for name, layer in [(name, layer) for name, layer in tower.named_modules() if isinstance(layer, LowRank)]:
        parent, _, own = name.rpartition(".")
        setattr(tower.get_submodule(parent), own, layer.merged())
    return tower


def _linear(tower: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    read_past = {
        id(layer)
        for module in tower.modules()
        if isinstance(module, nn.MultiheadAttention | nn.TransformerEncoderLayer)
        for layer in module.modules()
    }
    for name, layer in tower.named_modules():
        if type(layer) is nn.Linear and id(layer) not in read_past:
            yield name, layer
