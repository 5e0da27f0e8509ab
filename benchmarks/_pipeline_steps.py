"""What one picture costs step by step, in CPU milliseconds of one core, each step alone and with one thread."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hearsee.core.encoders.device import pixels
from hearsee.core.encoders.openclip import OpenClipTower, load
from hearsee.core.media import Piece
from hearsee.core.media.decode import decode
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings

TIMES = 3


def steps(tower: OpenClipTower, files: Sequence[Path]) -> dict[str, float]:
    """The least of a few turns; Pillow's decoding stands beside ours, and open_clip's whole model beside the tower."""
    import torch

    limits, threads = Settings().limits, torch.get_num_threads()
    raws = [file.read_bytes() for file in files]
    pieces: list[Piece] = [prepare(tower.preparation, Modality.IMAGE, raw, limits)[0] for raw in raws]
    torch.set_num_threads(1)
    try:
        model = load(tower.source, tower.run)
        seen = pixels(pieces, *tower.scaling, tower.run)
        with torch.inference_mode():
            found = {
                "read": _least(lambda: [file.read_bytes() for file in files]),
                "hash": _least(lambda: [hashlib.sha256(raw).digest() for raw in raws]),
                "decode": _least(lambda: [decode(Modality.IMAGE, raw, limits) for raw in raws]),
                "the same by Pillow": _least(lambda: [_by_pillow(raw) for raw in raws]),
                "decode, cut and scale": _least(
                    lambda: [prepare(tower.preparation, Modality.IMAGE, raw, limits) for raw in raws]
                ),
                "normalise": _least(lambda: pixels(pieces, *tower.scaling, tower.run)),
                "tower": _least(lambda: model.see(seen)),
                "open_clip's encode_image": _least(lambda: model.model.encode_image(seen)),
            }
    finally:
        torch.set_num_threads(threads)
    return {name: round(seconds / len(files) * 1e3, 3) for name, seconds in found.items()}


def _by_pillow(raw: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(raw)) as picture:
        return np.asarray(picture.convert("RGB"))


def _least(run: Callable[[], Any]) -> float:
    run()
    taken = []
    for _ in range(TIMES):
        began = time.thread_time()
        run()
        taken.append(time.thread_time() - began)
    return min(taken)
