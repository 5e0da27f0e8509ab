"""The network of the second look: for each attribute what is said, what is seen, and whether the two go together."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SEEN, SIDES, SIZES, THINGS
from hearsee.toybox.towers.models import DIM

ASPECTS = len(SEEN)  # one for each attribute: thing, count, size, side, distance, colour
THING = SEEN.index("thing")
VALUES = tuple(map(len, (THINGS, COUNTS, SIZES, SIDES, DISTANCES, COLOURS)))
WORD_WIDTH, FINE, COARSE = 96, 96, 160  # channels of what the towers give
CELLS, STEP = 12, 2  # fine cells a side; a coarse cell covers two by two of them
WIDTH = 48
CELL_WIDTH = 96
DOTS, HUES = 4, 24  # points of the picture a side of a fine cell, and what is learned about each point's colour


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
        self.fine = nn.Sequential(nn.LayerNorm(FINE), nn.Linear(FINE, CELL_WIDTH))
        self.coarse = nn.Sequential(nn.LayerNorm(COARSE), nn.Linear(COARSE, CELL_WIDTH))
        # The towers remember little of colours: the points themselves are counted by what colour they are.
        self.paint = nn.Sequential(nn.Conv2d(3, HUES, 1), nn.GELU(), nn.Conv2d(HUES, HUES, 1), nn.GELU())
        self.places = nn.Parameter(torch.zeros(ASPECTS, CELLS * CELLS))
        self.look = nn.Linear(CELL_WIDTH + HUES, ASPECTS, bias=False)  # which cells show which attribute
        self.seen = nn.Sequential(Each(CELL_WIDTH + HUES + DIM, WIDTH), nn.GELU(), Each(WIDTH, WIDTH))
        self.judge = nn.Sequential(Each(3 * WIDTH + 1, WIDTH), nn.GELU(), Each(WIDTH, 1))
        # Only training asks these: by naming what is said and seen, the two sides learn to speak of the same.
        self.name_said = nn.ModuleList(nn.Linear(WIDTH, 1 + values) for values in VALUES)  # 0: not said
        self.name_seen = nn.ModuleList(nn.Linear(WIDTH, values) for values in VALUES)

    def hear(self, tokens: Tensor, nothing: Tensor) -> Tensor:
        """What is said of each attribute: (n, words, 96), where no word is (n, words) -> (n, 6, width)."""
        share = self.listen(tokens).masked_fill(nothing[..., None], -torch.inf).softmax(dim=1)  # (n, words, 6)
        read = share.transpose(1, 2) @ tokens  # (n, 6, 96)
        rows: Tensor = self.said(torch.cat([read, tokens[:, :1].expand_as(read)], dim=2))
        return rows

    def see(self, fine: Tensor, coarse: Tensor, whole: Tensor, dots: Tensor) -> Tensor:
        """What is seen of each: (m, 144, 96), (m, 36, 160), (m, 128), (m, 48, 48, 3) uint8 -> (m, 6, width)."""
        wide = self.coarse(coarse).transpose(1, 2).unflatten(2, (CELLS // STEP, CELLS // STEP))
        wide = functional.interpolate(wide, scale_factor=STEP).flatten(2).transpose(1, 2)
        hues = functional.avg_pool2d(self.paint(dots.permute(0, 3, 1, 2).float() / 64 - 2), DOTS)  # (m, 24, 12, 12)
        cells = torch.cat([functional.gelu(self.fine(fine) + wide), hues.flatten(2).transpose(1, 2)], dim=2)
        share = (self.look(cells).transpose(1, 2) + self.places).softmax(dim=2)  # (m, 6, 144)
        whole = whole[:, None].expand(-1, ASPECTS, -1)
        rows: Tensor = self.seen(torch.cat([share @ cells, whole], dim=2))
        return rows

    def forward(self, said: Tensor, seen: Tensor, cosines: Tensor) -> Tensor:
        """Pairs (..., 6, width) and the towers' cosines (...) -> (..., 6) log odds."""
        near = cosines[..., None, None].expand(*said.shape[:-1], 1)
        odds: Tensor = self.judge(torch.cat([said, seen, said * seen, near], dim=-1)).squeeze(-1)
        return odds


def fit(odds: Tensor) -> Tensor:
    """(..., 6) log odds -> (...), 0 to 18: how many attributes may be expected to fit, and how surely all of them do.

    The first alone would trade a wrong colour for a surer count; the second alone says little of those that miss one.
    Their shares were chosen on validation.
    """
    chances = odds.sigmoid()
    rows: Tensor = chances[..., THING] * chances.sum(dim=-1) + 2 * ASPECTS * chances.prod(dim=-1) ** (1 / 3)
    return rows
