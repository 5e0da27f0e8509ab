"""The network of the second look: for each attribute what is said, what is seen, and whether the two go together."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SEEN, SIDES, SIZES, THINGS
from hearsee.toybox.towers.models import DIM

ASPECTS = len(SEEN)  # one for each attribute: thing, count, size, side, distance, colour
VALUES = tuple(map(len, (THINGS, COUNTS, SIZES, SIDES, DISTANCES, COLOURS)))
WORD_WIDTH, FINE, COARSE = 96, 96, 160  # channels of what the towers give
CELLS, STEP = 12, 2  # cells a side; a coarse cell covers two by two fine ones
WIDTH = 48
CELL_WIDTH = 96


class Each(nn.Module):
    """A linear layer for each aspect."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(ASPECTS, given, made) * given**-0.5)
        self.bias = nn.Parameter(torch.zeros(ASPECTS, made))

    def forward(self, rows: Tensor) -> Tensor:
        """(..., 6, given) -> (..., 6, made)."""
        by_aspect = rows.flatten(0, -3).transpose(0, 1)  # (6, n, given)
        made = torch.baddbmm(self.bias[:, None], by_aspect, self.weight).transpose(0, 1)
        return made.reshape(*rows.shape[:-1], made.shape[-1])


class Reader(nn.Module):
    """Log odds that what the words say of each attribute fits the picture; what they do not say always fits."""

    def __init__(self) -> None:
        super().__init__()
        self.listen = nn.Linear(WORD_WIDTH, ASPECTS, bias=False)  # which words speak of which attribute
        self.said = nn.Sequential(Each(2 * WORD_WIDTH, WIDTH), nn.GELU(), Each(WIDTH, WIDTH))
        self.cells = nn.Sequential(nn.LayerNorm(FINE + COARSE), nn.Linear(FINE + COARSE, CELL_WIDTH), nn.GELU())
        self.places = nn.Parameter(torch.zeros(ASPECTS, CELLS * CELLS))
        self.look = nn.Linear(CELL_WIDTH, ASPECTS, bias=False)  # which cells show which attribute
        self.seen = nn.Sequential(Each(CELL_WIDTH + DIM, WIDTH), nn.GELU(), Each(WIDTH, WIDTH))
        self.judge = nn.Sequential(Each(3 * WIDTH, WIDTH), nn.GELU(), Each(WIDTH, 1))
        self.name_said = nn.ModuleList(nn.Linear(WIDTH, 1 + values) for values in VALUES)
        self.name_seen = nn.ModuleList(nn.Linear(WIDTH, values) for values in VALUES)

    def hear(self, tokens: Tensor, nothing: Tensor) -> Tensor:
        """What is said of each attribute: (n, words, 96), where no word is (n, words) -> (n, 6, width)."""
        share = self.listen(tokens).masked_fill(nothing[..., None], -torch.inf).softmax(dim=1)  # (n, words, 6)
        read = share.transpose(1, 2) @ tokens  # (n, 6, 96)
        rows: Tensor = self.said(torch.cat([read, tokens[:, :1].expand_as(read)], dim=2))
        return rows

    def see(self, fine: Tensor, coarse: Tensor, whole: Tensor) -> Tensor:
        """What is seen of each: (m, 96, 12, 12), (m, 160, 6, 6), the tower's row (m, 128) -> (m, 6, width)."""
        wide = functional.interpolate(coarse, scale_factor=STEP)
        cells = self.cells(torch.cat([fine, wide], dim=1).flatten(2).transpose(1, 2))  # (m, 144, 96)
        share = (self.look(cells).transpose(1, 2) + self.places).softmax(dim=2)  # (m, 6, 144)
        read = share @ cells
        rows: Tensor = self.seen(torch.cat([read, whole[:, None].expand(-1, ASPECTS, -1)], dim=2))
        return rows

    def forward(self, said: Tensor, seen: Tensor) -> Tensor:
        """Pairs of (..., 6, width) -> (..., 6) log odds."""
        odds: Tensor = self.judge(torch.cat([said, seen, said * seen], dim=-1)).squeeze(-1)
        return odds
