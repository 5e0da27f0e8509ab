"""What it costs to hold towers against golden vectors, and which drifts of the toybox's towers they find.

`python benchmarks/contract.py [--json]`. The check runs once for each tower that a process uses with a library; it is
held against what a fresh process pays for the first piece of that tower anyway (imports, weights, one piece). Drifts
are changes that the contract does not say: the same weights and the same words for the preprocessing, other vectors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from hearsee.core.contract import Contract
from hearsee.core.encoders import Encoder
from hearsee.core.golden import LEAST_COSINE, golden_of
from hearsee.core.media.kinds import Media, Picture, Piece, Sound, Words
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.core.vectors import Vectors
from hearsee.toybox.towers import prepare

IMAGE, AUDIO, TEXT = Modality.IMAGE, Modality.AUDIO, Modality.TEXT
COST_MS = 100.0  # "some tens of milliseconds" for all three together
FIRST = """
import time
began = time.perf_counter()
from hearsee.core.canonical import canonical_inputs
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
tower = load_space("toybox").tower(Modality("MODALITY"))
tower.encode(prepare(tower.preparation, Modality("MODALITY"), canonical_inputs(Modality("MODALITY"))[0], Limits())[:1])
print(time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Drifted:
    """A tower that says it is the old one."""

    inner: Encoder
    prepared: str | None = None
    noise: float = 0.0  # added to the vectors, in units of their length: other rounding

    @property
    def contract(self) -> Contract:
        return self.inner.contract

    @property
    def dim(self) -> int:
        return self.inner.dim

    @property
    def preparation(self) -> str:
        return self.prepared or self.inner.preparation

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        rows = self.inner.encode(pieces)
        if not self.noise:
            return rows
        rng = np.random.default_rng(0)
        return rows + np.float32(self.noise / rows.shape[1] ** 0.5) * rng.standard_normal(rows.shape).astype(np.float32)


def resized(media: Media, how: int) -> list[Piece]:
    from PIL import Image

    assert isinstance(media, Picture)
    side = (prepare.PICTURE_SIDE, prepare.PICTURE_SIDE)
    return [Piece(np.asarray(Image.fromarray(media.pixels).resize(side, Image.Resampling(how))))]


def changed(media: Media, change: str) -> list[Piece]:
    if isinstance(media, Picture):
        rows, columns = (size // 20 for size in media.pixels.shape[:2])
        cut = media.pixels[rows:-rows, columns:-columns]
        return prepare.picture(Picture({"cut": cut, "swapped": media.pixels[:, :, ::-1]}[change].copy()))
    if isinstance(media, Sound):
        rate = round(media.rate * (1.02 if change == "faster" else 1))
        return prepare.sound(Sound(media.samples * np.float32(0.5 if change == "quieter" else 1), rate))
    return prepare.words(Words(media.text.rpartition(" ")[0] if change == "cut" else media.text.replace(" ", "")))


bicubic, nearest = partial(resized, how=3), partial(resized, how=0)
cut, swapped, faster, quieter, joined = (
    partial(changed, change=name) for name in ("cut", "swapped", "faster", "quieter", "joined")
)

DRIFTS: tuple[tuple[Modality, str, str | None, float], ...] = (
    (IMAGE, "rounding of bfloat16's size", None, 2**-8),
    (IMAGE, "bicubic in place of bilinear", "bicubic", 0),
    (IMAGE, "nearest in place of bilinear", "nearest", 0),
    (IMAGE, "a twentieth cut off at each side", "cut", 0),
    (IMAGE, "red and blue swapped", "swapped", 0),
    (AUDIO, "rounding of bfloat16's size", None, 2**-8),
    (AUDIO, "2 % faster", "faster", 0),
    (AUDIO, "half as loud", "quieter", 0),
    (TEXT, "rounding of bfloat16's size", None, 2**-8),
    (TEXT, "the last word lost", "cut", 0),
    (TEXT, "spaces lost", "joined", 0),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--repeats", type=int, default=20)
    given = options.parse_args()
    torch.set_num_threads(1)
    space = load_space("toybox")
    costs = [cost(space.tower(modality), modality, given.repeats) for modality in Modality]
    found = [drift(space.tower(one[0]), *one) for one in DRIFTS]
    together = sum(one["check_ms"] for one in costs)
    answer = {
        "least_cosine": LEAST_COSINE, "costs": costs, "all_ms": together, "within": together < COST_MS, "drifts": found
    }  # fmt: skip
    print(json.dumps(answer)) if given.json else show(answer)


def cost(tower: Encoder, modality: Modality, repeats: int) -> dict[str, Any]:
    first = [
        float(subprocess.run([sys.executable, "-c", FIRST.replace("MODALITY", modality)], check=True,
                             capture_output=True, text=True).stdout)
        for _ in range(max(1, repeats // 5))
    ]  # fmt: skip
    golden_of(tower, modality)
    taken = [timed(lambda: golden_of(tower, modality)) for _ in range(repeats)]
    check = median(taken) * 1e3
    return {
        "modality": modality, "check_ms": check, "best_ms": min(taken) * 1e3, "first_use_ms": median(first) * 1e3,
        "share": check / (median(first) * 1e3),
    }  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def drift(tower: Encoder, modality: Modality, what: str, name: str | None, noise: float) -> dict[str, Any]:
    kept = golden_of(tower, modality)
    now = golden_of(Drifted(tower, name and f"__main__:{name}", noise), modality)
    same = kept.rows.shape == now.rows.shape
    rows = [one.rows.astype(np.float32) for one in (kept, now)]
    least = float((rows[0] * rows[1]).sum(axis=1).min()) if same else None
    return {"modality": modality, "drift": what, "cosine": least, "refused": kept.drift(now) is not None}


def show(answer: dict[str, Any]) -> None:
    out = Console()
    costs = Table("tower", "check, ms", "best", "first use without it, ms", "share", title="What the check costs, once")
    for one in answer["costs"]:
        numbers = (f"{one[name]:.1f}" for name in ("check_ms", "best_ms", "first_use_ms"))
        costs.add_row(one["modality"], *numbers, f"{one['share']:.3f}")
    out.print(costs)
    met = "met" if answer["within"] else "missed"
    out.print(f"all three: {answer['all_ms']:.1f} ms, held against {COST_MS:.0f} ms: {met}")
    drifts = Table("tower", "drift", "least cosine", "refused", title=f"Refused below {answer['least_cosine']}")
    for one in answer["drifts"]:
        cosine = "other shape" if one["cosine"] is None else f"{one['cosine']:.5f}"
        drifts.add_row(one["modality"], one["drift"], cosine, "yes" if one["refused"] else "no")
    out.print(drifts)


if __name__ == "__main__":
    main()
