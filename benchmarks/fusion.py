"""What fusing is worth on toybox queries of several parts, some of them bad: `python benchmarks/fusion.py [--json]`.

Attention is learned on groups of the train split; fixed weights and the best single part are chosen on the validation
split, for each way of being bad; everything is asked on held-out groups of five seeds, among the answers of another
thousand groups too. Bad is one part of a query: another group's (wrong), or drowned in noise. In haze all parts are
drawn aside at random, so that knowing the bad one gains more. The oracle is the mean without the bad part. Recovered is
(learned - mean) / (oracle - mean). Chosen is what a search uses: for each mix what won on validation, for all cases.
Below is said where a whole 95 % interval is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from hearsee.core.fuser import FILE, Learned, read_learned
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.fusion import FusionRecipe, learn_fusion
from hearsee.indexer.align.mixes import Damage, Groups, Mix, asked
from hearsee.indexer.choices import Choices, read_choices
from hearsee.search.evaluate.ladder import answers_apart, blended, climb, simplex
from hearsee.search.fusion import (
    AttentionFusion,
    Blend,
    ChosenFusion,
    EncodedPart,
    FixedFusion,
    Fusion,
    MeanFusion,
    SlerpFusion,
)
from hearsee.toybox.mixes import groups_of, toybox_groups
from hearsee.toybox.scene import Scene
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers.encoders import WEIGHTS
from hearsee.toybox.write import scene_of

RESAMPLES = 1000
KINDS = tuple(Modality)
Encoded: TypeAlias = tuple[list[Scene], dict[Modality, Vectors]]
LEARNED = ("additive", "dot", "chosen")
HELD_AGAINST = ("mean", "best single", "fixed")
HAZE = 0.8  # cosine of each part with what it was, in the harder cases
# What is bad, and how clear all parts are. One of two wrong cannot be told: it is asked but nothing is claimed of it.
CASES = {
    "clean": (Damage(0.0), 1.0),
    "wrong or drowned": (Damage(0.5, 0.5, 0.0), 1.0),
    "drowned": (Damage(0.5, 0.0, 0.0), 1.0),
    "haze": (Damage(0.0), HAZE),
    "haze, wrong or drowned": (Damage(0.5, 0.5, 0.0), HAZE),
    "haze, drowned": (Damage(0.5, 0.0, 0.0), HAZE),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--groups", type=int, default=1000, help="that ask, of each seed; as many more are answers only"
    )
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--first-seed", type=int, default=5_000_000)
    options.add_argument("--case", choices=list(CASES), help="one of them only")
    options.add_argument("--train", type=int, default=3000, help="groups to learn from, where nothing learned ships")
    options.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the towers, and of what was learned")
    options.add_argument("--data", type=Path, default=Path("build/bench"), help="where encoded groups are kept")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    space = toybox_space(given.weights)
    learned = _learned(space, given.weights / FILE, given.train)
    check = made(space, "validation", given.groups, 4_000_000, given.data)
    held_out = [
        made(space, "held-out", given.groups, given.first_seed + seed, given.data) for seed in range(given.seeds)
    ]
    validation = drowned_only(crowd(check))
    seeds = [drowned_only(crowd(one, held_out[at - 1])) for at, one in enumerate(held_out)]
    won = read_choices(given.weights, space.fingerprint) or _choices(space, validation, learned)
    asked_with = {
        clear: [hazy(one, clear, seed) for seed, one in enumerate([validation, *seeds])] for clear in (1, HAZE)
    }
    rows = [
        row
        for mix, wanted in asked_for()
        for case, (damage, clear) in CASES.items()
        if given.case in (None, case)
        for row in [measured(mix, wanted, case, damage, asked_with[clear], given.groups, ways(learned, won))]
    ]
    answer = {
        "machine": f"{os.cpu_count()} x {platform.machine()}",
        "groups": given.groups,
        "seeds": given.seeds,
        "fuse_ms": {name: fuse_ms(way, learned.dim) for name, way in ways(learned, won).items()},
        "summary": summary(rows),
        "rows": rows,
    }
    if given.json:
        print(json.dumps(answer))
    else:
        show(answer)


def _learned(space: Space, path: Path, groups: int) -> Learned:
    if path.is_file():
        return read_learned(path, space.fingerprint, space.dim)
    train = toybox_groups(space, "train", groups, 3_000_000)
    check = toybox_groups(space, "validation", groups // 4, 3_000_000)
    return learn_fusion(space, train, check, FusionRecipe(), lambda line: print(line, file=sys.stderr, flush=True))


def _choices(space: Space, validation: Groups, learned: Learned) -> Choices:
    return Choices(space.fingerprint, 0, tuple(climb(validation, answers_apart(validation), learned).choices))


def made(space: Space, split: str, groups: int, seed: int, data: Path) -> Encoded:
    """Groups of a seed, drawn and encoded once for these weights."""
    path = data / f"fusion-{space.fingerprint[:12]}-{split}-{seed}-{groups}.npz"
    if not path.is_file():
        found = toybox_groups(space, split, groups, seed)
        tables = {
            m.value: np.concatenate([found.asked[m], found.answers[m][:, None], found.spoiled[m]], axis=1)
            for m in KINDS
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **tables)  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as file:
        return [scene_of(seed, split, at) for at in range(groups)], {m: file[m.value] for m in KINDS}


def crowd(*encoded: Encoded) -> Groups:
    """One gallery of several seeds' groups."""
    scenes = [scene for some, _ in encoded for scene in some]
    return groups_of(scenes, {m: np.concatenate([tables[m] for _, tables in encoded]) for m in KINDS})


