"""Learning whom to trust: attention over the parts of a query, and a projection of them, by the contrastive loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hearsee.core.attention import lean_of, numbers, scores, start_weights
from hearsee.core.errors import BadInput
from hearsee.core.fuser import ATTENTIONS, EARLY, Learned, start_projection
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.indexer.align.mixes import Batch, Damage, Groups, asked, batches, questions
from hearsee.indexer.align.start import first_trust

MIN_GROUPS = 50
METHODS = (*ATTENTIONS, EARLY)


@dataclass(frozen=True)
class FusionRecipe:
    """Everything that decides the weights, together with the groups."""

    seed: int = 0
    steps: int = 2500
    batch: int = 128
    near: int = 64  # answers that a query is told apart from, its nearest: so sharply others do not count
    sharp: float = 80.0  # cosines are multiplied by: the first place is what matters
    bend: float = 0.7  # from 0, the logarithm of the chance, to 1, the chance: what is hopeless counts less
    oracle: float = 0.1  # weight, falling to 0, of the attention that knows the bad parts
    rate: float = 8e-3
    weight_decay: float = 0.01
    look: int = 250  # steps between two looks at validation
    damage: Damage = field(default_factory=lambda: Damage(share=0.35))


def learn_fusion(
    space: Space, groups: Groups, validation: Groups, recipe: FusionRecipe, report: Callable[[str], None]
) -> Learned:
    """Weights of every method as of the step that answered validation best, unspoiled queries and damaged ones."""
    if len(groups) < MIN_GROUPS or not questions(groups):
        raise BadInput(
            f"{len(groups)} groups with parts of two modalities and an answer: fusion needs at least {MIN_GROUPS}; "
            "index a table with a `group` column, or use `--space toybox`, which ships its own"
        )
    rng = np.random.default_rng(recipe.seed)
    trust = first_trust(groups, recipe.sharp, rng)
    learners = {method: _start(method, space.dim, trust, rng) for method in METHODS}
    every = [array for arrays in learners.values() for array in arrays.values()]
    optimizer = torch.optim.AdamW(every, lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    best: dict[str, tuple[float, Mapping[str, NDArray[np.float32]]]] = {}
    for step, batch in enumerate(batches(groups, recipe.batch, recipe.steps, recipe.damage, rng)):
        optimizer.zero_grad(set_to_none=True)
        told = recipe.oracle * (1 - step / recipe.steps)
        losses = [_loss(method, arrays, groups, batch, recipe, told) for method, arrays in learners.items()]
        total = torch.stack(losses).sum()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if (step + 1) % recipe.look == 0 or step + 1 == recipe.steps:
            found = {method: recall(method, arrays, validation, recipe) for method, arrays in learners.items()}
            for method, value in found.items():
                if method not in best or value > best[method][0]:
                    best[method] = (value, _frozen(learners[method]))
            shown = ", ".join(f"{method} {value:.3f}" for method, value in found.items())
            report(f"step {step + 1}/{recipe.steps}  loss {total.item() / len(losses):.3f}  validation R@1: {shown}")
    about = {
        "recipe": asdict(recipe),
        "groups": len(groups),
        "validation": {"groups": len(validation), "recall@1": {method: value for method, (value, _) in best.items()}},
    }
    return Learned(space.fingerprint, space.dim, {method: arrays for method, (_, arrays) in best.items()}, about)


def _loss(
    method: str, arrays: Mapping[str, Tensor], groups: Groups, batch: Batch, recipe: FusionRecipe, told: float
) -> Tensor:
    """How often an answer that is not right comes first, and how far attention is from one that knows the bad parts."""
    parts, bad = torch.from_numpy(batch.parts), torch.from_numpy(batch.bad)
    there = groups.whole((), batch.wanted)
    labels = torch.from_numpy(groups.labels(batch.mix, batch.wanted)[there])
    answers, own = torch.from_numpy(groups.answers[batch.wanted][there]), np.searchsorted(there, batch.rows)
    queries = functional.normalize(fused(method, arrays, parts, batch.mix, batch.wanted), dim=1)
    loss = missed(queries, answers, torch.from_numpy(own), labels, recipe)
    if method != EARLY and told:
        trust = scores(torch, method, arrays, parts, batch.mix, batch.wanted).log_softmax(dim=1)  # (q, p)
        usual = lean_of(arrays, batch.mix, batch.wanted).detach().expand_as(trust)
        knowing = usual.masked_fill(bad, -torch.inf).softmax(dim=1)
        loss = loss - told * (knowing * trust).sum(dim=1).mean()
    return loss


def missed(queries: Tensor, answers: Tensor, own: Tensor, labels: Tensor, recipe: FusionRecipe) -> Tensor:
    """Contrastive over each query's nearest answers and its own: (1 - chance of a right one ** bend) / bend."""
    with torch.no_grad():
        near = (queries @ answers.T).topk(min(recipe.near, len(answers)), dim=1).indices
    among = torch.cat([own[:, None], near], dim=1)  # (q, 1 + near)
    cosines = recipe.sharp * torch.einsum("qd,qnd->qn", queries, answers[among])
    twice = torch.zeros_like(among, dtype=torch.bool)
    twice[:, 1:] = near == own[:, None]
    cosines = cosines.masked_fill(twice, -torch.inf)
    right = cosines.masked_fill(labels[among] != labels[own][:, None], -torch.inf)
    surprise = cosines.logsumexp(dim=1) - right.logsumexp(dim=1)
    if recipe.bend == 0:
        return surprise.mean()
    loss: Tensor = (1 - (-recipe.bend * surprise).exp()) / recipe.bend
    return loss.mean()


