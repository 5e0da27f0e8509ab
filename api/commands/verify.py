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
        for problem in report.problems:
            out.print(f"✗ {visible(problem)}", style="red")
        for deed in report.repaired:
            out.print(f"✓ {visible(deed)}", style="green")
        out.print("Nothing is wrong." if not report.problems else "")
    raise typer.Exit(0 if report.sound else 1)