def hazy(groups: Groups, clear: float, seed: int) -> Groups:
    """Every part that may ask drawn aside at random, so that its cosine with what it was is `clear`."""
    if clear == 1:
        return groups
    rng = np.random.default_rng(seed)
    asked = {}
    for modality, table in groups.asked.items():
        aside = rng.standard_normal(table.shape)
        aside /= np.linalg.norm(aside, axis=2, keepdims=True)
        drawn = clear * table + (1 - clear**2) ** 0.5 * aside
        asked[modality] = (drawn / np.linalg.norm(drawn, axis=2, keepdims=True)).astype(np.float32)
    return Groups(asked, groups.answers, groups.labels, groups.spoiled, groups.apart)


def drowned_only(groups: Groups) -> Groups:
    """With only the last of the spoiled versions, of which noise is all that is left."""
    spoiled = {modality: table[:, -1:] for modality, table in groups.spoiled.items()}
    return Groups(groups.asked, groups.answers, groups.labels, spoiled, groups.apart)


def asked_for() -> Iterator[tuple[Mix, Modality]]:
    mixes = [mix for size in (2, 3) for mix in combinations_with_replacement(KINDS, size) if mix != (mix[0],) * 3]
    for mix in mixes:
        for wanted in KINDS:
            yield mix, wanted


def measured(
    mix: Mix,
    wanted: Modality,
    case: str,
    damage: Damage,
    asked_with: Sequence[Groups],
    asking: int,
    learned: Mapping[str, Blend],
) -> dict[str, Any]:
    """R@1 of every way to fuse, with its interval; the first groups choose the single part and the fixed weights."""
    rows = np.arange(asking)
    validation, *seeds = asked_with
    parts, _ = asked(validation, mix, rows, damage, np.random.default_rng(0))
    single = max(range(len(mix)), key=lambda at: first(validation, mix, wanted, parts[:, at]).mean())
    kinds = tuple(dict.fromkeys(mix))
    fixed = max(
        (FixedFusion(dict(zip(kinds, point, strict=True))) for point in simplex(len(kinds))),
        key=lambda blend: first(validation, mix, wanted, blended(blend, parts, mix, wanted)).mean(),
    )
    blends: dict[str, Blend] = {"mean": MeanFusion(), "slerp": SlerpFusion(), "fixed": fixed, **learned}
    hits: dict[str, list[NDArray[np.bool_]]] = {}
    for number, groups in enumerate(seeds):
        parts, bad = asked(groups, mix, rows, damage, np.random.default_rng(number + 1))
        targets = {name: blended(blend, parts, mix, wanted) for name, blend in blends.items()}
        targets["best single"] = parts[:, single]
        targets["oracle"] = unit((parts * ~bad[..., None]).sum(axis=1))
        for name, target in targets.items():
            hits.setdefault(name, []).append(first(groups, mix, wanted, target))
    return {"mix": "+".join(mix), "parts": len(mix), "wanted": wanted.value, "case": case} | figures(hits)


def ways(learned: Learned, won: Choices) -> dict[str, AttentionFusion | ChosenFusion]:
    attention = {kind: AttentionFusion(kind, learned.weights[kind]) for kind in ("additive", "dot")}
    return {**attention, "chosen": ChosenFusion(won, learned)}


def first(groups: Groups, mix: Mix, wanted: Modality, targets: Vectors) -> NDArray[np.bool_]:
    """Whether the best answer is right; the first groups ask, all may answer."""
    labels = groups.labels(mix, wanted)
    right: NDArray[np.bool_] = labels[(targets @ groups.answers[wanted].T).argmax(axis=1)] == labels[: len(targets)]
    return right


