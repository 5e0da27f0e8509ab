"""Recall of the toybox towers on held-out groups, in six directions: `python benchmarks/toybox.py [--groups N]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hearsee.core.media.kinds import Words
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.toybox.exam import encoded, held_out
from hearsee.toybox.lessons import THING, fitting, numbered, short_captions
from hearsee.toybox.lexicon import NAMES
from hearsee.toybox.measure import SHARED, Figure, first_precision, measure
from hearsee.toybox.mixes import encoded as encoded_media
from hearsee.toybox.scene import HEARD, SEEN, THINGS, Scene
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers.encoders import WEIGHTS


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--groups", type=int, default=1000, help="one picture, one sound and one caption each")
    options.add_argument("--seed", type=int, default=2_000_000)
    options.add_argument("--weights", type=Path, default=WEIGHTS)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    answer = figures(given.weights, given.groups, given.seed)
    print(json.dumps(answer)) if given.json else show(answer)


def figures(weights: Path, groups: int, seed: int) -> dict[str, Any]:
    """Makes the groups, encodes them and measures; how long each took is told beside the recall."""
    started = time.perf_counter()
    made = held_out(groups, seed)
    generated = time.perf_counter()
    vectors = encoded(toybox_space(weights), made)
    recall = measure(vectors, [one.scene for one in made])
    short = short_questions(toybox_space(weights), [one.scene for one in made], vectors, seed)
    return {
        "groups": groups,
        "seed": seed,
        "split": "held-out",
        "machine": f"{os.cpu_count()} x {platform.machine()}",
        "seconds": {"generate": generated - started, "encode and measure": time.perf_counter() - generated},
        "directions": {
            direction: {"shared": SHARED[direction]} | {cut: asdict(one) for cut, one in cuts.items()}
            for direction, cuts in recall.items()
        },
        "short": {question: asdict(figure) for question, figure in short.items()},
    }


def short_questions(
    space: Space, scenes: Sequence[Scene], vectors: Mapping[str, Vectors], seed: int
) -> dict[str, Figure]:
    """The share of right answers among the first ten for captions that leave things out, and for bare names."""
    shown, things = numbered(scenes), np.arange(len(THINGS))
    texts, said = short_captions(scenes, np.random.default_rng(seed), clumsy=False)
    names = [NAMES[thing][0].partition("|")[0] for thing in THINGS]
    asked = {"short captions": encoded_texts(space, texts), "bare names": encoded_texts(space, names)}
    answers = {}
    for modality, columns in (("image", len(SEEN)), ("audio", len(HEARD))):
        right = {
            "short captions": fitting(said[:, :columns], shown[:, :columns], shown[:, :columns]),
            "bare names": things[:, None] == shown[None, :, THING],
        }
        for name, rows in asked.items():
            answers[f"{name} -> {modality}"] = first_precision(rows, vectors[modality], right[name])
    return answers


def encoded_texts(space: Space, texts: Sequence[str]) -> Vectors:
    return encoded_media(space, Modality.TEXT, [Words(text) for text in texts])


def show(answer: dict[str, Any]) -> None:
    table = Table(title=f"{answer['groups']} held-out groups: right answers among the first k, with 95 % intervals")
    for column in ("direction", "recall@1", "recall@5", "recall@10", "shared"):
        table.add_column(column)
    for direction, one in answer["directions"].items():
        cuts = (one[f"recall@{cut}"] for cut in (1, 5, 10))
        cells = (f"{cut['value']:.3f} ({cut['low']:.3f}-{cut['high']:.3f})" for cut in cuts)
        table.add_row(direction, *cells, ", ".join(one["shared"]))
    Console().print(table)
    table = Table(title="Right answers among the first ten (or among as many as there are), with 95 % intervals")
    for column in ("asked", "share", "questions"):
        table.add_column(column)
    for question, one in answer["short"].items():
        table.add_row(question, f"{one['value']:.3f} ({one['low']:.3f}-{one['high']:.3f})", str(one["queries"]))
    Console().print(table)


if __name__ == "__main__":
    main()
