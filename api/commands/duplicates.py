"""`hearsee duplicates`: what the library holds twice, or nearly."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.api.names import name_of
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_names, settings_from
from hearsee.api.terminal import console, print_json, table
from hearsee.core.errors import BadInput

if TYPE_CHECKING:
    from hearsee.search.duplicates import Twin, Twins

SHOWN = 1000  # groups, unless more are asked for


def duplicates(
    likeness: Annotated[
        float | None, typer.Option("--likeness", metavar="COSINE", help="How near counts as a duplicate (0.98).")
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Only groups whose items are the same bytes.")] = False,
    kinds: Annotated[str | None, typer.Option("--want", metavar="KINDS", help="Only these: image,audio,text.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Groups shown.")] = SHOWN,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show groups of items that are the same bytes, or whose vectors all but agree."""
    settings, names = settings_from(library, database), parse_names(kinds)
    if limit < 1:
        raise BadInput(f"--limit is {limit}: it must be 1 or more")
    from hearsee.indexer.library import Library
    from hearsee.search.duplicates import duplicates as twins
    from hearsee.search.finishing import LIKENESS
    from hearsee.search.query import wanted_modalities

    near = LIKENESS if likeness is None else likeness
    with Library.open(settings.library, settings.database) as opened:
        found = twins(opened, likeness=near, wanted=wanted_modalities(names))
        groups = list(islice((one for one in found if one.exact or not exact), limit))
    if as_json:
        print_json({"likeness": near, "groups": [_group(one) for one in groups]})
        return
    _show(groups, near, exact=exact)


def _show(groups: list[Twins], near: float, *, exact: bool) -> None:
    out = console()
    if not groups:
        out.print(
            "No two items are the same bytes." if exact else f"No two items are nearer than a cosine of {near:g}."
        )
        return
    rows = [
        ("" if at else number, twin.item.modality.value, twin.item.id, _how(twin, first=not at), name_of(twin.item))
        for number, group in enumerate(groups, 1)
        for at, twin in enumerate(group.items)
    ]
    out.print(table("", ("#", "what", "id", "cosine", "item"), rows, right=(0, 2)))
    more = sum(len(group.items) - 1 for group in groups)
    out.print(
        f"{len(groups):,} group{'s' * (len(groups) != 1)}, {more:,} item{'s' * (more != 1)} more than needed",
        style="dim",
    )


def _how(twin: Twin, *, first: bool) -> str:
    return "first" if first else "same bytes" if twin.same_bytes else f"{twin.cosine:.4f}"


def _group(group: Twins) -> dict[str, Any]:
    items = [
        {"id": twin.item.id, "uri": twin.item.uri, "cosine": twin.cosine, "same_bytes": twin.same_bytes}
        for twin in group.items
    ]
    return {"modality": group.modality.value, "exact": group.exact, "items": items}
