"""Towers as networks that can learn: what they read as tensors, and how what they learned is written down."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from hearsee.core.encoders import Encoder
from hearsee.core.encoders.weights import READ
from hearsee.core.errors import BadInput
from hearsee.core.golden import GoldenTower
from hearsee.core.media.kinds import Piece
from hearsee.indexer.files import make_folder

Named: TypeAlias = tuple[str, Mapping[str, Any]]  # a tower's name in the table of towers, and its options
TUNABLE: Mapping[str, str] = {  # by class; others name a function of theirs under `tunable`
    "OpenClipTower": "hearsee.indexer.align.tunable_openclip:open_clip",
    "ClapTower": "hearsee.indexer.align.tunable_transformers:clap",
    "VisionTower": "hearsee.indexer.align.tunable_transformers:vision",
    "TextTower": "hearsee.indexer.align.tunable_transformers:text",
    "AudioTower": "hearsee.indexer.align.tunable_transformers:audio",
}


@dataclass(frozen=True)
class Tunable:
    network: nn.Module  # (inputs) -> (rows, dim), with gradients; all of its weights its own
    inputs: Callable[[Sequence[Piece]], Tensor]
    write: Callable[[nn.Module, Path], Named]  # into a space's folder; paths in the options are below it: ./image


def tunable(tower: Encoder) -> Tunable:
    """A copy of the tower that can learn."""
    if isinstance(tower, GoldenTower):  # as a library holds it
        return tunable(tower.inner)
    named = getattr(tower, "tunable", None) or TUNABLE.get(type(tower).__name__)
    if named is None:
        raise BadInput(
            f"{tower.contract.tower} cannot learn: its weights are not those of a network that is known here; train "
            "heads over it with `hearsee align heads`"
        )
    module, _, function = str(named).partition(":")
    made: Tunable = getattr(import_module(module), function)(tower)
    made.network.requires_grad_(True)
    return made


def write_model(network_state: Mapping[str, Tensor], name: str, copied: Path, place: Path) -> None:
    """A model's folder: its weights as safetensors, beside what else the model it came from had to be read with."""
    from safetensors.torch import save

    from hearsee.indexer.files import publish

    make_folder(place)
    for pattern in READ if copied.is_dir() else ():
        for path in copied.glob(pattern):
            if path.resolve() != (place / path.name).resolve() and not path.name.endswith(".index.json"):
                shutil.copyfile(path, place / path.name)
    # Cloned: weights that a model shares between two of its layers must not lie in one place.
    whole = {key: value.detach().cpu().contiguous().clone() for key, value in network_state.items()}
    publish(place, name, lambda sink: sink.write(save(whole, metadata={"format": "pt"})))


def pictures(pieces: Sequence[Piece]) -> Tensor:
    """(pictures, height, width, 3), whole numbers."""
    return torch.from_numpy(np.stack([piece.data for piece in pieces]))


class Scaled(nn.Module):
    """Whole numbers to what a network wants to see, (pictures, 3, height, width)."""

    middle: Tensor
    spread: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("middle", mean), ("spread", std)):
            self.register_buffer(name, torch.tensor(list(values)).view(1, 3, 1, 1) * 255.0, persistent=False)

    def forward(self, seen: Tensor) -> Tensor:
        return (seen.permute(0, 3, 1, 2).float() - self.middle) / self.spread
