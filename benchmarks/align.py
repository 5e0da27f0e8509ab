"""What heads learn from real pairs over real frozen encoders: `python benchmarks/align.py --data DIR [--only PART]`.

DIR holds Flickr8k photos and captions, CLIP vectors, ESC-50 clips, captions of sounds, and the encoders MobileNet and
YAMNet, which run once (pip install ai-edge-litert); their vectors are kept in --cache. The text tower is learned in the
run, from captions alone, and reads none of a held-out photo.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._align_pairs import ASIDE, Dealt, Pairs, anew, load_pairs, recalls, set_aside
from benchmarks._align_sounds import load_sounds, naming
from benchmarks._align_vectors import Floats
from hearsee.core.head import Head
from hearsee.indexer.align.training import AUTO, RANDOM, HeadRecipe, train_heads

PARTS = ("pairs", "sounds", "tricks")
GOALS = {"MobileNet": 0.55, "CLIP": 0.78}  # text->image R@10
# From a good start few and small steps: larger ones learn the few pairs by heart.
RECIPE = HeadRecipe(kind="linear", epochs=12, batch=200, rate=3e-4, noise=0.7, fuse_mix=1.0, patience=None)
AS_IT_COMES = HeadRecipe(dim=256)
SOUNDS = replace(RECIPE, positives=4)
POSITIVES = {"MobileNet": 2, "CLIP": 1}
# Tricks are tried over small batches, or hard negatives would meet anyway.
FROM_NOTHING = HeadRecipe(start=RANDOM, dim=256, kind="linear", epochs=30, batch=64, rate=1e-3, patience=None)
FROM_REGRESSION = replace(FROM_NOTHING, start=AUTO, epochs=15, rate=3e-4)
TRICKS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "FuseMix (alpha 1)": {"fuse_mix": 1.0},
    "consistency (0.5)": {"consistency": 0.5},
    "hard negatives (3)": {"hard_negatives": 3},
}
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # Student's, for the mean of so many seeds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, help="the folder of shared data; without it nothing can be measured")
    options.add_argument("--cache", type=Path, default=Path("build/bench/align"), help="where vectors are kept")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--only", choices=PARTS, help="one part instead of all")
    options.add_argument("--over", choices=tuple(GOALS), help="photos by one encoder instead of both")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    if given.data is None:
        print(json.dumps({"skipped": "no --data"}) if given.json else "Nothing measured: give --data DIR.")
        return
    began = time.monotonic()
    answer: dict[str, Any] = {"machine": f"{os.cpu_count()} x {platform.machine()}", "goals": GOALS}
    parts = [given.only] if given.only else PARTS
    pairs = load_pairs(given.data, given.cache, given.over) if {"pairs", "tricks"} & set(parts) else []
    pairs = [one for one in pairs if given.over in (None, one.name)]
    if "pairs" in parts:
        answer["pairs"] = {name: found for one in pairs for name, found in on_pairs(one, given.seeds).items()}
    if "sounds" in parts:
        answer["sounds"] = naming(load_sounds(given.data, given.cache), SOUNDS)
    if "tricks" in parts:
        answer["tricks"] = {name: found for one in pairs for name, found in on_tricks(one, given.seeds).items()}
    answer["seconds"] = time.monotonic() - began
    print(json.dumps(answer)) if given.json else show(answer)


def on_pairs(pairs: Pairs, seeds: int) -> dict[str, dict[str, list[float]]]:
    """Recall on held-out photos, seed by seed: of heads as they come, also with anchors, of a start, and from there."""
    found: dict[str, dict[str, list[float]]] = {}
    recipe = replace(RECIPE, positives=POSITIVES[pairs.name])
    for seed in range(seeds):
        deals = {f"{pairs.name}, {ASIDE[pairs.name]} set aside": set_aside(pairs, seed)}
        deals |= {f"{pairs.name}, {held} dealt anew": anew(pairs, held, seed) for held in (120, 200)}
        for name, dealt in deals.items():
            ways = {
                f"{name}: defaults": trained(dealt, replace(AS_IT_COMES, seed=seed), None),
                f"{name}: start": dealt.start,
                f"{name}: trained": trained(dealt, replace(recipe, seed=seed), dealt.start),
            }
            if dealt.anchors is not None:
                with_anchors = trained(dealt, replace(AS_IT_COMES, seed=seed), None, dealt.anchors)
                ways[f"{name}: defaults, anchors"] = with_anchors
            for way, heads in ways.items():
                for direction, value in recalls(heads, dealt.given.held).items():
                    found.setdefault(way, {}).setdefault(direction, []).append(value)
                told = found[way]["text->image R@10"][-1]
                print(way, seed, f"text->image R@10 {told:.3f}", file=sys.stderr)
    return found


def trained(
    dealt: Dealt, recipe: HeadRecipe, old: Mapping[str, Head] | None, anchors: Mapping[str, Floats] | None = None
) -> dict[str, Head]:
    heads, _ = train_heads(dealt.given, recipe, old=old, anchors=anchors)
    return {modality.value: head for modality, head in heads.by_modality.items()}


def on_tricks(pairs: Pairs, seeds: int) -> dict[str, dict[str, list[float]]]:
    """Each trick alone, from nothing and from the regression that training starts with: mean recall, same deals."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in range(seeds):
        dealt = anew(pairs, ASIDE[pairs.name], seed)
        for start, base in (("from nothing", FROM_NOTHING), ("from regression", FROM_REGRESSION)):
            for trick, changes in TRICKS.items():
                recipe = replace(base, seed=seed, positives=POSITIVES[pairs.name], **changes)
                _, report = train_heads(dealt.given, recipe)
                worth = [one.after[f"recall@{k}"].value for one in report.directions for k in (1, 5, 10)]
                found.setdefault(f"{pairs.name}, {start}", {}).setdefault(trick, []).append(float(np.mean(worth)))
                print(pairs.name, start, trick, seed, f"{np.mean(worth):.3f}", file=sys.stderr)
    return found


def spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f}–{max(values):.3f})"


def gain(values: Sequence[float], plain: Sequence[float]) -> str:
    """The mean difference seed by seed, and its 95 % interval."""
    apart = np.subtract(values, plain)
    if len(apart) not in T_95:
        return f"{apart.mean():+.3f}"
    half = T_95[len(apart)] * apart.std(ddof=1) / len(apart) ** 0.5
    return f"{apart.mean():+.3f} ({apart.mean() - half:+.3f} to {apart.mean() + half:+.3f})"


def show(answer: Mapping[str, Any]) -> None:
    console = Console(width=140)
    if "pairs" in answer:
        columns = ("text->image R@10", "text->image R@1", "image->text R@10", "image->text R@1")
        table = Table("held-out photos", *columns, "held against")
        for name, found in answer["pairs"].items():
            goal = GOALS[name.split(",")[0]]
            met = "met" if np.mean(found["text->image R@10"]) >= goal else "missed"
            table.add_row(name, *(spread(found[column]) for column in columns), f"{goal}: {met}")
        console.print(table)
    if "sounds" in answer:
        table = Table("way to name clips of 10 unheard classes (chance 0.100)", "right, five splits")
        for name, values in answer["sounds"].items():
            table.add_row(name, spread(values))
        console.print(table)
    if "tricks" in answer:
        table = Table("pairs", "trick", "mean recall, held out", "gain over none")
        for name, found in answer["tricks"].items():
            for trick, values in found.items():
                table.add_row(name, trick, spread(values), gain(values, found["none"]))
        console.print(table)
    console.print(f"{answer['machine']}, {answer['seconds']:.0f} s")


if __name__ == "__main__":
    main()
