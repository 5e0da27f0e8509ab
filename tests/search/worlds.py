"""A library whose truth is known: clusters around directions, seen through as much noise as a modality has."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hearsee.core.modality import Modality
from hearsee.core.vectors import unit
from tests.search.shelf import DIM, Thing, fill

NOISE = {Modality.IMAGE: 0.25, Modality.AUDIO: 0.5, Modality.TEXT: 0.15}  # spread, in units of the direction
GAP = {Modality.IMAGE: 0.0, Modality.AUDIO: 0.0, Modality.TEXT: 0.8}  # texts crowd together, away from the rest


def clustered(groups: int, seed: int = 0) -> list[Thing]:
    """One picture, sound and text for each direction; cosines of the pairs live on different scales."""
    rng = np.random.default_rng(seed)
    aside = np.zeros(DIM)
    aside[0] = 1
    shelf = []
    for number in range(groups):
        direction = rng.standard_normal(DIM) / np.sqrt(DIM)
        for modality in Modality:
            row = direction + NOISE[modality] * rng.standard_normal(DIM) / np.sqrt(DIM) * 2 + GAP[modality] * aside
            stored = unit(row[None]).astype(np.float16).astype(np.float32)
            about = {"kind": number % 7, "number": number}
            shelf.append(Thing(f"test:{modality}-{number}", modality, stored, about, f"group {number:05d}"))
    return shelf


def clustered_library(folder: Path, groups: int, seed: int = 0) -> Path:
    return fill(folder, clustered(groups, seed))
