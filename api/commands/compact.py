"""`hearsee compact`: give back the room of what was removed."""

from __future__ import annotations

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.terminal import console, print_json, size


def compact(library: LibraryOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Rewrite the library without what was removed, and give back its room."""
    from hearsee.api.answers import plain
    from hearsee.api.writing import open_writer

    with open_writer(settings_from(library, database)) as writer:
        report = writer.compact()
    if as_json:
        print_json(plain(report))
        return
    console().print(
        f"{report.rows_removed:,} vectors dropped, {size(report.bytes_freed)} freed, "
        f"{report.segments_before:,} segments are now {report.segments_after:,}"
    )
