"""Whom to trust among the parts of a query: attention that sees each part, what is wanted, and how far the parts agree.

    a = softmax(score(part; the other parts, wanted modality) + log weight)

The formulas are written once, over numpy or torch arrays (`xp`), so that what was trained is what answers. Shapes:
q queries of p parts each, all queries with the same modalities in the same order; d dimensions, h hidden ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors

HIDDEN = 64
BENDS = 8  # curves that a cosine between two parts is read through, for each pair of modalities
AGREEMENT = BENDS + 3  # features of a part: curves, length and cosine of the others' mean, how many others

Weights: TypeAlias = Mapping[str, Any]  # named arrays of numpy or torch

_NUMBERS = {modality: number for number, modality in enumerate(Modality)}


def numbers(modalities: Sequence[Modality]) -> list[int]:
    """Modalities as places in the tables of weights."""
    return [_NUMBERS[modality] for modality in modalities]


def start_weights(kind: str, dim: int, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Before training scores are near 0, so that attention starts close to the plain mean."""
    kinds = len(Modality)

    def drawn(*shape: int, scale: float) -> NDArray[np.float32]:
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    shared = {
        "slope": drawn(kinds, kinds, BENDS, scale=3.0),
        "bend": drawn(kinds, kinds, BENDS, scale=1.0),
        "see": drawn(kinds, dim, HIDDEN, scale=dim**-0.5),
        "agree": drawn(AGREEMENT, HIDDEN, scale=AGREEMENT**-0.5),
        "base": drawn(kinds, kinds, HIDDEN, scale=0.1),  # (wanted, part, h)
        "lean": np.zeros((kinds, kinds), np.float32),  # (wanted, part): whom to trust before looking
        "beside": np.zeros((kinds, kinds, kinds), np.float32),  # (wanted, part, another part)
    }
    if kind == "additive":
        return shared | {"read": drawn(HIDDEN, scale=0.1)}
    if kind == "dot":
        return shared | {"ask": drawn(kinds, HIDDEN, scale=0.3), "context": drawn(dim, HIDDEN, scale=0.3)}
    raise ValueError(f"attention is additive or dot, not {kind}")


def attend(
    kind: str, weights: Weights, vectors: Vectors, modalities: Sequence[Modality], prior: Any, wanted: Modality
) -> NDArray[np.float32]:
    """Attention in numpy: vectors (q, p, d), prior (p,) the user's weights -> (q, p), each row sums to one."""
    if vectors.shape[1] == 1:
        return np.ones(vectors.shape[:2], np.float32)
    logits = scores(np, kind, weights, vectors, modalities, wanted) + np.log(np.asarray(prior, np.float32))
    grown = np.exp(logits - logits.max(1, keepdims=True))
    shares: NDArray[np.float32] = grown / grown.sum(1, keepdims=True)
    return shares


def scores(xp: Any, kind: str, weights: Weights, vectors: Any, modalities: Sequence[Modality], wanted: Modality) -> Any:
    """Unnormalised trust in each part, (q, p); there are two parts or more."""
    which, goal = numbers(modalities), numbers([wanted])[0]
    others = vectors.shape[1] - 1
    rest = (vectors.sum(1)[:, None] - vectors) / others  # (q, p, d): the mean of the other parts
    features = _agreement(xp, weights, vectors, rest, which)
    seen = xp.einsum("qpd,pdh->qph", vectors, weights["see"][which])
    hidden = xp.tanh(seen + features @ weights["agree"] + weights["base"][goal][which])  # (q, p, h)
    lean = lean_of(weights, modalities, wanted)
    if kind == "additive":
        return hidden @ weights["read"] + lean
    asked = weights["ask"][goal] + rest @ weights["context"]  # (q, p, h): what is wanted, and what the others say
    return (asked * hidden).sum(2) / HIDDEN**0.5 + lean


def lean_of(weights: Weights, modalities: Sequence[Modality], wanted: Modality) -> Any:
    """Trust in each part before looking at it, (p,): softmax of it alone is fixed weights for the mix."""
    which, goal = numbers(modalities), numbers([wanted])[0]
    crowd = weights["beside"][goal][np.ix_(which, which)]  # (p, p)
    return weights["lean"][goal][which] + (crowd.sum(1) - crowd.diagonal()) / (len(which) - 1)


def _agreement(xp: Any, weights: Weights, vectors: Any, rest: Any, which: Sequence[int]) -> Any:
    """How far each part agrees with the others, (q, p, AGREEMENT); each pair of modalities has its own curves."""
    parts = vectors.shape[1]
    cosines = vectors @ vectors.swapaxes(1, 2)  # (q, p, p)
    grid = np.ix_(which, which)
    curves = xp.tanh(cosines[..., None] * weights["slope"][grid] + weights["bend"][grid])  # (q, p, p, BENDS)
    apart = 1.0 - xp.eye(parts, dtype=xp.float32)[..., None]  # a part is not its own witness
    curves = (curves * apart).sum(2) / (parts - 1)
    length = (rest * rest).sum(2)[..., None] ** 0.5  # near 1 where the others agree among themselves
    cosine = (rest * vectors).sum(2)[..., None]
    return xp.concatenate([curves, length, cosine, xp.zeros_like(length) + np.log(parts)], 2)
