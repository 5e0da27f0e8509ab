"""Towers: frozen encoders of one modality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hearsee.core.contract import Contract
from hearsee.core.media.kinds import Piece
from hearsee.core.vectors import Vectors


class Encoder(Protocol):
    """Turns prepared pieces of one modality into backbone vectors, one row each; loads its weights on first use."""

    @property
    def contract(self) -> Contract: ...  # known without loading weights into memory

    @property
    def dim(self) -> int: ...

    @property
    def preparation(self) -> str: ...  # "package.module:function", torch-free; see hearsee.core.media.kinds

    def encode(self, pieces: Sequence[Piece]) -> Vectors: ...
