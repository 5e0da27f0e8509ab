"""What the second look reads: what the toybox's towers know of words and pictures before they sum it up."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hearsee.core.modality import Modality
from hearsee.toybox.towers.encoders import WEIGHTS
from hearsee.toybox.towers.weights_file import load_tower

SIZE = 100  # rows that go through a tower at once
EVERY = 2  # of a picture's points, in either direction
_ONE_AT_A_TIME = Lock()  # hooks hear whoever passes

Heard: TypeAlias = tuple[Tensor, Tensor, Tensor]  # (n, words, 96), where none is (n, words), the tower's rows (n, 128)
# (m, 144, 96), (m, 36, 160), the tower's rows (m, 128), and points of the picture (m, 48, 48, 3) uint8
Seen: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Senses:
    """The two towers, frozen, and the fingerprint of their weights."""

    words: nn.Module
    pictures: nn.Module
    fingerprint: str

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> Senses:
        paths = [folder / f"{modality}.safetensors" for modality in (Modality.TEXT, Modality.IMAGE)]
        words, pictures = (load_tower(path, Modality(path.stem)) for path in paths)
        return cls(words, pictures, fingerprint_of(paths))

    def hear(self, texts: NDArray[np.int16]) -> Heard:
        """Prepared texts, padded: (n, words, features)."""
        nothing = torch.from_numpy(np.pad((texts == 0).all(axis=2), ((0, 0), (1, 0))))  # one row stands before all
        layers: Any = self.words.layers
        tokens, rows = _through(self.words, [layers[-1]], texts)
        return tokens, nothing, rows

    def see(self, pictures: NDArray[np.uint8]) -> Seen:
        """Prepared pictures: (m, 96, 96, 3)."""
        blocks: Any = self.pictures.grid.blocks  # type: ignore[union-attr]
        fine, coarse, rows = _through(self.pictures, list(blocks), pictures)
        dots = torch.from_numpy(np.ascontiguousarray(pictures[:, ::EVERY, ::EVERY]))
        return fine.flatten(2).transpose(1, 2), coarse.flatten(2).transpose(1, 2), rows, dots


def fingerprint_of(paths: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()


def _through(tower: nn.Module, inner: Sequence[nn.Module], given: NDArray[Any]) -> list[Tensor]:
    """What comes out of the inner modules, and the tower's unit rows."""
    kept: list[list[Tensor]] = [[] for _ in (*inner, tower)]

    def keeping(place: int) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _, __, made: kept[place].append(made)

    with _ONE_AT_A_TIME, torch.no_grad():
        hooks = [module.register_forward_hook(keeping(place)) for place, module in enumerate((*inner, tower))]
        try:
            for start in range(0, len(given), SIZE):
                tower(torch.from_numpy(np.ascontiguousarray(given[start : start + SIZE])))
        finally:
            for hook in hooks:
                hook.remove()
    *between, rows = (torch.cat(parts) for parts in kept)
    return [*between, functional.normalize(rows, dim=1)]
