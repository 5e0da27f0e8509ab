"""The toybox towers as encoders of a space; torch and weights are loaded with the first piece."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.contract import Contract
from hearsee.core.errors import NotFound
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.toybox.towers import prepare

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = Path(__file__).parent / "weights"
DIM = 128
BATCH = 128  # pieces that go through a network at once
RULES = {
    Modality.IMAGE: (prepare.PICTURE_RULE, "the whole picture"),
    Modality.AUDIO: (prepare.SOUND_RULE, prepare.SOUND_WINDOWS),
    Modality.TEXT: (prepare.WORDS_RULE, prepare.WORDS_WINDOWS),
}
PREPARATIONS = {Modality.IMAGE: "picture", Modality.AUDIO: "sound", Modality.TEXT: "words"}


@dataclass(frozen=True)
class ToyboxTower:
    """One of the three towers; its file of weights is read on first use and must not change afterwards."""

    modality: Modality
    folder: Path = WEIGHTS
    dim: int = DIM
    tunable: str = "hearsee.toybox.towers.tunable:toybox"  # how it learns; see hearsee.indexer.align.tunable

    @property
    def path(self) -> Path:
        return self.folder / f"{self.modality}.safetensors"

    @property
    def preparation(self) -> str:
        return f"hearsee.toybox.towers.prepare:{PREPARATIONS[self.modality]}"

    @cached_property
    def contract(self) -> Contract:
        if not self.path.is_file():
            raise NotFound(f"no weights at {self.path}: train them with `hearsee align toybox`")
        weights = hashlib.sha256(self.path.read_bytes()).hexdigest()
        rule, windows = RULES[self.modality]
        return Contract(f"toybox-{self.modality}", weights, rule, windows, DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        """One unit row for each piece."""
        if not pieces:
            return np.empty((0, self.dim), np.float32)
        rows = [self._encode(pieces[start : start + BATCH]) for start in range(0, len(pieces), BATCH)]
        return unit(np.concatenate(rows), f"toybox {self.modality} vectors")

    def _encode(self, pieces: Sequence[Piece]) -> Vectors:
        import torch

        with torch.inference_mode():
            rows: Vectors = self._network(torch.from_numpy(stacked(pieces))).numpy()
        return rows

    @cached_property
    def _network(self) -> nn.Module:
        from hearsee.toybox.towers.weights_file import load_tower

        return load_tower(self.path, self.modality)


def toybox_tower(modality: Modality, *, folder: str) -> ToyboxTower:
    """A tower of other weights than those that ship, for a space in a folder."""
    return ToyboxTower(modality, Path(folder))


def stacked(pieces: Sequence[Piece]) -> NDArray[Any]:
    """Pieces as one array; the shorter ones, which only texts have, are filled up with zeros."""
    first = pieces[0].data
    longest = max(len(piece.data) for piece in pieces)
    together = np.zeros((len(pieces), longest, *first.shape[1:]), first.dtype)
    for row, piece in zip(together, pieces, strict=True):
        row[: len(piece.data)] = piece.data
    return together
