"""Where attention starts from: for every mix the fixed weights that answer its unspoiled queries best."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from hearsee.core.attention import numbers
from hearsee.core.modality import Modality
from hearsee.indexer.align.mixes import Damage, Groups, Mix, asked, questions

QUERIES = 192  # of each mix: a weight is known to about a tenth, and training goes on from there
LEAST = 0.02  # of a part's share: what starts at nothing would never be learned
STEPS = 10  # of the grid for two kinds of parts, 6 for three
RIDGE = 1e-2


def first_trust(
    groups: Groups, sharp: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`lean` (wanted, part) and `beside` (wanted, part, another part) of attention: their softmax is those weights."""
    kinds = len(Modality)
    lean, beside = np.zeros((kinds, kinds), np.float32), np.zeros((kinds, kinds, kinds), np.float32)
    known = [(mix, wanted) for mix, wanted in questions(groups) if len(set(mix)) > 1]
    for wanted in Modality:
        rows: list[NDArray[np.float64]] = []
        logits: list[NDArray[np.float64]] = []
        for mix in (mix for mix, asked_for in known if asked_for is wanted):
            parts, wished = _parts_of(mix), np.log(np.maximum(best_shares(groups, mix, wanted, sharp, rng), LEAST))
            rows.append(parts - parts.mean(axis=0))  # softmax sees differences only
            logits.append(wished - wished.mean())
        if rows:
            table, wishes = np.concatenate(rows), np.concatenate(logits)
            found = np.linalg.solve(table.T @ table + RIDGE * np.eye(table.shape[1]), table.T @ wishes)
            goal = numbers([wanted])[0]
            lean[goal], beside[goal] = found[:kinds], found[kinds:].reshape(kinds, kinds)
    return lean, beside


def best_shares(
    groups: Groups, mix: Mix, wanted: Modality, sharp: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Each part's share, (parts,), in the weighted mean that puts most chance on right answers."""
    there = groups.whole(mix, wanted)
    rows = rng.choice(there, min(QUERIES, len(there)), replace=False)
    parts, _ = asked(groups, mix, rows, Damage(share=0), rng)  # (q, p, d)
    answering = groups.whole((), wanted)
    labels = groups.labels(mix, wanted)
    wrong = labels[rows][:, None] != labels[answering][None, :]
    cosines = parts @ groups.answers[wanted][answering].T  # (q, p, answers)
    among = parts @ parts.swapaxes(1, 2)  # (q, p, p)
    best, least = np.full(len(mix), 1 / len(mix)), np.inf
    for shares in _grid(mix):
        length = np.sqrt(np.einsum("p,qpr,r->q", shares, among, shares))
        scores = sharp * np.einsum("p,qpa->qa", shares, cosines) / np.maximum(length, 1e-6)[:, None]
        grown = np.exp(scores - scores.max(axis=1, keepdims=True))
        missed = float(((grown * wrong).sum(axis=1) / grown.sum(axis=1)).mean())
        if missed < least:
            best, least = shares, missed
    return best


def _grid(mix: Mix) -> list[NDArray[np.float64]]:
    """Shares of the parts, (parts,), equal ones first; parts of one kind have the same."""
    kinds = tuple(dict.fromkeys(mix))
    steps = STEPS if len(kinds) < 3 else 6
    points = [point for point in product(range(steps + 1), repeat=len(kinds)) if sum(point) == steps]
    weights = [np.ones(len(mix)), *(np.array([point[kinds.index(one)] for one in mix], float) for point in points)]
    return [one / one.sum() for one in weights]


def _parts_of(mix: Mix) -> NDArray[np.float64]:
    """What `lean` and `beside` add up to each part's score, (parts, kinds + kinds²)."""
    kinds, which = len(Modality), numbers(mix)
    rows = np.zeros((len(mix), kinds + kinds**2))
    for at, part in enumerate(which):
        rows[at, part] = 1
        for other, beside in enumerate(which):
            if other != at:
                rows[at, kinds + part * kinds + beside] += 1 / (len(mix) - 1)
    return rows
