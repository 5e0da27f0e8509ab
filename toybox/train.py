"""`hearsee align toybox`: trains the three towers from nothing and writes weights, figures and how they were made."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from torch import nn

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.loop import Batch, Epoch, Plan, fit
from hearsee.toybox.lessons import (
    Lessons,
    captions_of,
    distorted_pictures,
    distorted_sounds,
    make_lessons,
    rounds,
)
from hearsee.toybox.measure import Figure, measure
from hearsee.toybox.towers.models import new_towers
from hearsee.toybox.towers.weights_file import save_towers

IMAGE, AUDIO, TEXT = (str(modality) for modality in (Modality.IMAGE, Modality.AUDIO, Modality.TEXT))
VALIDATION_SEED = 1_000_000  # added to the training seed, so that no picture, voice or wording is shared by chance


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, together with the code."""

    seed: int = 0
    groups: int = 30_000  # drawn from the train split
    epochs: int = 13
    batch: int = 128
    rate: float = 4e-3
    validation_groups: int = 1000  # drawn from the validation split


def train(
    out: Path,
    recipe: Recipe,
    workers: int,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Makes lessons, trains, writes `image`, `audio` and `text.safetensors` and `training.json`; returns the latter.

    The lessons lie in a temporary folder beside the weights while training runs.
    """
    if recipe.groups < recipe.batch:
        raise BadInput(f"groups is {recipe.groups}: one batch needs {recipe.batch}")
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    lessons_folder = Path(mkdtemp(prefix="lessons-", dir=out))
    try:
        lessons, validation = _both_lessons(lessons_folder, recipe, workers, report)
        made = time.monotonic() - started
        towers = learn(lessons, validation, recipe, report)
        figures = score(towers, validation)
    finally:
        shutil.rmtree(lessons_folder)
    save_towers(towers, out)
    note = {
        "recipe": asdict(recipe),
        "splits": "weights from train, choice of epoch from validation; held-out was not looked at",
        "validation": {name: {cut: asdict(one) for cut, one in cuts.items()} for name, cuts in figures.items()},
        "seconds": {"lessons": round(made), "all": round(time.monotonic() - started)},
        "machine": f"{os.cpu_count()} x {platform.machine()}, {platform.system()}, torch {torch.__version__}",
    }
    (out / "training.json").write_text(json.dumps(note, indent=2) + "\n")
    return note


def learn(lessons: Lessons, validation: Lessons, recipe: Recipe, report: Callable[[str], None]) -> nn.ModuleDict:
    """Towers trained on the lessons, of the epoch that answered validation best."""
    torch.manual_seed(recipe.seed)
    towers = new_towers()
    # float16's cousin doubles the speed where the processor multiplies it, and halves it elsewhere.
    bfloat16 = bool(torch.cpu._is_avx512_bf16_supported())
    plan = Plan(recipe.epochs, len(lessons) // recipe.batch, rate=recipe.rate, bfloat16=bfloat16)

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng([recipe.seed, epoch])
        for chosen in rounds(lessons, recipe.batch, rng):
            yield _batch(lessons, chosen, rng)

    worst = math.nan

    def validate(average: nn.ModuleDict) -> float:
        nonlocal worst
        figures = score(average, validation)
        worst = min(cuts["recall@10"].value for cuts in figures.values())
        return float(np.mean([cuts["recall@1"].value for cuts in figures.values()]))

    def tell(epoch: Epoch) -> None:
        report(
            f"epoch {epoch.number}/{epoch.epochs}  loss {epoch.loss:.3f}  validation: mean R@1 {epoch.score:.3f}, "
            f"worst R@10 {worst:.3f}  {epoch.seconds:.0f} s, {epoch.seconds_left:.0f} s left"
        )

    return fit(towers, batches, plan, validate, tell)


def score(towers: nn.ModuleDict, lessons: Lessons) -> dict[str, dict[str, Figure]]:
    """Recall of the towers on lessons with one fixed caption each."""
    texts = captions_of(list(lessons.scenes), np.random.default_rng(0), clumsy=False)
    inputs: dict[str, np.ndarray[Any, Any]] = {IMAGE: lessons.pictures, AUDIO: lessons.sounds, TEXT: texts}
    return measure({name: _rows(towers[name], given) for name, given in inputs.items()}, lessons.scenes)


def _rows(tower: nn.Module, given: np.ndarray[Any, Any], size: int = 250) -> Vectors:
    with torch.inference_mode():
        parts = [tower(torch.from_numpy(given[at : at + size].copy())) for at in range(0, len(given), size)]
    rows: Vectors = torch.cat(parts).numpy()
    return rows


def _batch(lessons: Lessons, chosen: np.ndarray[Any, Any], rng: np.random.Generator) -> Batch:
    """The chosen groups, distorted and captioned afresh; groups that share all that is shared are alike."""
    inputs = {
        IMAGE: torch.from_numpy(distorted_pictures(lessons.pictures[chosen], rng)),
        AUDIO: torch.from_numpy(distorted_sounds(lessons.sounds[chosen], rng)),
        TEXT: torch.from_numpy(captions_of([lessons.scenes[index] for index in chosen], rng, clumsy=True)),
    }
    heard, seen = torch.from_numpy(lessons.heard[chosen]), torch.from_numpy(lessons.seen[chosen])
    return Batch(inputs, {(IMAGE, TEXT): (seen, seen), (IMAGE, AUDIO): (heard, heard), (AUDIO, TEXT): (heard, heard)})


def _both_lessons(folder: Path, recipe: Recipe, workers: int, report: Callable[[str], None]) -> tuple[Lessons, Lessons]:
    made = []
    for split, seed, groups in (
        ("train", recipe.seed, recipe.groups),
        ("validation", recipe.seed + VALIDATION_SEED, recipe.validation_groups),
    ):

        def tell(done: int, groups: int, split: str = split) -> None:
            if done == groups or done % 5000 == 0:
                report(f"lessons for {split}: {done}/{groups}")

        made.append(make_lessons(folder / split, seed, split, groups, workers, tell))
    return made[0], made[1]
