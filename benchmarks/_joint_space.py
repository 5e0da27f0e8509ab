"""A joint space made up: pictures on a clustered surface of few dimensions, texts beside it across a gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hearsee.core.vectors import Vectors, unit

CENTRES = 2_000
LOCAL = 8  # directions in which things of one kind differ
DECAY = 0.8  # of what a direction matters, by its rank
GAP = 0.8  # how far the two modalities lie apart, in lengths of what they have to say
OWN = {"image": 0.05, "text": 2.2}  # what a modality adds that the other does not know
BLOCK = 16_384
NEIGHBOURS = 100  # to estimate the local intrinsic dimension from


@dataclass(frozen=True)
class JointSpace:
    """Deterministic: the same numbers for the same seed, however many rows are drawn at once."""

    dim: int
    seed: int = 0

    def vectors(self, modality: str, count: int, draw: int) -> Vectors:
        """Unit rows of one modality; another `draw` is another sample of the same world."""
        return np.concatenate(list(self.blocks(modality, count, draw))) if count else np.empty((0, self.dim), "f4")

    def blocks(self, modality: str, count: int, draw: int) -> Iterator[Vectors]:
        world = np.random.default_rng([self.seed, 0])
        weights = np.arange(1, self.dim + 1, dtype=np.float32) ** -DECAY
        weights /= np.sqrt(np.square(weights).sum())
        centres = world.standard_normal((CENTRES, self.dim), np.float32) * weights
        ways = world.standard_normal((CENTRES, LOCAL), np.float32)
        bases = world.standard_normal((64, LOCAL, self.dim), np.float32) * weights / np.sqrt(LOCAL)
        gaps = unit(world.standard_normal((2, self.dim))) * GAP / 2
        gap = gaps[0] if modality == "image" else gaps[1]
        # No encoder's axes are those along which things differ most, so neither are these.
        turn = np.linalg.qr(world.standard_normal((self.dim, self.dim)))[0].astype(np.float32)
        rng = np.random.default_rng([self.seed, draw, len(modality)])
        popular = world.permutation(CENTRES)
        for start in range(0, count, BLOCK):
            rows = min(BLOCK, count - start)
            kinds = popular[np.minimum(CENTRES - 1, (rng.random(rows) ** 1.5 * CENTRES).astype(np.int64))]
            local = rng.standard_normal((rows, LOCAL), np.float32) * (1 + 0.3 * np.abs(ways[kinds]))
            said = centres[kinds] + 0.8 * np.einsum("rl,rld->rd", local, bases[kinds % len(bases)], optimize=False)
            own = rng.standard_normal((rows, self.dim), np.float32) * OWN[modality] / np.sqrt(self.dim)
            yield unit((said + own + gap) @ turn)


def intrinsic_dimension(scores: Vectors) -> float:
    """Levina and Bickel's estimate from the cosines of each query's nearest rows, best first; their median."""
    distances = np.sqrt(np.maximum(1e-9, 2 - 2 * scores.astype(np.float64)))
    ratios = np.log(distances[:, -1:] / distances[:, :-1])
    return float(np.median(1 / np.maximum(1e-9, ratios.mean(axis=1))))
