"""`hearsee caption`: what the library's texts would say about a picture or a sound."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_filter, settings_from
from hearsee.api.terminal import console, print_json, table, visible


def caption(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A picture or a sound.")],
    where: Annotated[str | None, typer.Option("--where", metavar="JSON", help="Only texts it matches.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many captions.")] = 5,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the nearest captions that the library holds, each saying once."""
    settings, document = settings_from(library, database), parse_filter(where)
    from hearsee.core.errors import BadInput
    from hearsee.core.media.magic import modality_of
    from hearsee.core.modality import Modality
    from hearsee.search import open_library
    from hearsee.search.captioning import captions
    from hearsee.search.media import media_bytes

    raw, _ = media_bytes("image", file, settings.limits)
    modality = modality_of(raw)
    if modality not in (Modality.IMAGE, Modality.AUDIO):
        raise BadInput(f"{visible(file)} is neither a picture nor a sound: give one of these")
    media: dict[str, Any] = {modality.value: raw}
    with open_library(settings.library, settings.database, settings=settings) as searcher:
        found = captions(searcher, **media, where=document, k=k)
    if as_json:
        from hearsee.api.answers import plain

        print_json(plain(found))
        return
    rows = [
        (f"{one.score:.3f}", "" if one.chance is None else f"{one.chance:.0%}", len(one.items), visible(one.text, 400))
        for one in found.captions
    ]
    out = console()
    out.print(table("", ("cosine", "chance", "texts", "caption"), rows, right=(0, 1, 2)))
    out.print("nothing close" if found.nothing_close else f"chance: {found.standing}", style="dim")
