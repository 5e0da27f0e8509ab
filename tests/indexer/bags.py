"""Text towers that read a bag of words, each its own numbers: two of them agree on texts and on nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.contract import Contract
from hearsee.core.encoders.prepare_text import words_of
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit


@dataclass(frozen=True)
class BagTower:
    """The sum of the words' vectors around a middle of its own; what it is given as a sound it reads as a text."""

    modality: Modality
    salt: str
    dim: int = 48

    @property
    def preparation(self) -> str:
        return 'hearsee.core.encoders.prepare_text:text?{"tokens": 75}'

    @property
    def contract(self) -> Contract:
        return Contract(f"bag-{self.salt}-{self.modality}", "none", "words, v1", "whole", DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        rows = [sum((self._vector(word) for word in words_of(one).split()), self._vector("")) for one in pieces]
        return unit(np.stack(rows))

    def _vector(self, word: str) -> Vectors:
        seed = int.from_bytes(blake2b(f"{self.salt} {word}".encode(), digest_size=8).digest(), "big")
        vector: Vectors = np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32)
        return vector if word else 2 * vector


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a package would bring it: the tower `bag`, found through its entry point."""
    metadata = folder / "bags-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bags\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[hearsee.towers]\nbag = tests.indexer.bags:BagTower\n")
    monkeypatch.syspath_prepend(str(folder))
