"""`hearsee align rerank`: trains the second look on the towers' near misses; writes weights and how they were made."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hearsee.core.errors import BadInput
from hearsee.toybox.rerank.features import Senses
from hearsee.toybox.rerank.lessons import (
    Album,
    Captions,
    fits,
    full_captions,
    make_album,
    near_misses,
    partial_captions,
    together,
)
from hearsee.toybox.rerank.measure import measure
from hearsee.toybox.rerank.reader import ASPECTS, Reader
from hearsee.toybox.rerank.reranker import FILE, save_reader
from hearsee.toybox.towers.encoders import WEIGHTS as TOWERS

TRAIN_SEED, VALIDATION_SEED = 7_000_000, 8_000_000  # added to the seed: pictures that the towers never saw
NAMING = 0.3  # of naming what is said and seen, beside judging pairs
REPORT = 100  # steps


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, together with the code and the towers."""

    seed: int = 0
    groups: int = 6000  # drawn from the train split
    captions: int = 3  # full ones of each group, and as many that leave things out
    steps: int = 1500
    families: int = 24  # captions of a step, each with its picture and some near misses
    misses: int = 3
    strangers: int = 12  # pictures of other families that each caption is held against, too
    rate: float = 3e-3
    validation_groups: int = 1000  # drawn from the validation split


def train(out: Path, recipe: Recipe, report: Callable[[str], None], towers: Path = TOWERS) -> dict[str, Any]:
    """Writes `rerank.safetensors` and `rerank.json`; returns the latter."""
    if recipe.groups < recipe.families * (recipe.misses + 1):
        raise BadInput(f"groups is {recipe.groups}: one step needs {recipe.families * (recipe.misses + 1)}")
    started = time.monotonic()
    senses = Senses.load(towers)
    album = make_album(senses, recipe.seed + TRAIN_SEED, "train", recipe.groups)
    report(f"{recipe.groups} pictures drawn and looked at in {time.monotonic() - started:.0f} s")
    rng = np.random.default_rng(recipe.seed)
    captions = together(
        [
            make(senses, album.scenes, rng, clumsy=True)
            for _ in range(recipe.captions)
            for make in (full_captions, partial_captions)
        ]
    )
    reader = learn(album, captions, recipe, report)
    trained = time.monotonic() - started
    exam = make_album(senses, recipe.seed + VALIDATION_SEED, "validation", recipe.validation_groups)
    figures = measure(reader, senses, exam, recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    save_reader(reader, out / FILE, senses.fingerprint, asdict(recipe))
    note = {
        "recipe": asdict(recipe),
        "towers": senses.fingerprint,
        "splits": "weights from train, figures from validation; held-out was not looked at",
        "validation": figures,
        "seconds": {"training": round(trained), "all": round(time.monotonic() - started)},
        "machine": f"{os.cpu_count()} x {platform.machine()}, {platform.system()}, torch {torch.__version__}",
    }
    (out / "rerank.json").write_text(json.dumps(note, indent=2) + "\n")
    return note


def learn(album: Album, captions: Captions, recipe: Recipe, report: Callable[[str], None]) -> Reader:
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng([recipe.seed, 1])
    reader = Reader().train()
    optimizer = torch.optim.AdamW(reader.parameters(), lr=recipe.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.steps, pct_start=0.1)
    near = near_misses(captions, album)
    started, losses = time.monotonic(), list[float]()
    for step in range(1, recipe.steps + 1):
        judging, naming = _losses(reader, album, captions, near, recipe, rng)
        optimizer.zero_grad(set_to_none=True)
        (judging + NAMING * naming).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(judging.item())
        if step % REPORT == 0 or step == recipe.steps:
            spent = time.monotonic() - started
            left = spent / step * (recipe.steps - step)
            report(f"step {step}/{recipe.steps}  loss {np.mean(losses):.4f}  {spent:.0f} s, {left:.0f} s left")
            losses.clear()
    return reader.eval()


def _losses(
    reader: Reader,
    album: Album,
    captions: Captions,
    near: np.ndarray[Any, np.dtype[np.int64]],
    recipe: Recipe,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Of one step: every picture's caption is judged with its family's pictures and with some strangers."""
    asked = rng.choice(len(captions), recipe.families, replace=False)
    family = recipe.misses + 1
    shown = np.empty((recipe.families, family), np.int64)
    shown[:, 0] = asked % len(album)
    for row, text in zip(shown, asked, strict=True):
        row[1:] = rng.choice(near[text], recipe.misses, replace=False)
    pictures = shown.ravel()
    # Near misses get captions of their own, too: theirs are the hardest questions for the rest of the family.
    texts = pictures + len(album) * rng.integers(0, len(captions) // len(album), len(pictures))
    texts[::family] = asked
    mine = np.arange(len(pictures))[:, None] // family * family + np.arange(family)
    pairs = np.concatenate([mine, rng.integers(0, len(pictures), (len(pictures), recipe.strangers))], axis=1)
    tokens, nothing, whole = captions.rows(texts)
    views = album.rows(pictures)
    said, seen = reader.hear(tokens, nothing), reader.see(*views)
    cosines = (whole @ views[2].T).gather(1, torch.from_numpy(pairs))
    odds = reader(said[:, None].expand(-1, pairs.shape[1], -1, -1), seen[torch.from_numpy(pairs)], cosines)
    values, told = album.attributes[pictures], captions.said[texts]
    right = torch.from_numpy(fits(told, values, values[pairs])).float()
    judging = functional.binary_cross_entropy_with_logits(odds, right)
    names, spoken = torch.from_numpy(values), torch.from_numpy(np.where(told, values + 1, 0))
    naming = (
        torch.stack(
            [functional.cross_entropy(reader.name_seen[at](seen[:, at]), names[:, at]) for at in range(ASPECTS)]
            + [functional.cross_entropy(reader.name_said[at](said[:, at]), spoken[:, at]) for at in range(ASPECTS)]
        ).sum()
        / ASPECTS
    )
    return judging, naming
