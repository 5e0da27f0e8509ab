"""The three networks; each turns a batch of prepared pieces into rows of the shared space."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearsee.core.modality import Modality
from hearsee.toybox.towers.prepare import BUCKETS, WORDS

DIM = 128


class Block(nn.Module):
    """A residual pair of 3x3 convolutions; the first one halves the grid and widens the channels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        self.same = nn.Sequential(nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, grid: Tensor) -> Tensor:
        grid = self.down(grid)
        return torch.relu(grid + self.same(grid))


class Grid(nn.Module):
    """Convolutions down to a coarse grid that is read cell by cell, because side, height and pitch are positions.

    The input is first folded: each tile of fold x fold points becomes one point with as many more channels.
    """

    def __init__(self, given: int, fold: int, channels: tuple[int, ...], cells: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(fold),
            nn.Conv2d(given * fold**2, channels[0], 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(Block(a, b) for a, b in pairwise(channels)))
        self.read = nn.Sequential(nn.Conv2d(channels[-1], 32, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * cells, DIM))
        self.anywhere = nn.Linear(2 * channels[-1], DIM)  # what is seen or heard, wherever it is

    def forward(self, grid: Tensor) -> Tensor:
        grid = self.blocks(self.stem(grid))
        pooled = torch.cat([grid.mean(dim=(2, 3)), grid.amax(dim=(2, 3))], dim=1)
        rows: Tensor = self.read(grid) + self.anywhere(pooled)
        return rows


class PictureTower(nn.Module):
    """(n, 96, 96, 3) uint8 -> (n, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = Grid(3, 4, (64, 96, 160), 6 * 6)

    def forward(self, pictures: Tensor) -> Tensor:
        rows: Tensor = self.grid(pictures.permute(0, 3, 1, 2).float() / 64 - 2)
        return rows


class SoundTower(nn.Module):
    """(n, 2, 48, 100) float16 -> (n, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = Grid(2, 4, (64, 96, 128), 3 * 7)

    def forward(self, sounds: Tensor) -> Tensor:
        loudness, lean = sounds.float().unbind(dim=1)  # logarithms of power: about -7 to 7, and -5 to 5
        rows: Tensor = self.grid(torch.stack([loudness / 2 + 2, lean], dim=1))
        return rows


class WordTower(nn.Module):
    """(n, words, features) bucket numbers, 0 where nothing is -> (n, 128)."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.buckets = nn.Embedding(BUCKETS, width, padding_idx=0)
        nn.init.normal_(self.buckets.weight, std=0.1).data[0] = 0  # small, so that early steps turn them far
        self.whole = nn.Parameter(torch.randn(width) * 0.1)  # stands before the first word, so that no text is empty
        self.places = nn.Parameter(torch.randn(WORDS + 1, width) * 0.1)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.read = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, DIM))

    def forward(self, texts: Tensor) -> Tensor:
        texts = texts.long()
        used = (texts > 0).sum(dim=2, keepdim=True)  # (n, words, 1)
        summed = functional.embedding_bag(texts.flatten(0, 1), self.buckets.weight, mode="sum", padding_idx=0)
        vectors = summed.reshape(*texts.shape[:2], -1) / used.clamp(min=1).sqrt()  # (n, words, width)
        vectors = torch.cat([self.whole.expand(len(texts), 1, -1), vectors], dim=1)
        vectors = self.norm(vectors) + self.places[: vectors.shape[1]]
        nothing = torch.cat([torch.zeros_like(used[:, :1, 0]), used[:, :, 0] == 0], dim=1).bool()
        for layer in self.layers:
            vectors = layer(vectors, src_key_padding_mask=nothing)
        kept = (~nothing).unsqueeze(2).float()
        mean = (vectors * kept).sum(dim=1) / kept.sum(dim=1)
        rows: Tensor = self.read(torch.cat([vectors[:, 0], mean], dim=1))
        return rows


def new_tower(modality: Modality) -> nn.Module:
    """The untrained tower of a modality."""
    match modality:
        case Modality.IMAGE:
            return PictureTower()
        case Modality.AUDIO:
            return SoundTower()
        case Modality.TEXT:
            return WordTower()


def new_towers() -> nn.ModuleDict:
    """Untrained towers, one for each modality, under the modality's name."""
    return nn.ModuleDict({str(modality): channels_last(new_tower(modality)) for modality in Modality})


def channels_last(tower: nn.Module) -> nn.Module:
    """The same tower with its weights laid out as processors like them."""
    for weight in tower.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return tower
