"""What fusing is worth on toybox queries of several parts, some of them bad: `python benchmarks/fusion.py [--json]`.

Attention is learned on groups of the train split; fixed weights and the best single part are chosen on the validation
split; everything is asked on held-out groups of five seeds. Bad is one part of a query: another group's (wrong), or
drowned in noise. The oracle is the mean without the bad part. Recovered is (learned - mean) / (oracle - mean).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

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
from hearsee.search.evaluate.ladder import blended, simplex
from hearsee.search.fusion import AttentionFusion, Blend, EncodedPart, FixedFusion, MeanFusion, SlerpFusion
from hearsee.toybox.mixes import toybox_groups
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers.encoders import WEIGHTS

RESAMPLES = 1000
KINDS = tuple(Modality)
# What is bad, in which mixes: one of two wrong cannot be told, so it is asked but nothing is claimed of it.
CASES = {"clean": Damage(0.0), "wrong or drowned": Damage(0.5, 0.5, 0.0), "drowned": Damage(0.5, 0.0, 0.0)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--groups", type=int, default=400, help="held-out groups of each seed")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--train", type=int, default=3000, help="groups to learn from, where nothing learned ships")
    options.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the towers, and of what was learned")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    space = toybox_space(given.weights)
    learned = _learned(space, given.weights / FILE, given.train)
    validation = drowned_only(toybox_groups(space, "validation", given.groups, 4_000_000))
    seeds = [
        drowned_only(toybox_groups(space, "held-out", given.groups, 5_000_000 + seed)) for seed in range(given.seeds)
    ]
    rows = [row for mix, wanted in asked_for() for row in measured(mix, wanted, validation, seeds, learned)]
    answer = {
        "machine": f"{os.cpu_count()} x {platform.machine()}",
        "groups": given.groups,
        "seeds": given.seeds,
        "fuse_ms": {kind: fuse_ms(learned, kind) for kind in ("additive", "dot")},
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
    mix: Mix, wanted: Modality, validation: Groups, seeds: list[Groups], learned: Learned
) -> Iterator[dict[str, Any]]:
    """One row for each way of being bad, R@1 of every way to fuse with its interval."""
    for case, damage in CASES.items():
        parts, _ = asked(validation, mix, np.arange(len(validation)), damage, np.random.default_rng(0))
        single = max(range(len(mix)), key=lambda at: first(validation, mix, wanted, parts[:, at]).mean())
        kinds = tuple(dict.fromkeys(mix))
        fixed = max(
            (FixedFusion(dict(zip(kinds, point, strict=True))) for point in simplex(len(kinds))),
            key=lambda blend: first(validation, mix, wanted, blended(blend, parts, mix, wanted)).mean(),
        )
        blends: dict[str, Blend] = {
            "mean": MeanFusion(),
            "slerp": SlerpFusion(),
            "fixed": fixed,
            **{kind: AttentionFusion(kind, learned.weights[kind]) for kind in ("additive", "dot")},
        }
        hits: dict[str, list[NDArray[np.bool_]]] = {}
        for number, groups in enumerate(seeds):
            parts, bad = asked(groups, mix, np.arange(len(groups)), damage, np.random.default_rng(number + 1))
            targets = {name: blended(blend, parts, mix, wanted) for name, blend in blends.items()}
            targets["best single"] = parts[:, single]
            targets["oracle"] = unit((parts * ~bad[..., None]).sum(axis=1))
            for name, target in targets.items():
                hits.setdefault(name, []).append(first(groups, mix, wanted, target))
        yield {"mix": "+".join(mix), "wanted": wanted.value, "case": case} | figures(hits)


def first(groups: Groups, mix: Mix, wanted: Modality, targets: Vectors) -> NDArray[np.bool_]:
    """Whether the best answer is right."""
    labels = groups.labels(mix, wanted)
    right: NDArray[np.bool_] = labels[(targets @ groups.answers[wanted].T).argmax(axis=1)] == labels
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
    if gain > 0.02:
        gains = np.maximum(means["oracle"] - means["mean"], 1e-6)
        recovered = float((table["additive"].mean() - table["mean"].mean()) / gain)
        told_all["recovered"] = told((means["additive"] - means["mean"]) / gains, recovered)
    for other in ("mean", "best single", "fixed"):
        difference = float((table["additive"] - table[other]).mean())
        told_all[f"additive - {other}"] = told(means["additive"] - means[other], difference)
    return told_all


def fuse_ms(learned: Learned, kind: str) -> float:
    """Median milliseconds to fuse three parts."""
    fusion = AttentionFusion(kind, learned.weights[kind])
    rows = unit(np.random.default_rng(0).standard_normal((3, learned.dim)))
    parts = [EncodedPart(modality, 1.0, False, row) for modality, row in zip(KINDS, rows, strict=True)]
    times = []
    for _ in range(300):
        started = time.perf_counter()
        fusion.fuse(parts, Modality.TEXT)
        times.append((time.perf_counter() - started) * 1e3)
    return float(np.median(times))


def show(answer: dict[str, Any]) -> None:
    names = ("best single", "mean", "slerp", "fixed", "additive", "dot", "oracle")
    table = Table(title=f"R@1 over {answer['seeds']} seeds of {answer['groups']} held-out groups")
    for column in ("parts", "wanted", "bad in half", *names, "recovered", "additive - fixed"):
        table.add_column(column)
    for row in answer["rows"]:
        recovered, difference = row.get("recovered"), row["additive - fixed"]
        table.add_row(
            row["mix"], row["wanted"], row["case"], *(f"{row[name]['value']:.3f}" for name in names),
            f"{recovered['value']:.2f} ({recovered['low']:.2f}-{recovered['high']:.2f})" if recovered else "",
            f"{difference['value']:+.3f} ({difference['low']:+.3f}-{difference['high']:+.3f})",
        )  # fmt: skip
    Console(width=240).print(table)
    Console().print({kind: f"{ms:.3f} ms to fuse three parts" for kind, ms in answer["fuse_ms"].items()})


if __name__ == "__main__":
    main()
