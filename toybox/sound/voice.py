"""What a voice is given to speak with: a pitch, a length and this stroke's own chances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 16_000  # frames a second
DIALS = 16  # chances a voice may use: the first twelve for its character, the last four to pick noise


@dataclass(frozen=True)
class Voice:
    pitch: float  # every frequency of the voice, formants and noise bands too, is multiplied by this
    frames: int  # length of one stroke
    dials: tuple[float, ...]  # each in [0, 1)

    def dial(self, which: int, low: float, high: float) -> float:
        """One of this stroke's chances, between `low` and `high`."""
        return low + (high - low) * self.dials[which]

    def hz(self, middle: float, which: int, spread: float = 0.04) -> float:
        """A frequency near `middle`, moved by the size of the thing and by one of its chances."""
        return middle * self.pitch * (1.0 + spread * (2.0 * self.dials[which] - 1.0))


Speaks = Callable[[Voice], Samples]
