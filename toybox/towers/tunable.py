"""The toybox towers as networks that go on learning, on what a library holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from hearsee.core.media.kinds import Piece
from hearsee.indexer.align.tunable import Named, Tunable
from hearsee.toybox.towers.encoders import ToyboxTower, stacked
from hearsee.toybox.towers.weights_file import load_tower, save_towers


def toybox(tower: ToyboxTower) -> Tunable:
    def inputs(pieces: Sequence[Piece]) -> Tensor:
        return torch.from_numpy(stacked(pieces))

    def write(network: nn.Module, out: Path) -> Named:
        save_towers(nn.ModuleDict({str(tower.modality): network}), out / "toybox")
        return "toybox", {"folder": "./toybox"}

    return Tunable(load_tower(tower.path, tower.modality), inputs, write)
