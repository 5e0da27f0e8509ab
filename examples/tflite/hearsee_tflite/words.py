"""A text tower without weights: every word has a few places of its own in the vector, by its hash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from hearsee.core.contract import Contract
from hearsee.core.encoders import prepare_text
from hearsee.core.errors import BadInput
from hearsee.core.media import DECODER, Piece
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit

TOKENS = 256  # a passage has about four bytes for each
PLACES = 4  # of a word in the vector
RULE = "hashed-words-1: words in small letters, a plural's s left out, the square root of how often each occurs"


@dataclass(frozen=True)
class WordsTower:
    """It understands nothing by itself; a head over it learns what the words are worth."""

    dim: int = 1024

    @property
    def preparation(self) -> str:
        return f'{prepare_text.NAME}?{{"tokens": {TOKENS}}}'

    @property
    def contract(self) -> Contract:
        windows = prepare_text.windows_rule(TOKENS)
        return Contract(f"hashed-words-{self.dim}", "none", f"{prepare_text.RULE}; {RULE}", windows, DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        rows = np.zeros((len(pieces), self.dim), np.float32)
        for row, piece in zip(rows, pieces, strict=True):
            found = words(prepare_text.words_of(piece)) or [""]
            for word in set(found):
                places, signs = _places(word, self.dim)
                np.add.at(row, places, signs * found.count(word) ** 0.5)
        return unit(rows)


def words(text: str) -> list[str]:
    found = re.findall(r"[^\W_]+", text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]


@lru_cache(maxsize=100_000)
def _places(word: str, dim: int) -> tuple[np.ndarray, np.ndarray]:
    digest = np.frombuffer(blake2b(word.encode(), digest_size=4 * PLACES).digest(), np.uint32)
    return (digest >> 1) % dim, np.where(digest & 1, 1.0, -1.0)


def words_tower(modality: Modality, *, dim: int = 1024) -> WordsTower:
    if modality is not Modality.TEXT:
        raise BadInput(f"hashed_words reads texts, not {modality}")
    return WordsTower(dim)
