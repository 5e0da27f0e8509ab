"""One pair of asker and answering modality: what its cosines are worth, and how well that held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hearsee.search.calibration.curves import Curve
from hearsee.search.calibration.evidence import Evidence
from hearsee.search.calibration.reliability import Bin

DEPTH = 10  # hits of each question that count
LOST = 0.03  # share of answerable questions whose best hit lies below the floor
POPULATION = (
    f"the chance of a hit is the share that is relevant among hits with such evidence, over the first {DEPTH} answers "
    "to questions like this library's own, each asked once as it is and once with everything relevant taken away"
)


@dataclass(frozen=True)
class PairCalibration:
    """How cosines of this pair become chances, and how well that held on questions that were left out."""

    asker: str  # "text", or the modalities of a mix: "image+text"
    answering: str
    evidence: Evidence
    curve: Curve
    method: str  # "both, isotonic"
    floor: float  # evidence below which even the best hit is nothing close
    questions: int  # answerable ones
    hits: int
    relevant: int  # of the hits
    error: float  # expected calibration error over all held-out hits
    first_error: float  # over the best hit of each list alone
    lost: float  # share of held-out answerable questions told "nothing close"
    told: float  # share of held-out unanswerable questions told so
    table: tuple[Bin, ...]

    @property
    def name(self) -> str:
        return f"{self.asker}->{self.answering}"

    @property
    def floor_chance(self) -> float:
        return float(self.curve(np.array([self.floor]))[0])
