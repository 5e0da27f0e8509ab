"""Composed edits and steering away on held-out toybox things: `python benchmarks/edits.py [--seeds 5] [--json]`.

An edit asks with one scene of a pair ("this picture") and words for what is different in the other ("but blue"); right
is what shows the other, among all things of the seed, the asked one too; and once more among the things of all seeds.
Steering away asks with a scene without its own value of one attribute, or with a short text without that of its best
answer; told by words, or by a picture or a sound of such a thing. All goes the way that a search goes: parts, fused.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from hearsee.core.edits import EDIT, FILE, WITHOUT, read_edits
from hearsee.core.errors import BadInput
from hearsee.core.fuser import Arrays
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.facts import Facts
from hearsee.indexer.align.lessons import EditLesson, WithoutLesson, askable, edits_of, without_of
from hearsee.search.fusion import EncodedPart, MeanFusion, SlerpFusion
from hearsee.toybox.edits import toybox_facts
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers.encoders import WEIGHTS

RESAMPLES = 1000
FIRST = 10
WEIGHTS_TRIED = (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
STRENGTHS = (0.25, 0.5, 1.0)  # of what is learned about steering away, as `--weight without=0.5` says it
MOST = 100  # questions of each kind for each seed
HELD_OUT, VALIDATION = 8_000_000, 9_000_000  # seeds that no training uses
EDITED = ("sum", "weighted sum", "slerp", "learned")
Numbers = NDArray[np.float64]
Cell = tuple[str, str, str]  # attribute, what asks, what is wanted
Way = tuple[Any, float, Arrays | None]  # how to fuse, the weight of an edit, what was learned


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=500, help="pairs of held-out things of each seed")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the towers, and of what was learned")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    space = toybox_space(given.weights)
    rules = read_edits(given.weights / FILE, space.fingerprint, space.dim).weights
    validation = toybox_facts(space, "validation", given.pairs, VALIDATION)
    seeds = [toybox_facts(space, "held-out", given.pairs, HELD_OUT + seed) for seed in range(given.seeds)]
    answer = {
        "machine": f"{os.cpu_count()} x {platform.machine()}",
        "seeds": given.seeds,
        "things": 2 * given.pairs,
        **edits_measured(validation, seeds, rules[EDIT]),
        "without": negatives_measured(seeds, rules[WITHOUT]),
    }
    print(json.dumps(answer)) if given.json else show(answer)


def edits_measured(validation: Facts, seeds: Sequence[Facts], rule: Arrays) -> dict[str, Any]:
    """R@1 and R@10 of each way to edit, by attribute and by what asks; the best weight of a sum is validation's."""
    tried = {weight: ranks([validation], {"sum": (MeanFusion(), weight, None)}) for weight in WEIGHTS_TRIED}
    chosen = max(WEIGHTS_TRIED, key=lambda weight: np.mean(np.concatenate(list(tried[weight].values())) <= FIRST))
    ways: Mapping[str, Way] = {
        "sum": (MeanFusion(), 1.0, None),
        "weighted sum": (MeanFusion(), chosen, None),
        "slerp": (SlerpFusion(), 1.0, None),
        "learned": (MeanFusion(), 1.0, rule),
    }
    return {
        "weight": chosen,
        "edits": edit_rows(ranks(seeds, ways)),
        "edits among all": edit_rows(ranks([together(seeds)], ways, MOST * len(seeds))),
    }


def edit_rows(found: Mapping[Cell, Numbers]) -> list[dict[str, Any]]:
    rows = []
    for name, cells in slices(list(found)):
        asked = np.concatenate([found[cell] for cell in cells])  # (questions, ways)
        rows.append({"what": name, "questions": len(asked), **figures(asked)})
    return rows


def together(seeds: Sequence[Facts]) -> Facts:
    """The things of all seeds as one world; first all pairs one way, then the other."""
    starts = np.cumsum([0, *map(len, seeds)])
    half = len(seeds[0].pairs) // 2
    pairs = [
        facts.pairs[turn * half : (turn + 1) * half] + start
        for turn in range(2)
        for facts, start in zip(seeds, starts, strict=False)
    ]
    return replace(
        seeds[0],
        values=np.concatenate([facts.values for facts in seeds]),
        items={modality: np.concatenate([facts.items[modality] for facts in seeds]) for modality in seeds[0].items},
        short=np.concatenate([facts.short for facts in seeds]),
        said=np.concatenate([facts.said for facts in seeds]),
        pairs=np.concatenate(pairs),
    )


