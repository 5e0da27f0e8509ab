"""`hearsee align rerank`: train the toybox's second look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, table, visible


def align_rerank(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where weights and figures go.")] = Path(
        "toybox-rerank"
    ),
    towers: Annotated[
        Path | None, typer.Option("--towers", metavar="DIR", help="The towers to build on, else those that ship.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides the lessons and the first weights.")] = None,
    groups: Annotated[int | None, typer.Option("--groups", help="How many pictures to learn from.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="How often to learn from a few of them.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train what looks again at the toybox's first hits, on the towers' near misses."""
    from hearsee.api.answers import plain
    from hearsee.toybox.rerank.train import Recipe, train
    from hearsee.toybox.towers.encoders import WEIGHTS

    few = None if groups is None else min(groups, Recipe.validation_groups)
    given = {"seed": seed, "groups": groups, "steps": steps, "validation_groups": few}
    recipe = Recipe(**{name: value for name, value in given.items() if value is not None})
    told = console(stderr=True)
    note = plain(train(out, recipe, lambda line: told.print(visible(line)), towers or WEIGHTS))
    if as_json:
        print_json(note)
        return
    rows = [
        (captions, by, *(f"{figures[by][name]['value']:.3f}" for name in ("recall@1", "ndcg@10")))
        for captions, figures in note["validation"].items()
        for by in ("towers", "looked at again")
    ]
    columns = ("captions", "pictures in the order of", "recall@1", "nDCG@10")
    console().print(table(f"Validation, weights in {out}", columns, rows, right=(2, 3)))
