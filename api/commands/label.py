"""`hearsee label`: name items out of a list of names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.api.names import name_of
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_filter, parse_names, settings_from
from hearsee.api.terminal import console, print_json, table
from hearsee.core.errors import BadInput

if TYPE_CHECKING:
    from hearsee.search.label import Labelled, Named

MAX_BYTES = 2**20  # of a file of names


def label(
    names: Annotated[str, typer.Option("--names", metavar="FILE|A,B,…", help="The names: one a line, or with commas.")],
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE]", help="A file or folder that was indexed.", show_default=False)
    ] = None,
    where: Annotated[str | None, typer.Option("--where", metavar="JSON", help="Only what this filter matches.")] = None,
    want: Annotated[str, typer.Option("--want", metavar="KINDS", help="Kinds: image,audio,text.")] = "image,audio",
    template: Annotated[
        list[str] | None,
        typer.Option("--template", metavar="WORDS", help="How names are asked for: 'a photo of a {}'; may repeat."),
    ] = None,
    top: Annotated[int, typer.Option("--top", help="Names for each item.")] = 1,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which of the names fits each item best: share among the names, and chance to be right where calibrated."""
    settings, document, chosen = settings_from(library, database), parse_filter(where), read_names(names)
    if top < 1:
        raise BadInput(f"--top is {top}: it must be 1 or more")
    if source is not None:
        document = {"$and": [_inside(source), document or {}]} if document else _inside(source)
    from hearsee.search import open_library
    from hearsee.search.label import label as name_items
    from hearsee.search.query import wanted_modalities

    kinds = wanted_modalities(want) or ()
    with open_library(settings.library, settings.database, settings=settings) as searcher:
        found = name_items(searcher, chosen, where=document, wanted=kinds, templates=template, top=top)
        if as_json:
            print_json({"items": [_row(one) for one in found.items], "calibration": found.standing})
            return
        rows = [(one.item.id, name_of(one.item), *_best(named)) for one in found.items for named in one.names]
    out = console()
    if not rows:
        out.print(f"Nothing to name{f' in {source}' if source else ''}: index it first, or change the filter.")
        return
    out.print(table("", ("id", "item", "name", "share", "chance", "cosine"), rows, right=(0, 3, 4, 5)))
    out.print(f"share: softmax over the {len(chosen):,} names; chance: {found.standing}", style="dim")


def read_names(given: str) -> list[str]:
    """A file's lines, or the names themselves with commas."""
    path = Path(given)
    try:
        known = path.is_file()
    except (OSError, ValueError):  # too long, or not a path at all
        known = False
    if not known:
        return parse_names(given) or []
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"--names {given}: the file has {path.stat().st_size:,} bytes, {MAX_BYTES:,} is the most")
    try:
        return [line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise BadInput(f"--names {given}: the file is not UTF-8; save it as such, one name a line") from None


def _inside(source: str) -> dict[str, Any]:
    """Items of a file, of a table or tar, or below a folder."""
    uri = source if "://" in source else Path(os.path.abspath(source)).as_uri()  # noqa: PTH100 links stay
    below = [{"@uri": {"$prefix": f"{uri.rstrip('/')}{mark}"}} for mark in "/#"]
    return {"$or": [{"@uri": uri}, *below]}


def _best(named: Named) -> tuple[str, str, str, str]:
    chance = "" if named.chance is None else f"{named.chance:.0%}"
    return named.name, f"{named.share:.0%}", chance, f"{named.cosine:.3f}"


def _row(one: Labelled) -> dict[str, Any]:
    from hearsee.api.answers import plain

    return {
        "id": one.item.id,
        "uri": one.item.uri,
        "modality": one.item.modality.value,
        "names": plain(list(one.names)),
    }
