"""`hearsee eval`: how good the answers are, on the user's own library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_names, settings_from
from hearsee.api.terminal import console, print_json, table

if TYPE_CHECKING:
    from rich.text import Text

    from hearsee.search.evaluate import Direction

NARROW = 120  # characters that the whole table needs


def evaluate(
    relevant_by: Annotated[
        str | None,
        typer.Option(
            "--relevant-by", metavar="KEYS", help="Right is what has equal metadata: thing,count. Else groups."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="At most this many questions a direction.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the questions drawn and of the intervals.")] = 0,
    fusion: Annotated[
        bool, typer.Option("--fusion", help="Measure queries of several parts, and keep what fuses them best.")
    ] = False,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure recall@1/5/10 and MRR in every direction, by exact search, with intervals."""
    settings, keys = settings_from(library, database), parse_names(relevant_by)
    from hearsee.api.bars import bars
    from hearsee.core.errors import BadInput
    from hearsee.indexer.library import Library
    from hearsee.search.evaluate import evaluate as measure

    if limit is not None and limit < 1:
        raise BadInput(f"--limit is {limit}: it must be 1 or more")
    if seed < 0:
        raise BadInput(f"--seed is {seed}: it must be 0 or more")
    if fusion:
        from hearsee.api.commands.ladder import ladder

        ladder(settings, keys, limit, seed, as_json=as_json)
        return
    with Library.open(settings.library, settings.database) as opened, bars("questions", quiet=as_json) as shown:
        tasks = {}

        def go_on(direction: str, done: int, total: int) -> None:
            if direction not in tasks:
                tasks[direction] = shown.add_task(direction, total=total)
            shown.update(tasks[direction], completed=done)

        report = measure(opened, relevant_by=keys, limit=limit, seed=seed, progress=go_on)
    if as_json:
        print_json(report.as_dict())
        return
    metrics = list(next(iter(report.directions.values())).metrics)
    out = console()
    narrow = out.width < NARROW
    rows = [(name, *_cells(direction, metrics, narrow=narrow)) for name, direction in report.directions.items()]
    columns = ("direction", "asked" if narrow else "questions", *metrics)
    out.print(table("Recall", columns, rows, right=range(1, len(metrics) + 2)))
    right = " or ".join(sorted({direction.relevant_by for direction in report.directions.values()}))
    out.print(
        f"right is the same {right}; each with its 95 % interval; exact search over everything the library holds",
        style="dim",
    )


def _cells(direction: Direction, metrics: list[str], *, narrow: bool) -> list[str | Text]:
    """A line for each direction, or two where the terminal is narrow: a figure is never broken in the middle."""
    from rich.text import Text

    shown = [direction.metrics[name] for name in metrics]
    if narrow:
        figures = [Text(f"{one.value:.3f}\n{one.low:.2f}–{one.high:.2f}") for one in shown]
    else:
        figures = [Text(f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})") for one in shown]
    return [f"{direction.queries:,}", *figures]
