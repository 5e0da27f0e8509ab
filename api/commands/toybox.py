"""`hearsee toybox`: write pictures, sounds and captions of the toybox world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, visible


def toybox(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where PNG, FLAC and items.jsonl go.")],
    items: Annotated[int, typer.Option("--items", "-n", help="How many items; three make a group.")] = 3000,
    seed: Annotated[int, typer.Option("--seed", "-s", help="The same seed writes the same world.")] = 0,
    split: Annotated[str, typer.Option("--split", help="train, validation or held-out combinations.")] = "held-out",
    as_json: JsonOption = False,
) -> None:
    """Write a toybox: pictures, sounds and captions of one invented world."""
    from hearsee.api.bars import bars
    from hearsee.toybox.write import write_toybox

    with bars("groups", quiet=as_json) as shown:
        task = shown.add_task("Drawing and playing", total=None)
        made = write_toybox(
            folder, items, seed, split, lambda done, total: shown.update(task, completed=done, total=total)
        )
    if as_json:
        print_json({"table": str(made), "items": items, "seed": seed, "split": split})
        return
    console().print(f"{items:,} items in {visible(str(folder))}; index them with: hearsee index {visible(str(folder))}")
