"""How much hostile media may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    max_file_bytes: int = 256 * 2**20
    max_pixels: int = 50_000_000
    max_seconds: float = 600.0
    long_samples: int = 2**23  # frames times channels, from which a sound is read in blocks: 32 MiB as float32
    block_frames: int = 2**18  # decoded at once of such a sound
    group_bytes: int = 2**23  # of prepared pieces, from which a worker hands on what it has of a long item
    film_seconds: float = 2.0  # one frame of a film is looked at in each
    max_text_bytes: int = 2**20
    decode_seconds: float = 60.0  # wall clock for one item in a worker
    worker_bytes: int = 2 * 2**30  # address space of a decoding worker
