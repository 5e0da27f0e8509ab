"""One pair of asker and answering modality: what its cosines are worth, and how well that held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hearsee.search.calibration.curves import Curve, Truth
from hearsee.search.calibration.evidence import Evidence, Numbers
from hearsee.search.calibration.reliability import Bin

DEPTH = 10  # hits of each question that count
LOST = 0.045  # share of answerable questions whose best hit may lie below the floor
POPULATION = (
    f"the chance of a hit is the share that is relevant among hits with such evidence, over the first {DEPTH} answers "
    "to questions like this library's own, each asked once as it is and once with everything relevant taken away"
)


@dataclass(frozen=True)
class Presence:
    """Whether anything relevant is there: cosine · s + margin · (s − mean) / spread + known · n − taken · t ≥ floor.

    s is the cosine of the best hit; n that of each part with the nearest item of its own kind; t that of the best
    answer with the nearest item of the asking kind, which it may be the answer to. A better hit never counts for less.
    """

    cosine: float
    margin: float
    known: float
    taken: float
    floor: float  # that all but a few answerable questions reach
    usual: tuple[float, float]  # n and t of a question that the library can answer

    def __post_init__(self) -> None:
        least = min(self.cosine, self.margin, self.known, self.taken)
        if not (least >= 0 and 0 < self.cosine + self.margin < np.inf):
            raise ValueError("weights of presence must not be below 0, and a hit's cosine must count")

    @property
    def weights(self) -> Numbers:
        return np.array([self.cosine, self.margin, self.known, -self.taken])

    def line(self, mean: float, spread: float, known: float | None, taken: float | None) -> tuple[float, float]:
        """Slope and offset over the best hit's cosine, of what is 0 or more where something is close."""
        n, t = (usual if one is None else one for one, usual in zip((known, taken), self.usual, strict=True))
        offset = self.known * n - self.taken * t - self.margin * mean / spread - self.floor
        return self.cosine + self.margin / spread, offset


def chances_by(rest: Curve, best: Curve, evidence: Numbers, first: Truth) -> Numbers:
    """By the curve of the best hits and that of all others; a best hit is never less likely than another."""
    found: Numbers = rest(evidence)
    return np.where(first, np.maximum(best(evidence), found), found)


@dataclass(frozen=True)
class PairCalibration:
    """How cosines of this pair become chances, and how well that held on questions that were left out."""

    asker: str  # "text", or the modalities of a mix: "image+text"
    answering: str
    evidence: Evidence
    curve: Curve
    best: Curve  # of the hit of greatest cosine in its list: it is right more often than others of its evidence
    method: str  # "both, isotonic"; of the curve of all hits but the best
    best_method: str
    presence: Presence  # whether even the best hit is nothing close
    questions: int  # answerable ones
    hits: int
    relevant: int  # of the hits
    error: float  # expected calibration error over all held-out hits
    first_error: float  # over the best hit of each list alone
    lost: float  # share of held-out answerable questions told "nothing close"
    told: float  # share of held-out unanswerable questions told so
    table: tuple[Bin, ...]
    best_table: tuple[Bin, ...]

    def chances(self, evidence: Numbers, first: Truth) -> Numbers:
        """Of hits with such evidence, (hits,); first: the best of their lists, which never count for less."""
        return chances_by(self.curve, self.best, evidence, first)

    @property
    def name(self) -> str:
        return f"{self.asker}->{self.answering}"
