"""`hearsee align toybox`: train the three towers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, table, visible


def align_toybox(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where weights and figures go.")] = Path(
        "toybox-weights"
    ),
    seed: Annotated[int | None, typer.Option("--seed", help="Decides the lessons and the first weights.")] = None,
    groups: Annotated[int | None, typer.Option("--groups", help="How many groups to learn from.")] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="How often to go over them.")] = None,
    rate: Annotated[float | None, typer.Option("--rate", help="How fast to learn, at most.")] = None,
    start: Annotated[
        Path | None, typer.Option("--start", metavar="DIR", help="Go on from the weights there, not from nothing.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes that draw and play the lessons.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Start anew where a run was stopped.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train the toybox's three towers, from nothing or from earlier weights; a run that was stopped goes on."""
    from hearsee.api.answers import plain
    from hearsee.toybox.train import Recipe, train

    given: dict[str, Any] = {"seed": seed, "groups": groups, "epochs": epochs, "rate": rate}
    recipe = Recipe(**{name: value for name, value in given.items() if value is not None})
    out_console = console(stderr=True)
    note = plain(train(out, recipe, workers, lambda line: out_console.print(visible(line)), start, again=again))
    if as_json:
        print_json(note)
        return
    rows = [
        (direction, *(f"{cuts[cut]['value']:.3f}" for cut in ("recall@1", "recall@5", "recall@10")))
        for direction, cuts in note["validation"].items()
    ]
    columns = ("direction", "recall@1", "recall@5", "recall@10")
    console().print(table(f"Validation, weights in {out}", columns, rows, right=(1, 2, 3)))
