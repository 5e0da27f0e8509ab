"""`hearsee verify`: is everything there, and is it what the catalog says?"""

from __future__ import annotations

from typing import Annotated

import typer

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.terminal import console, print_json, visible


def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what can be put right, and say what was done.")
    ] = False,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every file against its checksum and every row against its file; exit 1 where something is wrong."""
    settings = settings_from(library, database)
    from hearsee.api.answers import plain
    from hearsee.indexer.verify import verify as check

    report = check(settings.library, settings.database, repair=repair)
    if as_json:
        print_json(plain(report))
    else:
        out = console()
        for done in report.repaired:
            out.print(f"repaired: {visible(done)}", style="green")
        for problem in report.problems:
            out.print(f"wrong: {visible(problem)}", style="red")
        for name in report.leftovers:
            out.print(f"left over, harmless: {visible(name)}", style="dim")
        if not repair and not all("restore it from a copy" in problem for problem in report.problems):
            out.print("Put right what can be put right with: hearsee verify --repair")
        elif not report.problems:
            out.print(
                f"All is well: {report.segments:,} segments and {report.points:,} points are what they should be."
            )
    raise typer.Exit(1 if report.problems else 0)
