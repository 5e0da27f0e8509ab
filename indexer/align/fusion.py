"""Learning whom to trust: attention over the parts of a query, and a projection of them, by the contrastive loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hearsee.core.attention import numbers, scores, start_weights
from hearsee.core.errors import BadInput
from hearsee.core.fuser import ATTENTIONS, EARLY, Learned, start_projection
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.indexer.align.losses import Temperature, info_nce
from hearsee.indexer.align.mixes import Damage, Groups, asked, batches, questions

MIN_GROUPS = 50
SHARP = 40.0  # cosines are multiplied by at first: recall looks at the first places only
METHODS = (*ATTENTIONS, EARLY)


@dataclass(frozen=True)
class FusionRecipe:
    """Everything that decides the weights, together with the groups."""

    seed: int = 0
    steps: int = 2000
    batch: int = 128
    answers: int = 1024  # that a batch is told apart from
    rate: float = 8e-3
    weight_decay: float = 0.01
    look: int = 250  # steps between two looks at validation
    damage: Damage = field(default_factory=Damage)


def learn_fusion(
    space: Space, groups: Groups, validation: Groups, recipe: FusionRecipe, report: Callable[[str], None]
) -> Learned:
    """Weights of every method as of the step that answered validation best."""
    if len(groups) < MIN_GROUPS or not questions(groups):
        raise BadInput(
            f"{len(groups)} groups with parts of two modalities and an answer: fusion needs at least {MIN_GROUPS}; "
            "index a table with a `group` column, or use `--space toybox`, which ships its own"
        )
    rng = np.random.default_rng(recipe.seed)
    learners = {method: _start(method, space.dim, rng) for method in METHODS}
    temperature = Temperature(SHARP)
    every = [array for arrays in learners.values() for array in arrays.values()]
    optimizer = torch.optim.AdamW(
        [
            {"params": every, "weight_decay": recipe.weight_decay},
            {"params": temperature.parameters(), "weight_decay": 0.0},
        ],
        lr=recipe.rate,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    best: dict[str, tuple[float, Mapping[str, NDArray[np.float32]]]] = {}
    for step, (mix, wanted, rows, parts) in enumerate(batches(groups, recipe.batch, recipe.steps, recipe.damage, rng)):
        # Against more answers than the batch's own: the first place is lost to what is nearly right.
        there = groups.whole((), wanted)
        others = np.union1d(rows, rng.choice(there, min(recipe.answers, len(there)), replace=False))
        labels = groups.labels(mix, wanted)
        alike = torch.from_numpy(labels[rows][:, None] == labels[others][None, :])
        answers, given = torch.from_numpy(groups.answers[wanted][others]), torch.from_numpy(parts)
        optimizer.zero_grad(set_to_none=True)
        losses = [
            info_nce(fused(method, arrays, given, mix, wanted), answers, temperature(), alike)
            for method, arrays in learners.items()
        ]
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
    """R@1 over every question of validation, damaged as in training: the same draw at every look."""
    rng = np.random.default_rng(1)
    values = []
    with torch.inference_mode():
        for mix, wanted in questions(groups):
            rows = groups.whole(mix, wanted)
            parts = torch.from_numpy(asked(groups, mix, rows, recipe.damage, rng)[0])
            labels = groups.labels(mix, wanted)[rows]
            cosines = fused(method, arrays, parts, mix, wanted) @ torch.from_numpy(groups.answers[wanted][rows]).T
            first = cosines.argmax(dim=1).numpy()
            values.append(float((labels[first] == labels).mean()))
    return float(np.mean(values))


def _start(method: str, dim: int, rng: np.random.Generator) -> dict[str, Tensor]:
    arrays: dict[str, Any] = {"project": start_projection(dim)} if method == EARLY else start_weights(method, dim, rng)
    return {name: torch.from_numpy(array).requires_grad_() for name, array in arrays.items()}


def _frozen(arrays: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: array.detach().numpy().copy() for name, array in arrays.items()}