def ranks(seeds: Sequence[Facts], ways: Mapping[str, Way], most: int = MOST) -> dict[Cell, Numbers]:
    """The rank of the first right answer, (questions, ways), for each cell."""
    found: dict[Cell, list[Numbers]] = {}
    for number, facts in enumerate(seeds):
        rng = np.random.default_rng(number)
        things = np.arange(len(facts))
        differs = facts.values[facts.pairs[:, 0]] != facts.values[facts.pairs[:, 1]]
        one_way = np.arange(len(facts.pairs)) < len(facts.pairs) // 2
        kinds = [(key, differs[:, at] & (differs.sum(axis=1) == 1)) for at, key in enumerate(facts.keys)]
        for key, of_kind in [*kinds, ("two of them", differs.sum(axis=1) == 2)]:
            for asker in facts.askers():
                for wanted in facts.items:
                    lesson = edits_of(facts, asker, wanted, facts.pairs[one_way & of_kind][:most], things, rng)
                    if len(lesson.target):
                        made = [edited(lesson, asker[0], wanted, *way) for way in ways.values()]
                        cell = (key, asker[0], wanted.value)
                        found.setdefault(cell, []).append(np.stack([first_ranks(one, lesson) for one in made], axis=1))
    return {cell: np.concatenate(parts) for cell, parts in found.items()}


def edited(
    lesson: EditLesson, asker: str, wanted: Modality, fusion: Any, weight: float, rule: Arrays | None
) -> Vectors:
    """Each question's target, (questions, d); slerp knows no edits and takes the words for a part like others."""
    modality = Modality(asker) if asker in set(Modality) else Modality.TEXT
    plainly = isinstance(fusion, SlerpFusion)
    targets = []
    for at, row in enumerate(lesson.target):
        parts = [EncodedPart(modality, 1.0, False, row)]
        for words, there in zip(lesson.words, lesson.there, strict=True):
            if there[at]:
                parts.append(EncodedPart(Modality.TEXT, weight, False, words[at], not plainly, rule))
        targets.append(fusion.fuse(parts, wanted))
    return np.stack(targets)


def first_ranks(targets: Vectors, lesson: EditLesson) -> Numbers:
    cosines = targets @ lesson.answers.T
    best = np.where(lesson.right, cosines, -np.inf).max(axis=1, keepdims=True)
    placed: Numbers = 1.0 + (~lesson.right & (cosines >= best)).sum(axis=1)
    return placed


def figures(found: Numbers) -> dict[str, Any]:
    """R@1 and R@10 of each way, what the learned one adds to the plain sum and what is left to add; the same draws."""
    told: dict[str, Any] = {}
    for cut in (1, FIRST):
        right = (found <= cut).astype(np.float64)
        means = resampled(right)
        told |= {f"{way} R@{cut}": interval(means[:, at], right[:, at].mean()) for at, way in enumerate(EDITED)}
        added = right[:, 3] - right[:, 0]
        told[f"learned - sum R@{cut}"] = interval(means[:, 3] - means[:, 0], added.mean())
        told[f"most that can be added R@{cut}"] = interval(1 - means[:, 0], 1 - right[:, 0].mean())
    return told


def negatives_measured(seeds: Sequence[Facts], rule: Arrays) -> list[dict[str, Any]]:
    """The share of the first ten that has what is not wanted, before and after, and what is wanted of the rest."""
    found: dict[Cell, list[Numbers]] = {}
    for number, facts in enumerate(seeds):
        rng = np.random.default_rng(number)
        shunned = [(Modality.TEXT, key) for key in range(len(facts.keys))] + [(m, 0) for m in facts.items][:2]
        for by, key in shunned:
            name = facts.keys[key] if by is Modality.TEXT else f"{facts.keys[key]}, by {by.value}"
            for asker in facts.askers():
                for wanted in facts.items:
                    rows = askable(facts, asker, wanted, key)
                    if len(rows):
                        rows = rng.choice(rows, min(MOST, len(rows)), replace=False)
                        lesson = without_of(facts, asker, wanted, (by, key), rows, np.arange(len(facts)), rng)
                        cell = (name, asker[0], wanted.value)
                        found.setdefault(cell, []).append(shares(lesson, asker[0], wanted, rule))
    table = {cell: np.concatenate(parts) for cell, parts in found.items()}
    told = []
    for name, cells in slices(list(table)):
        together = np.concatenate([table[cell] for cell in cells])
        ratios = [table[cell][:, 2].mean() / table[cell][:, 0].mean() for cell in cells]
        told.append({"what": name, "questions": len(together), **told_of(together), "worst pair": float(max(ratios))})
    return told


