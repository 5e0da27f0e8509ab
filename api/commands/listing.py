"""`hearsee list`: what is in the library, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hearsee.api.names import name_of, near
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_filter, settings_from
from hearsee.api.terminal import console, print_json, table, visible
from hearsee.core.errors import BadInput

if TYPE_CHECKING:
    from hearsee.indexer.library import Library

MAX_PAGE = 10_000


def list_items(
    where: Annotated[str | None, typer.Option("--where", metavar="JSON", help="Only what this filter matches.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only image, audio or text.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Items on a page.")] = 50,
    after: Annotated[int, typer.Option("--after", metavar="ID", help="Go on after this id.")] = 0,
    quarantined: Annotated[bool, typer.Option("--quarantined", help="What could not be read, and why.")] = False,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the items of the library, one page at a time."""
    settings, document = settings_from(library, database), parse_filter(where)
    if not 1 <= limit <= MAX_PAGE:
        raise BadInput(f"--limit is {limit}: it must be from 1 to {MAX_PAGE}")
    if not 0 <= after < 2**63:
        raise BadInput(f"--after is {after}: it must be an item's id, or 0 to start")
    from hearsee.core.modality import Modality
    from hearsee.core.where import parse_where
    from hearsee.indexer.library import Library

    modality = None if kind is None else Modality.named(kind)
    with Library.open(settings.library, settings.database) as opened:
        if quarantined:
            _show_quarantine(opened, limit, as_json=as_json)
            return
        condition = None if document is None else parse_where(document)
        page = opened.catalog.page(after=after, limit=limit, where=condition, modality=modality)
    following = page[-1].id if len(page) == limit else None
    if as_json:
        from hearsee.api.answers import item_row

        print_json({"items": [item_row(item) for item in page], "next": following})
        return
    if not page:
        console().print("Nothing to show: the library holds no such item" + (" after this one." if after else "."))
        return
    rows = [
        (item.id, item.modality.value, name_of(item), visible(item.caption or "", 80), item.group or "")
        for item in page
    ]
    console().print(table("", ("id", "what", "item", "caption", "group"), rows, right=(0,)))
    if following is not None:
        console().print(f"more with: hearsee list --after {following}", style="dim")


def _show_quarantine(opened: Library, limit: int, *, as_json: bool) -> None:
    from hearsee.api.answers import plain

    rows = [plain(one) for one in opened.catalog.quarantined(limit)]
    if as_json:
        print_json({"quarantine": rows})
        return
    if not rows:
        console().print("Nothing is quarantined: all that was listed could be read.")
        return
    cells = [(near(row["uri"]), row["reason"], row["count"]) for row in rows]
    console().print(table("Quarantine", ("item", "reason", "times"), cells, right=(2,)))
