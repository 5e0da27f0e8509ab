"""A torch-free stand-in for tests and benchmarks: equal pieces, equal vectors; it understands nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from hearsee.core.contract import Contract
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Media, Picture, Piece, Sound, Span, Words
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit

WINDOW_SECONDS = 1.0  # hop the same; the last window is as long as what is left
PASSAGE_CHARACTERS = 1000


@dataclass(frozen=True)
class HashEncoder:
    """Gives each piece a direction drawn from its own bytes."""

    modality: Modality
    dim: int = 16
    preparation: str = "hearsee.core.encoders.hash:prepare"

    @property
    def contract(self) -> Contract:
        windows = f"{WINDOW_SECONDS} s or {PASSAGE_CHARACTERS} characters, no overlap, last one short"
        return Contract(f"hash-{self.modality}-{self.dim}", "none", "raw bytes, v1", windows, DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        seeds = [int.from_bytes(blake2b(piece.data.tobytes(), digest_size=8).digest(), "big") for piece in pieces]
        rows = [np.random.default_rng(seed).standard_normal(self.dim) for seed in seeds]
        return unit(np.asarray(rows, np.float32).reshape(-1, self.dim))


def prepare(media: Media) -> list[Piece]:
    match media:
        case Picture(pixels):
            return [Piece(pixels)]
        case Sound(samples, rate):
            step = max(1, int(WINDOW_SECONDS * rate))
            starts = range(0, max(1, len(samples)), step)
            ends = [min(start + step, len(samples)) for start in starts]
            return [
                Piece(samples[start:end], Span(start / rate, end / rate, "seconds"))
                for start, end in zip(starts, ends, strict=True)
            ]
        case Words(text):
            cuts = range(0, max(1, len(text)), PASSAGE_CHARACTERS)
            return [_passage(text, cut, min(cut + PASSAGE_CHARACTERS, len(text))) for cut in cuts]


def _passage(text: str, start: int, end: int) -> Piece:
    whole = start == 0 and end == len(text)
    data = np.frombuffer(text[start:end].encode(), np.uint8)
    return Piece(data, None if whole else Span(start, end, "characters"))