def shares(lesson: WithoutLesson, asker: str, wanted: Modality, rule: Arrays) -> Numbers:
    """For each question: unwanted before, by the fixed rule, as learned and softer; wanted by each, and cut out."""
    modality = Modality(asker) if asker in set(Modality) else Modality.TEXT

    def steered(by: Arrays | None, strength: float = 1.0) -> Vectors:
        return np.stack([one_steered(*both, by, strength) for both in zip(lesson.target, lesson.words[0], strict=True)])

    def one_steered(row: Vectors, shunned: Vectors, by: Arrays | None, strength: float) -> Vectors:
        away = EncodedPart(lesson.modality, strength, True, shunned, rule=by)
        parts = [EncodedPart(modality, 1.0, False, row), away]
        try:
            return MeanFusion().fuse(parts, wanted)
        except BadInput:  # "this, but not this" is refused: it counts as not steered
            return row

    ways = [steered(None), *(steered(rule, strength) for strength in reversed(STRENGTHS))]
    cosines = [rows @ lesson.answers.T for rows in (lesson.target, *ways)]
    orders = [np.argsort(-one, axis=1)[:, :FIRST] for one in cosines]
    cut = np.argsort(-np.where(lesson.unwanted, -np.inf, cosines[0]), axis=1)[:, :FIRST]
    left = [np.take_along_axis(lesson.unwanted, order, axis=1).mean(axis=1) for order in orders]
    kept = [np.take_along_axis(lesson.kept, order, axis=1).mean(axis=1) for order in (*orders, cut)]
    return np.stack([*left, *kept], axis=1).astype(np.float64)


def told_of(found: Numbers) -> dict[str, Any]:
    means, value = resampled(found), found.mean(axis=0)
    softer = [f"at {strength}" for strength in reversed(STRENGTHS[:-1])]
    ways = ("before", "fixed", "learned", *softer)
    names = (*ways, *(f"wanted {way}" for way in ways), "wanted, cut out")
    told: dict[str, Any] = {name: interval(means[:, at], value[at]) for at, name in enumerate(names)}
    for at, way in list(enumerate(ways))[1:]:
        told[f"{way} ratio"] = interval(means[:, at] / means[:, 0], value[at] / value[0])
    return told


def resampled(found: Numbers) -> Numbers:
    """Means over questions drawn again and again, the same draws for every column: (resamples, columns)."""
    rng = np.random.default_rng(0)
    return np.stack([found[rng.integers(len(found), size=len(found))].mean(axis=0) for _ in range(RESAMPLES)])


def slices(cells: Sequence[Cell]) -> Iterator[tuple[str, list[Cell]]]:
    """All questions, those of each attribute, and those of each asker."""
    yield "all", list(cells)
    for at in (0, 1):
        for name in dict.fromkeys(cell[at] for cell in cells):
            yield (f"asked by {name}" if at else name), [cell for cell in cells if cell[at] == name]


def interval(drawn: Numbers, value: float) -> dict[str, float]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}


def show(answer: Mapping[str, Any]) -> None:
    console = Console(width=260)
    of = f"{answer['seeds']} seeds of {answer['things']:,} held-out things"
    best = f"the sum's best weight for an edit: {answer['weight']}"
    gained = ["learned - sum R@10", "most that can be added R@10"]
    shown = [*(f"{way} R@{FIRST}" for way in EDITED), *gained, "sum R@1", "learned R@1"]
    print_table(console, f"Edits: R@10 of what is asked for, {of}; {best}", answer["edits"], shown)
    title = f"The same among the {answer['seeds'] * answer['things']:,} things of all seeds"
    print_table(console, title, answer["edits among all"], shown)
    columns = ["before", "learned", "learned ratio", "fixed ratio", "wanted before", "wanted learned", "wanted fixed"]
    title = f"Steering away: the share of the first ten that has what is not wanted, {of}"
    print_table(console, title, answer["without"], [*columns, "wanted, cut out", "worst pair"])
    softer = [*(f"at {one}" for one in STRENGTHS[:-1]), "learned"]
    columns = [
        "before",
        *softer,
        *(f"{one} ratio" for one in softer),
        "wanted before",
        *(f"wanted {one}" for one in softer),
    ]
    title = f"Steering away more softly (`--weight without=0.5`; learned: 1), {of}"
    print_table(console, title, answer["without"], columns)


def print_table(console: Console, title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    table = Table("what", "questions", *columns, title=title)
    for row in rows:
        cells = (
            f"{one:.2f}" if isinstance(one := row[column], float) else
            f"{one['value']:.3f} ({one['low']:.3f}–{one['high']:.3f})"
            for column in columns
        )  # fmt: skip
        table.add_row(row["what"], f"{row['questions']:,}", *cells)
    console.print(table)


if __name__ == "__main__":
    main()
