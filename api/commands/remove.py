"""`hearsee remove`: take items out of the library; their files stay where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.terminal import console, print_json


def remove(
    items: Annotated[list[str], typer.Argument(metavar="ITEM…", help="Paths, URIs or ids.")],
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take items out of the library; files stay, and `hearsee index` over them takes them in again."""
    from hearsee.api.writing import open_writer

    with open_writer(settings_from(library, database)) as writer:
        done = writer.remove([_named(item) for item in items])
    if as_json:
        print_json({"removed": done.items, "generation": done.generation})
    else:
        console().print(f"{done.items:,} removed; the library is at generation {done.generation}")


def _named(item: str) -> str | int:
    """An id stays a number, a URI a URI; anything else is a path."""
    if item.isascii() and item.isdigit() and not Path(item).exists():
        return int(item)
    return item if "://" in item else Path(item).absolute().as_uri()
