"""Weights on disk: one safetensors file for each tower, float16 where that loses nothing that matters."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from hearsee.core.errors import Damaged, NotFound
from hearsee.core.modality import Modality
from hearsee.toybox.towers.models import channels_last, new_tower


def save_towers(towers: nn.ModuleDict, folder: Path) -> None:
    """Writes image, audio and text.safetensors; running statistics stay float32, they may be tiny."""
    folder.mkdir(parents=True, exist_ok=True)
    for modality, tower in towers.items():
        weights = {
            name: (value.half() if _learned(name, value) else value).contiguous()
            for name, value in tower.state_dict().items()
        }
        save_file(weights, folder / f"{modality}.safetensors")


def load_towers(folder: Path) -> nn.ModuleDict:
    """All three towers of a folder, under their modality's name."""
    return nn.ModuleDict(
        {str(modality): load_tower(folder / f"{modality}.safetensors", modality) for modality in Modality}
    )


def load_tower(path: Path, modality: Modality) -> nn.Module:
    """The tower with its weights, ready to answer."""
    if not path.is_file():
        raise NotFound(f"no weights at {path}: train them with `hearsee align toybox`")
    tower = new_tower(modality)
    try:
        tower.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except Exception as error:
        raise Damaged(f"{path} does not hold the toybox {modality} tower: {error}") from error
    return channels_last(tower).eval()


def _learned(name: str, value: torch.Tensor) -> bool:
    return value.is_floating_point() and "running" not in name