def figures(hits: dict[str, list[NDArray[np.bool_]]]) -> dict[str, Any]:
    """R@1 over all seeds, with bootstrap intervals; the same draws for every way, so that differences keep theirs."""
    rng = np.random.default_rng(0)
    table = {name: np.concatenate(rows).astype(np.float64) for name, rows in hits.items()}
    count = len(table["mean"])
    draws = rng.integers(count, size=(RESAMPLES, count))
    means = {name: row[draws].mean(axis=1) for name, row in table.items()}

    def told(values: NDArray[np.float64], value: float) -> dict[str, float]:
        low, high = np.percentile(values, [2.5, 97.5])
        return {"value": value, "low": float(low), "high": float(high)}

    told_all: dict[str, Any] = {name: told(means[name], float(row.mean())) for name, row in table.items()}
    gain = table["oracle"].mean() - table["mean"].mean()
    told_all["oracle_gain"] = float(gain)
    for name in LEARNED:
        if gain > 0.02:
            gains = np.maximum(means["oracle"] - means["mean"], 1e-6)
            recovered = float((table[name].mean() - table["mean"].mean()) / gain)
            told_all[f"{name} recovered"] = told((means[name] - means["mean"]) / gains, recovered)
        for other in HELD_AGAINST:
            difference = float((table[name] - table[other]).mean())
            told_all[f"{name} - {other}"] = told(means[name] - means[other], difference)
    return told_all


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over all mixes of as many parts and all that is wanted, and the worst that happened in any of them."""
    found = []
    for parts in (2, 3):
        for case in CASES:
            some = [row for row in rows if (row["parts"], row["case"]) == (parts, case)]
            if not some:
                continue
            names = ("best single", "mean", "slerp", "fixed", *LEARNED, "oracle")
            line: dict[str, Any] = {"parts": parts, "case": case, "pairs": len(some)}
            line |= {name: float(np.mean([row[name]["value"] for row in some])) for name in names}
            line["oracle_gain"] = float(np.mean([row["oracle_gain"] for row in some]))
            for name in LEARNED:
                shares = [row[f"{name} recovered"]["value"] for row in some if f"{name} recovered" in row]
                line[f"{name} recovered"] = {"least": min(shares), "mean": float(np.mean(shares))} if shares else None
                for other in HELD_AGAINST:
                    below = [one["value"] for row in some if (one := row[f"{name} - {other}"])["high"] < 0]
                    line[f"{name} below {other}"] = {"pairs": len(below), "worst": min(below, default=0.0)}
            found.append(line)
    return found


def fuse_ms(fusion: Fusion, dim: int) -> float:
    """Median milliseconds to fuse three parts."""
    rows = unit(np.random.default_rng(0).standard_normal((3, dim)))
    parts = [EncodedPart(modality, 1.0, False, row) for modality, row in zip(KINDS, rows, strict=True)]
    times = []
    for _ in range(300):
        started = time.perf_counter()
        fusion.fuse(parts, Modality.TEXT)
        times.append((time.perf_counter() - started) * 1e3)
    return float(np.median(times))


def show(answer: dict[str, Any]) -> None:
    names = ("best single", "mean", "fixed", *LEARNED, "oracle")
    table = Table(title=f"R@1 over {answer['seeds']} seeds of {answer['groups']} held-out groups")
    for column in ("parts", "wanted", "bad in half", *names, "recovered", "chosen - mean", "chosen - fixed"):
        table.add_column(column)
    for row in answer["rows"]:
        recovered = row.get("chosen recovered")
        table.add_row(
            row["mix"], row["wanted"], row["case"], *(f"{row[name]['value']:.3f}" for name in names),
            f"{recovered['value']:.2f} ({recovered['low']:.2f}-{recovered['high']:.2f})" if recovered else "",
            *(_signed(row[f"chosen - {other}"]) for other in ("mean", "fixed")),
        )  # fmt: skip
    console = Console(width=240)
    console.print(table)
    short = Table(title="Means over all mixes; `below`: pairs whose whole interval is, and the worst of them")
    for column in ("parts", "bad in half", *names, "gain", "recovered", *(f"below {other}" for other in HELD_AGAINST)):
        short.add_column(column)
    for line in answer["summary"]:
        shares = line["chosen recovered"]
        short.add_row(
            str(line["parts"]), line["case"], *(f"{line[name]:.3f}" for name in names), f"{line['oracle_gain']:.3f}",
            f"{shares['least']:.2f} least, {shares['mean']:.2f} mean" if shares else "",
            *(_below(line, other) for other in HELD_AGAINST),
        )  # fmt: skip
    console.print(short)
    console.print({name: f"{ms:.3f} ms to fuse three parts" for name, ms in answer["fuse_ms"].items()})


def _signed(one: dict[str, float]) -> str:
    return f"{one['value']:+.3f} ({one['low']:+.3f}-{one['high']:+.3f})"


def _below(line: dict[str, Any], other: str) -> str:
    """Chosen, additive, dot: how many pairs, and the worst."""
    found = [line[f"{name} below {other}"] for name in ("chosen", "additive", "dot")]
    return ", ".join(f"{one['pairs']} ({one['worst']:+.3f})" if one["pairs"] else "0" for one in found)


if __name__ == "__main__":
    main()
