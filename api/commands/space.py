"""`hearsee space`: a second space beside the first, filled, compared, switched to, dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hearsee.api.names import near
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_names, settings_from
from hearsee.api.terminal import console, print_json, size, table, visible

if TYPE_CHECKING:
    from hearsee.core.settings import Settings
    from hearsee.indexer.catalog import SpaceRow
    from hearsee.search.evaluate.metrics import Estimate
    from hearsee.search.evaluate.paired import Comparison

SHOWN_REASONS = 20
Name = Annotated[str, typer.Argument(metavar="NAME", help="One of `hearsee spaces`, or a folder with a space.json.")]
Beside = Annotated[str, typer.Argument(metavar="NAME", help="A space that was filled beside the live one.")]

app = typer.Typer(
    name="space",
    help="Move a library into another space: fill it beside the first, compare, switch, drop.",
    no_args_is_help=True,
)


@app.command("list")
def list_spaces(library: LibraryOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Show the spaces that the library has vectors in, and how much each holds."""
    settings = settings_from(library, database)
    from hearsee.indexer.turning import list_spaces as rows_of

    rows = rows_of(settings.library, settings.database)
    if as_json:
        print_json({"spaces": [vars(row) for row in rows]})
        return
    cells = [
        (row.name, "live" if row.live else "", row.dim, row.fingerprint[:12], f"{row.points:,}", f"{row.missing:,}",
         row.segments, size(row.bytes)) for row in rows
    ]  # fmt: skip
    columns = ("space", "", "dim", "fingerprint", "points", "items missing", "segments", "vectors")
    console().print(table(f"Spaces of {settings.library}", columns, cells, right=(2, 4, 5, 6, 7)))


@app.command("add")
def add_space(
    name: Name,
    anew: Annotated[
        bool, typer.Option("--anew", help="Encode again even into the space that is live, as after a drift.")
    ] = False,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill a space beside the live one from the same items; again, or after a kill: only what it lacks."""
    settings = settings_from(library, database)
    from hearsee.api.indexing import shown_progress
    from hearsee.core.space import load_space
    from hearsee.indexer.beside import fill, space_of
    from hearsee.indexer.writer import Writer

    space = load_space(name)
    opened = Writer.beside(settings.library, space=space, database=settings.database, anew=anew)
    with opened as writer, shown_progress(quiet=as_json) as go_on:
        report = fill(writer, settings, progress=go_on)
        row = space_of(writer)
    if as_json:
        reasons = [{"uri": uri, "reason": reason} for uri, reason in report.reasons]
        print_json({**vars(row), "encoded": report.encoded, "given": report.added, "reasons": reasons})
        return
    out = console()
    out.print(f"{report.added:,} items were given vectors in {row.name}, {report.encoded:,} points encoded")
    if report.reasons:
        told = [(near(uri), reason) for uri, reason in report.reasons[:SHOWN_REASONS]]
        out.print(table("Without vectors there", ("item", "reason"), told))
    if row.live:
        return
    if row.missing:
        out.print(f"{row.missing:,} items still lack vectors in {row.name}", style="yellow")
    out.print(f"next: hearsee space compare {row.name}, then hearsee space switch {row.name}", style="dim")


@app.command("compare")
def compare_spaces(
    name: Beside,
    relevant_by: Annotated[
        str | None,
        typer.Option("--relevant-by", metavar="KEYS", help="Right is what has equal metadata. Else groups."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most this many questions a direction.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the questions drawn and of the intervals.")] = 0,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure recall in both spaces with the same questions, and the interval of the difference."""
    settings, keys = settings_from(library, database), parse_names(relevant_by)
    from hearsee.api.bars import bars
    from hearsee.indexer.library import Library
    from hearsee.search.evaluate.paired import compare

    with (
        Library.open(settings.library, settings.database) as old,
        Library.open(settings.library, settings.database, beside=name) as new,
        bars("questions", quiet=as_json) as shown,
    ):
        tasks = {}

        def go_on(direction: str, done: int, total: int) -> None:
            if direction not in tasks:
                tasks[direction] = shown.add_task(direction, total=total)
            shown.update(tasks[direction], completed=done)

        found = compare(old, new, relevant_by=keys, limit=limit, seed=seed, progress=go_on)
    if as_json:
        print_json(found.as_dict())
    else:
        _show(found)


@app.command("switch")
def switch_space(
    name: Beside,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Switch even though items lack vectors there: they are not found.")
    ] = False,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a filled space live, in one transaction; searches that run end in the old one."""
    settings = settings_from(library, database)
    from hearsee.indexer.turning import switch_space as turn

    turned = turn(settings.library, name, settings.database, leave_out=leave_out)
    if as_json:
        print_json(vars(turned))
        return
    out = console()
    out.print(f"{turned.live} is live; back with: hearsee space switch {turned.before}")
    for line in _stale(settings):
        out.print(visible(line))
    if turned.missing:
        out.print(f"{turned.missing:,} items lack vectors there and are not found", style="yellow")


@app.command("drop")
def drop_space(
    name: Beside, library: LibraryOption = None, database: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """Give up a space that is not live, with its vectors, heads and shards."""
    settings = settings_from(library, database)
    from hearsee.indexer.turning import drop_space as drop

    row: SpaceRow = drop(settings.library, name, settings.database)
    if as_json:
        print_json(vars(row))
        return
    console().print(f"dropped {row.name}: {row.points:,} points in {row.segments:,} segments, {size(row.bytes)}")


def _stale(settings: Settings) -> list[str]:
    """What was measured in the space that was live, and says nothing of this one."""
    made = {
        "calibration.json": "hearsee calibrate",
        "naming.json": "hearsee calibrate --names KEY",
        "fusion.json": "hearsee eval --fusion",
    }
    return [
        f"{name} is of the other space and is passed over in this one; make it anew with: {command}"
        for name, command in made.items()
        if (settings.library / name).is_file()
    ]


def _show(found: Comparison) -> None:
    out = console()
    rows: list[tuple[str, ...]] = []
    for name, one in found.directions.items():
        sides = ((found.old, one.old), (found.new, one.new), ("gain", one.gain))
        for place, (side, figures) in enumerate(sides):
            first = (name, f"{one.queries:,}") if place == 0 else ("", "")
            rows.append((*first, side, *(_cell(figure, signed=place == 2) for figure in figures.values())))
    metrics = list(next(iter(found.directions.values())).gain)
    columns = ("direction", "questions", "", *metrics)
    out.print(table(f"Recall in {found.old} (live) and in {found.new}", columns, rows, right=(1, 3, 4, 5, 6)))
    right = " or ".join(sorted({one.relevant_by for one in found.directions.values()}))
    left = f"; {found.left_out:,} items with vectors in one of them only are left out" if found.left_out else ""
    out.print(
        f"right is the same {right}; each with its 95 % interval, the gain's question by question; exact search{left}",
        style="dim",
    )


def _cell(one: Estimate, *, signed: bool) -> str:
    sign = "+" if signed else ""
    return f"{one.value:{sign}.3f} ({one.low:{sign}.3f} – {one.high:{sign}.3f})"