def fused(
    method: str, arrays: Mapping[str, Tensor], parts: Tensor, mix: Sequence[Modality], wanted: Modality
) -> Tensor:
    """(q, p, d) -> (q, d), not yet of length one."""
    if method == EARLY:
        project = arrays["project"][numbers([wanted])[0]][numbers(mix)]  # (p, d, d)
        projected: Tensor = torch.einsum("qpd,pde->qe", parts, project)
        return projected
    trust = scores(torch, method, arrays, parts, mix, wanted).softmax(dim=1)  # (q, p)
    blend: Tensor = (trust[..., None] * parts).sum(1)
    return blend


def recall(method: str, arrays: Mapping[str, Tensor], groups: Groups, recipe: FusionRecipe) -> float:
    """R@1 over every question of validation, unspoiled and damaged as in training: the same draw at every look."""
    rng = np.random.default_rng(1)
    values = []
    with torch.inference_mode():
        for (mix, wanted), damage in product(questions(groups), (Damage(share=0), recipe.damage)):
            rows = groups.whole(mix, wanted)
            parts = torch.from_numpy(asked(groups, mix, rows, damage, rng)[0])
            labels = groups.labels(mix, wanted)[rows]
            cosines = fused(method, arrays, parts, mix, wanted) @ torch.from_numpy(groups.answers[wanted][rows]).T
            first = cosines.argmax(dim=1).numpy()
            values.append(float((labels[first] == labels).mean()))
    return float(np.mean(values))


def _start(
    method: str, dim: int, trust: tuple[NDArray[np.float32], NDArray[np.float32]], rng: np.random.Generator
) -> dict[str, Tensor]:
    """Attention starts as the fixed weights that answer unspoiled queries best, and learns when to leave them."""
    if method == EARLY:
        arrays: dict[str, Any] = {"project": start_projection(dim)}
    else:
        arrays = start_weights(method, dim, rng) | {"lean": trust[0].copy(), "beside": trust[1].copy()}
    return {name: torch.from_numpy(array).requires_grad_() for name, array in arrays.items()}


def _frozen(arrays: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: array.detach().numpy().copy() for name, array in arrays.items()}
