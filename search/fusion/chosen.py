"""For each mix of parts what won on validation; fixed weights of its best-known sub-mix where it was never measured."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import HearseeError
from hearsee.core.fuser import EARLY, FILE, Learned, read_learned
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.choices import Choice, Choices, read_choices
from hearsee.search.fusion.attention import AttentionFusion, EarlyFusion
from hearsee.search.fusion.blend import Blend, EncodedPart, Fusion, fuse_by
from hearsee.search.fusion.fixed import FixedFusion
from hearsee.search.fusion.guarded import GuardedFusion
from hearsee.search.fusion.late import LateFusion
from hearsee.search.fusion.mean import MeanFusion
from hearsee.search.fusion.slerp import SlerpFusion

GUARDED = ", guarded"  # after the name of an attention
log = logging.getLogger(__name__)
PLAIN: Mapping[str, Blend] = {"mean": MeanFusion(), "slerp": SlerpFusion(), "late": LateFusion()}


@dataclass(frozen=True)
class ChosenFusion:
    """The winner for the parts' mix and what is wanted."""

    choices: Choices
    learned: Learned | None

    def fuse(self, parts: Sequence[EncodedPart], wanted: Modality) -> Vectors:
        return fuse_by(self, parts, wanted)

    def contributions(
        self, vectors: Vectors, modalities: Sequence[Modality], weights: NDArray[np.float64], wanted: Modality
    ) -> NDArray[np.floating]:
        return self.blend(modalities, wanted).contributions(vectors, modalities, weights, wanted)

    def blend(self, modalities: Sequence[Modality], wanted: Modality) -> Blend:
        """The way to fuse these parts."""
        mix = tuple(sorted(modalities, key=_place))
        found = self._won.get((mix, wanted))
        if found is not None:
            return found
        known = [row for row in self.choices.rows if row.wanted == wanted and not Counter(row.mix) - Counter(mix)]
        if not known:
            return MeanFusion()
        nearest = max(known, key=lambda row: (len(row.mix), row.figures.get("fixed", 0.0)))
        return FixedFusion(nearest.fixed)

    @cached_property
    def digest(self) -> str:
        """Tells one set of choices from another."""
        return blake2b(repr(self.choices).encode(), digest_size=8).hexdigest()

    @cached_property
    def _won(self) -> dict[tuple[tuple[Modality, ...], Modality], Blend]:
        """What won for each mix, but for what was learned and is there no more."""
        known = dict(PLAIN) | learned_blends(self.learned)
        won = {(choice.mix, choice.wanted): _way(choice, known) for choice in self.choices.rows}
        return {asked: blend for asked, blend in won.items() if blend is not None}


def _way(choice: Choice, known: Mapping[str, Blend]) -> Blend | None:
    if choice.method == "fixed":
        return FixedFusion(choice.fixed)
    if choice.guard is None:
        return known.get(choice.method)
    attention = known.get(choice.method.removesuffix(GUARDED))
    return GuardedFusion(attention, choice.guard) if isinstance(attention, AttentionFusion) else None


def learned_blends(learned: Learned | None) -> dict[str, Blend]:
    """The learned ways to fuse, by name."""
    blends: dict[str, Blend] = {}
    for method, weights in (learned.weights if learned is not None else {}).items():
        blends[method] = EarlyFusion(weights["project"]) if method == EARLY else AttentionFusion(method, weights)
    return blends


def chosen_fusion(folder: Path, space: Space) -> Fusion:
    """What the library measured, else what its space was measured with, else the mean."""
    for place in (folder, space.fusion):
        choices = read_choices(place, space.fingerprint) if place is not None else None
        if choices is not None:
            return ChosenFusion(choices, find_learned(folder, space))
    return MeanFusion()


def find_learned(folder: Path, space: Space) -> Learned | None:
    """The library's own weights, else those of its space; weights learned in another space are refused and named."""
    for place in (folder, space.fusion):
        if place is not None and (place / FILE).is_file():
            try:
                return read_learned(place / FILE, space.fingerprint, space.dim)
            except HearseeError as error:
                log.warning("%s", error)
    return None


def _place(modality: Modality) -> int:
    return list(Modality).index(modality)
