"""`hearsee compact`: give back the room of what was removed."""

from __future__ import annotations

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.terminal import console, print_json


def compact(library: LibraryOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Rewrite the library without what was removed, and give back its room."""
    from hearsee.api.answers import plain
    from hearsee.api.writing import open_writer

    with open_writer(settings_from(library, database)) as writer:
        report = plain(writer.compact())
    if as_json:
        print_json(report)
        return
    console().print(report)
