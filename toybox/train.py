"""`hearsee align toybox`: trains the three towers from nothing and writes weights, figures and how they were made."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.checkpoint import Checkpoints
from hearsee.indexer.align.loop import Batch, Epoch, Plan, fit
from hearsee.indexer.align.losses import Match
from hearsee.toybox.lessons import (
    AGREED,
    BLOCK,
    THING,
    Lessons,
    captions_of,
    distorted_pictures,
    distorted_sounds,
    fitting,
    make_lessons,
    open_lessons,
    prepared,
    rounds,
    short_captions,
)
from hearsee.toybox.measure import Figure, first_precision, measure
from hearsee.toybox.scene import HEARD, SEEN
from hearsee.toybox.towers.models import new_towers
from hearsee.toybox.towers.weights_file import load_towers, save_towers

IMAGE, AUDIO, TEXT = (str(modality) for modality in (Modality.IMAGE, Modality.AUDIO, Modality.TEXT))
COLOUR_WEIGHT = 2.0  # of words and pictures, which share what is learned last
SHORT_WEIGHT = 0.5  # of a short caption beside a full one
THING_WEIGHT = 0.15  # of the thing that it names, by itself
SETTLED_SCALE = 50.0  # about where the temperature of trained towers ends
NOTE = "training.json"
LESSONS = "lessons"  # beside the weights, while training runs
MADE = "made.json"  # among lessons: which ones they are
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
    start: Path | None = None,
    *,
    again: bool = False,
) -> dict[str, Any]:
    """Makes lessons, trains, writes `image`, `audio` and `text.safetensors` and `training.json`; returns the latter.

    With `start`, a folder of such weights, learning goes on from them.
    The lessons and a checkpoint lie beside the weights until training is over: a run that was stopped goes on from its
    last epoch, to the bit, when it is started again; `again` starts it anew.
    """
    least = max(recipe.batch, BLOCK * len(AGREED))
    if recipe.groups < least:
        raise BadInput(f"groups is {recipe.groups}: batches of blocks that are alike need {least}")
    known = None if start is None else load_towers(start)
    before = None if start is None else json.loads((start / NOTE).read_text())
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(out, _identity(recipe, start), report)
    if again:
        checkpoints.clear()
    checkpoints.load()  # refused before anything is drawn
    lessons, validation = _both_lessons(out / LESSONS, recipe, workers, report)
    made = time.monotonic() - started
    towers = learn(lessons, validation, recipe, report, known, checkpoints)
    figures, understood = score(towers, validation)
    save_towers(towers, out)
    note = {
        "recipe": asdict(recipe),
        "went on from": before,
        "splits": "weights from train, choice of epoch from validation; held-out was not looked at",
        "validation": {name: {cut: asdict(one) for cut, one in cuts.items()} for name, cuts in figures.items()},
        "short captions": {name: asdict(figure) for name, figure in understood.items()},
        "seconds": {"lessons": round(made), "all": round(time.monotonic() - started)},
        "machine": f"{os.cpu_count()} x {platform.machine()}, {platform.system()}, torch {torch.__version__}",
    }
    (out / NOTE).write_text(json.dumps(note, indent=2) + "\n")
    checkpoints.clear()
    shutil.rmtree(out / LESSONS)
    return note


def learn(
    lessons: Lessons,
    validation: Lessons,
    recipe: Recipe,
    report: Callable[[str], None],
    known: nn.ModuleDict | None = None,
    checkpoints: Checkpoints | None = None,
) -> nn.ModuleDict:
    """Towers trained on the lessons, from nothing or from known ones, of the epoch that answered validation best."""
    torch.manual_seed(recipe.seed)
    towers = known or new_towers()
    # float16's cousin doubles the speed where the processor multiplies it, and halves it elsewhere.
    bfloat16 = bool(torch.cpu._is_avx512_bf16_supported())
    plan = Plan(recipe.epochs, len(lessons) // recipe.batch, rate=recipe.rate, bfloat16=bfloat16)
    if known is not None:
        plan = replace(plan, scale=SETTLED_SCALE)

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng([recipe.seed, epoch])
        for chosen in rounds(lessons, recipe.batch, rng):
            yield _batch(lessons, chosen, rng)

    worst = short = math.nan

    def validate(average: nn.ModuleDict) -> float:
        nonlocal worst, short
        figures, understood = score(average, validation)
        worst = min(cuts["recall@10"].value for cuts in figures.values())
        short = float(np.mean([figure.value for figure in understood.values()]))
        return float(np.mean([*(cuts["recall@1"].value for cuts in figures.values()), short]))

    def tell(epoch: Epoch) -> None:
        if epoch.resumed:
            report(f"epoch {epoch.number}/{epoch.epochs} was over before: validation: {epoch.score:.3f}")
            return
        report(
            f"epoch {epoch.number}/{epoch.epochs}  loss {epoch.loss:.3f}  validation: {epoch.score:.3f}, "
            f"worst R@10 {worst:.3f}, short captions {short:.3f}  "
            f"{epoch.seconds:.0f} s, {epoch.seconds_left:.0f} s left"
        )

    return fit(towers, batches, plan, validate, tell, checkpoints=checkpoints)


def score(towers: nn.ModuleDict, lessons: Lessons) -> tuple[dict[str, dict[str, Figure]], dict[str, Figure]]:
    """Recall on lessons with one fixed full caption each, and the precision of one short caption each."""
    rng = np.random.default_rng(0)
    full = prepared(captions_of(lessons.scenes, rng, clumsy=False))
    inputs: dict[str, np.ndarray[Any, Any]] = {IMAGE: lessons.pictures, AUDIO: lessons.sounds, TEXT: full}
    rows = {name: _rows(towers[name], given) for name, given in inputs.items()}
    texts, said = short_captions(lessons.scenes, rng, clumsy=False)
    asked = _rows(towers[TEXT], prepared(texts))
    shown = lessons.attributes
    understood = {
        f"{TEXT}->{name}": first_precision(asked, rows[name], fitting(said[:, :n], shown[:, :n], shown[:, :n]))
        for name, n in ((IMAGE, len(SEEN)), (AUDIO, len(HEARD)))
    }
    return measure(rows, lessons.scenes), understood


def _rows(tower: nn.Module, given: np.ndarray[Any, Any], size: int = 250) -> Vectors:
    with torch.inference_mode():
        parts = [tower(torch.from_numpy(given[at : at + size].copy())) for at in range(0, len(given), size)]
    rows: Vectors = torch.cat(parts).numpy()
    return rows


def _batch(lessons: Lessons, chosen: np.ndarray[Any, Any], rng: np.random.Generator) -> Batch:
    """The chosen groups, distorted, each with a full caption and, in the rows behind those, one that leaves things out.

    Groups that share all that is shared are alike. A short caption must find every group that has what it says, but
    no group is asked for its short captions: a full one says more. Where nothing fits in all that a short one says,
    the thing that it names comes before the right size: so that counts by itself, too.
    """
    scenes = [lessons.scenes[index] for index in chosen]
    full = captions_of(scenes, rng, clumsy=True)
    short, said = short_captions(scenes, rng, clumsy=True)
    inputs = {
        IMAGE: torch.from_numpy(distorted_pictures(lessons.pictures[chosen], rng)),
        AUDIO: torch.from_numpy(distorted_sounds(lessons.sounds[chosen], rng)),
        TEXT: torch.from_numpy(prepared([*full, *short])),
    }
    shown = lessons.attributes[chosen]
    heard, seen, first, behind = (
        _equal(lessons.heard[chosen]),
        _equal(lessons.seen[chosen]),
        slice(len(full)),
        slice(len(full), None),
    )
    matches = [
        Match(TEXT, IMAGE, seen, first, weight=COLOUR_WEIGHT),
        Match(IMAGE, AUDIO, heard),
        Match(TEXT, AUDIO, heard, first),
    ]
    only_thing = said & (np.arange(len(SEEN)) == THING)
    for answering, columns in ((IMAGE, len(SEEN)), (AUDIO, len(HEARD))):
        for words, weight in ((said, SHORT_WEIGHT), (only_thing, THING_WEIGHT)):
            fits = torch.from_numpy(fitting(words[:, :columns], shown[:, :columns], shown[:, :columns]))
            matches.append(Match(TEXT, answering, fits, behind, both_ways=False, weight=weight))
    return Batch(inputs, matches)


def _equal(keys: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(keys[:, None] == keys[None, :])


def _identity(recipe: Recipe, start: Path | None) -> dict[str, str]:
    """What a checkpoint must agree in."""
    went_on = hashlib.sha256()
    for path in [] if start is None else sorted(start.glob("*.safetensors")):
        went_on.update(path.read_bytes())
    told = {name: str(value) for name, value in asdict(recipe).items()}
    return {**told, "torch": torch.__version__, "went on from": "nothing" if start is None else went_on.hexdigest()}


def _both_lessons(folder: Path, recipe: Recipe, workers: int, report: Callable[[str], None]) -> tuple[Lessons, Lessons]:
    """Drawn and played, unless a run that was stopped left the very same ones."""
    made = []
    for split, seed, groups in (
        ("train", recipe.seed, recipe.groups),
        ("validation", recipe.seed + VALIDATION_SEED, recipe.validation_groups),
    ):

        def tell(done: int, groups: int, split: str = split) -> None:
            if done == groups or done % 5000 == 0:
                report(f"lessons for {split}: {done}/{groups}")

        place, whole = folder / split, json.dumps([split, seed, groups])
        if (place / MADE).is_file() and (place / MADE).read_text() == whole:
            report(f"lessons for {split}: {groups} are there already")
            made.append(open_lessons(place, seed, split, groups))
            continue
        (place / MADE).unlink(missing_ok=True)
        made.append(make_lessons(place, seed, split, groups, workers, tell))
        (place / MADE).write_text(whole)  # last: half of them would teach wrong things
    return made[0], made[1]
