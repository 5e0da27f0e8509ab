"""Learning what words change in a target: edits from pairs that differ in a key, steering away from shares of the first
hits that still have what was not wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from hearsee.core.edits import EDIT, WITHOUT, change, start_weights
from hearsee.core.errors import BadInput
from hearsee.core.fuser import Learned
from hearsee.core.space import Space
from hearsee.indexer.align.facts import Facts
from hearsee.indexer.align.lessons import EditLesson, WithoutLesson, edit_lesson, without_lesson
from hearsee.indexer.align.losses import Temperature, info_nce

MIN_PAIRS = 100
FIRST = 10  # hits that what is not wanted must not be among
SHARP = 30.0  # cosines are multiplied by at first
START, FORCE = 3.0, (0.1, 100.0)  # how hard what is not wanted is pushed out: at first, and the bounds
LOOKS = 25  # lessons that validation is judged by


@dataclass(frozen=True)
class EditsRecipe:
    """Everything that decides the weights, together with the facts."""

    seed: int = 0
    steps: int = 1500
    batch: int = 160
    answers: int = 800  # that a batch is told apart from
    rate: float = 5e-3
    weight_decay: float = 0.01
    look: int = 250  # steps between two looks at validation
    kept: float = 12.0  # how much sharper than a share of right keys the wanted order is
    share: float = 0.1  # of what was there before, that steering away may leave among the first hits


def learn_edits(
    space: Space, facts: Facts, validation: Facts, recipe: EditsRecipe, report: Callable[[str], None]
) -> Learned:
    """Weights for edits and for steering away, each as of the step that answered validation best."""
    if len(facts.pairs) < MIN_PAIRS or not len(validation.pairs):
        raise BadInput(
            f"{len(facts.pairs)} pairs of things that differ in one key: edits need at least {MIN_PAIRS}; "
            "name keys with fewer values, or use `--toybox`, which draws its own"
        )
    found = {EDIT: _learn_edit(facts, validation, recipe, report)}
    found[WITHOUT] = _learn_without(facts, validation, recipe, report)
    about = {
        "recipe": asdict(recipe),
        "keys": list(facts.keys),
        "things": len(facts),
        "validation": {"things": len(validation)} | {role: score for role, (score, _) in found.items()},
    }
    return Learned(space.fingerprint, space.dim, {role: arrays for role, (_, arrays) in found.items()}, about)


Best = tuple[float, Mapping[str, NDArray[np.float32]]]


def _learn_edit(facts: Facts, validation: Facts, recipe: EditsRecipe, report: Callable[[str], None]) -> Best:
    rng = np.random.default_rng([recipe.seed, 0])
    learner = _Learner(facts, recipe, rng)
    looks = [edit_lesson(validation, recipe.batch, len(validation), np.random.default_rng(n)) for n in range(LOOKS)]
    for step in range(recipe.steps):
        lesson = edit_lesson(facts, recipe.batch, recipe.answers, rng)
        target = turned(learner.arrays, lesson)
        alike = torch.from_numpy(lesson.right)
        loss = info_nce(target, torch.from_numpy(lesson.answers), learner.temperature(), alike)
        learner.learn(loss)
        if learner.looks(step):
            with torch.inference_mode():
                scores = [_first(turned(learner.arrays, look).numpy(), look) for look in looks]
            learner.keep(float(np.mean(scores)))
            report(
                f"edits, step {step + 1}/{recipe.steps}  loss {loss.item():.3f}  validation R@1 {np.mean(scores):.3f}"
            )
    return learner.best


def _learn_without(facts: Facts, validation: Facts, recipe: EditsRecipe, report: Callable[[str], None]) -> Best:
    """What is not wanted is pushed out as hard as it takes for each key, and no harder: that costs what is wanted."""
    rng = np.random.default_rng([recipe.seed, 1])
    learner = _Learner(facts, recipe, rng)
    push: dict[str, float] = {}
    looks = [
        without_lesson(validation, recipe.batch, len(validation), np.random.default_rng(n)) for n in range(2 * LOOKS)
    ]
    for step in range(recipe.steps):
        lesson = without_lesson(facts, recipe.batch, recipe.answers, rng)
        unwanted, answers = torch.from_numpy(lesson.unwanted), torch.from_numpy(lesson.answers)
        target = normalize(turned(learner.arrays, lesson), dim=1)
        odds = (learner.temperature() * (target @ answers.T)).log_softmax(dim=1)  # (q, answers)
        before = (learner.temperature().detach() * (torch.from_numpy(lesson.target) @ answers.T)).softmax(dim=1)
        order = torch.from_numpy(np.where(lesson.unwanted, -np.inf, recipe.kept * lesson.kept)).softmax(dim=1)
        left = (odds.exp() * unwanted).sum(dim=1).mean() / (before * unwanted).sum(dim=1).mean().clamp(min=1e-3)
        loss = -(order * odds).sum(dim=1).mean() + push.get(lesson.about, START) * left
        learner.learn(loss)
        # On validation: what was learned by heart would look pushed out long before it is.
        check = without_lesson(validation, recipe.batch, recipe.answers, rng)
        with torch.inference_mode():
            over = _still(turned(learner.arrays, check).numpy(), check)[0] / recipe.share - 1
        push[check.about] = float(np.clip(push.get(check.about, START) * np.exp(0.05 * np.clip(over, -1, 1)), *FORCE))
        if learner.looks(step):
            with torch.inference_mode():
                found = [_still(turned(learner.arrays, look).numpy(), look) for look in looks]
            share, kept = np.mean(found, axis=0)
            learner.keep(float(kept - np.mean([max(0.0, one - recipe.share) for one, _ in found])))
            report(
                f"steering away, step {step + 1}/{recipe.steps}  loss {loss.item():.3f}  validation: "
                f"{share:.3f} of what is not wanted is left, {kept:.3f} of what is wanted"
            )
    return learner.best


class _Learner:
    """Weights on their way, and the best of them so far."""

    def __init__(self, facts: Facts, recipe: EditsRecipe, rng: np.random.Generator) -> None:
        start: dict[str, Any] = start_weights(facts.short.shape[1], rng)
        self.arrays: dict[str, Tensor] = {name: torch.from_numpy(row).requires_grad_() for name, row in start.items()}
        self.temperature = Temperature(SHARP)
        self.best: Best = (-np.inf, {})
        self._recipe = recipe
        self._optimizer = torch.optim.AdamW(
            [
                {"params": list(self.arrays.values()), "weight_decay": recipe.weight_decay},
                {"params": self.temperature.parameters(), "weight_decay": 0.0},
            ],
            lr=recipe.rate,
        )
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, recipe.steps)

    def learn(self, loss: Tensor) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()

    def looks(self, step: int) -> bool:
        return (step + 1) % self._recipe.look == 0 or step + 1 == self._recipe.steps

    def keep(self, score: float) -> None:
        if score > self.best[0]:
            self.best = score, {name: array.detach().numpy().copy() for name, array in self.arrays.items()}


def turned(arrays: Mapping[str, Tensor], lesson: EditLesson | WithoutLesson) -> Tensor:
    """The targets with all that their words change, (q, d), not of length one."""
    target = torch.from_numpy(lesson.target)
    made = target
    for words, there in zip(lesson.words, lesson.there, strict=True):
        changes: Tensor = change(torch, arrays, target, torch.from_numpy(words), lesson.modality)
        made = made + changes * torch.from_numpy(there)[:, None]
    return made


def _first(targets: NDArray[np.float32], lesson: EditLesson) -> float:
    """R@1."""
    best = (targets @ lesson.answers.T).argmax(axis=1)
    return float(lesson.right[np.arange(len(best)), best].mean())


def _still(targets: NDArray[np.float32], lesson: WithoutLesson) -> tuple[float, float]:
    """How often what is not wanted is still among the first hits, over how often it was; the wanted share of them."""
    first, before = (
        np.argpartition(-(rows @ lesson.answers.T), FIRST, axis=1)[:, :FIRST] for rows in (targets, lesson.target)
    )
    left, was = (float(np.take_along_axis(lesson.unwanted, rows, axis=1).mean()) for rows in (first, before))
    return left / max(was, 1e-3), float(np.take_along_axis(lesson.kept, first, axis=1).mean())
