"""`hearsee demo`: the whole of it in a minute, offline."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hearsee.api.options import JsonOption, settings_from
from hearsee.api.terminal import console, print_json, visible


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Keep toybox and library here; else a temporary folder."),
    ] = None,
    items: Annotated[int, typer.Option("--items", "-n", help="How many items; three make a group.")] = 3000,
    space: Annotated[str, typer.Option("--space", metavar="NAME", help="The space to index in.")] = "toybox",
    as_json: JsonOption = False,
) -> None:
    """Fill a library from the toybox, ask what people ask, and measure: offline, in about a minute."""
    settings = settings_from()
    from hearsee.api.bars import bars
    from hearsee.api.demo.tour import take_tour
    from hearsee.core.space import load_space

    chosen = load_space(space)
    with _place(folder) as place, bars("", quiet=as_json) as shown:
        tasks = {}

        def go_on(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(step, total=total)
            shown.update(tasks[step], completed=done, total=total)

        tour = take_tour(place, chosen, items, settings, go_on)
    if as_json:
        print_json(tour.as_dict())
        return
    from hearsee.api.demo.show import show

    out = console()
    show(tour, out)
    if folder is None:
        out.print("\nToybox and library were in a temporary folder, which is gone; keep them with --dir DIR.")
    else:
        kept = visible(shlex.quote(str(folder / "library")))
        out.print(f"\nGo on with: export HEARSEE_LIBRARY={kept}; hearsee serve", soft_wrap=True)


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="hearsee-demo-") as place:
        yield Path(place)
