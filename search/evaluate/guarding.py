"""When attention may speak up: measured on questions that nothing was made worse in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.mixes import Mix
from hearsee.indexer.choices import Guard
from hearsee.search.fusion.attention import AttentionFusion
from hearsee.search.fusion.guarded import trust

QUIET = 0.995  # of unspoiled questions: in them attention is not heard
LEAST_WEIGHT = 0.01  # what the user weighs a thousand times must count, whatever validation thinks of its kind
SURE = 1.96  # standard errors


def guard_of(
    attention: AttentionFusion,
    parts: Vectors,
    mix: Mix,
    wanted: Modality,
    calm: Mapping[Modality, float],
    lost: NDArray[np.bool_],
) -> Guard:
    """How far what attention usually trusts in unspoiled questions, (questions, parts, d), may fall unheard.

    Beyond nearly all of them, and beyond all that attention would have lost, where the calm weights were right.
    """
    logs = trust(attention, parts, mix, wanted)
    places = {kind: [at for at, one in enumerate(mix) if one is kind] for kind in dict.fromkeys(mix)}
    usual = {kind: float(logs[:, mine].mean()) for kind, mine in places.items()}
    fallen = (np.array([usual[kind] for kind in mix]) - logs).max(axis=1)
    return Guard(calm, usual, max(float(np.quantile(fallen, QUIET)), float(fallen[lost].max(initial=-np.inf))))


def calm_weights(
    mix: Mix,
    grid: list[tuple[float, ...]],
    answered: Callable[[Mapping[Modality, float]], NDArray[np.bool_]],
) -> dict[Modality, float]:
    """The fixed weights of a grid that answer unspoiled questions best; equal ones unless others are surely better."""
    kinds = tuple(dict.fromkeys(mix))
    equal = dict.fromkeys(kinds, 1 / len(kinds))
    tried = [{kind: max(weight, LEAST_WEIGHT) for kind, weight in zip(kinds, point, strict=True)} for point in grid]
    found = [answered(weights) for weights in tried]
    best = int(np.argmax([one.mean() for one in found]))
    return tried[best] if surely_worse(answered(equal), found[best]) else equal


def surely_worse(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    """By more than chance would do, over the same questions."""
    gain = one.astype(np.float64) - other
    return bool(gain.mean() + SURE * gain.std() / len(gain) ** 0.5 < 0)
