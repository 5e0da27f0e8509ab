"""`hearsee align list`, `switch` and `forget`: the heads that a library has, which are live, and which may go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.terminal import console, print_json, size, table, visible

if TYPE_CHECKING:
    from hearsee.core.head import Heads
    from hearsee.core.settings import Settings
    from hearsee.indexer.switching import Switched

MADE_WITH_HEADS = {
    "calibration.json": "hearsee calibrate",
    "naming.json": "hearsee calibrate --names KEY",
    "fusion.json": "hearsee eval --fusion",
}


def list_heads(library: LibraryOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List the heads that the library has, and which are live."""
    import json

    from hearsee.indexer.library import Library

    settings = settings_from(library, database)
    with Library.open(settings.library, settings.database) as opened:
        info = opened.info
        rows = [
            {
                "id": row.id, "name": row.name, "live": row.id == info.heads, "previous": row.id == info.heads_before,
                "generation": row.generation, "bytes": row.bytes, **json.loads(row.about),
            }
            for row in opened.catalog.heads()
        ]  # fmt: skip
        kinds = {m.value: opened.space.head(m).kind for m in sorted(opened.space.towers)}
    if as_json:
        print_json({"heads": rows, "kinds": kinds})
        return
    own = [(0, "own", "live", "", "", "those that come with the space")] if not rows else []
    cells = own + [
        (row["id"], row["name"], "live" if row["live"] else "previous" if row["previous"] else "", row["generation"],
         size(row["bytes"]), row.get("sentence", "")) for row in rows
    ]  # fmt: skip
    out = console()
    out.print(table("Heads", ("number", "name", "", "since", "size", "worth"), cells, right=(0, 3, 4)))
    out.print(", ".join(f"{modality}: {kind}" for modality, kind in kinds.items()), style="dim")


def switch_heads(
    to: Annotated[
        str, typer.Option("--to", help="previous, own, a number or name from the list, or a folder or file of heads.")
    ],
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make other heads live: vectors are projected again, and no media are read."""
    from hearsee.core.head import FILE, read_heads

    settings = settings_from(library, database)
    path = Path(to).expanduser()
    file = path / FILE if path.is_dir() else path
    found: Heads | str = read_heads(file) if file.is_file() else to
    switched = switch_to(settings, found, f"from {path.name}")
    if as_json:
        print_json({"name": switched.name, "generation": switched.generation, "points": switched.points})
        return
    for line in what_was_done(settings, switched):
        console().print(visible(line))


def forget_heads(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Numbers or names from the list, or previous.")],
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove heads that are not live; the space's own stay, as the way back."""
    from hearsee.api.writing import open_writer
    from hearsee.indexer.switching import found_heads

    settings = settings_from(library, database)
    with open_writer(settings) as writer:
        gone = writer.forget_heads([found_heads(writer.catalog, name) for name in names])
    if as_json:
        print_json({"forgotten": [{"id": row.id, "name": row.name, "bytes": row.bytes} for row in gone]})
        return
    told = ", ".join(f"{row.id} ({row.name})" for row in gone)
    console().print(visible(f"forgot heads {told}: {size(sum(row.bytes for row in gone))} freed"))


def switch_to(settings: Settings, to: Heads | str, name: str) -> Switched:
    from hearsee.api.writing import open_writer
    from hearsee.indexer.switching import found_heads

    with open_writer(settings) as writer:
        return writer.switch_heads(found_heads(writer.catalog, to) if isinstance(to, str) else to, name)


def what_was_done(settings: Settings, switched: Switched) -> list[str]:
    """What was done, and what was found out with the old heads and says nothing of these."""
    done = (
        f"heads {switched.name!r} are live: {switched.points:,} vectors were projected again, no media read; "
        "back with: hearsee align switch --to previous"
    )
    stale = [
        f"{name} is of the old heads and is passed over with these; make it anew with: {command}"
        for name, command in MADE_WITH_HEADS.items()
        if (settings.library / name).is_file()
    ]
    return [done, *stale]
