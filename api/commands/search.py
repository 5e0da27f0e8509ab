"""`hearsee search`: ask with words, pictures, sounds and items, in any mix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hearsee.api.names import name_of
from hearsee.api.options import (
    DatabaseOption,
    JsonOption,
    LibraryOption,
    parse_filter,
    parse_names,
    parse_weights,
    settings_from,
)
from hearsee.api.terminal import console, print_json, table, visible

if TYPE_CHECKING:
    from hearsee.search import Answer, Hit

Words = Annotated[list[str] | None, typer.Argument(metavar="[WORDS]…", help="What to look for.", show_default=False)]
Image = Annotated[list[str] | None, typer.Option("--image", metavar="FILE", help="A picture to look for; may repeat.")]
Audio = Annotated[list[str] | None, typer.Option("--audio", metavar="FILE", help="A sound to look for; may repeat.")]
Like = Annotated[list[str] | None, typer.Option("--like", metavar="ITEM", help="An item's id or URI; may repeat.")]
Not = Annotated[list[str] | None, typer.Option("--not", metavar="WORDS", help="Steer away from this; may repeat.")]
Weight = Annotated[
    list[str] | None,
    typer.Option("--weight", metavar="PART=N", help="How much text, image, audio, like or without counts: image=2."),
]
Want = Annotated[str | None, typer.Option("--want", metavar="KINDS", help="Kinds of hits: image,audio,text.")]
Where = Annotated[str | None, typer.Option("--where", metavar="JSON", help='A filter: \'{"colour": "red"}\'.')]
Count = Annotated[int, typer.Option("-k", help="How many hits.")]


def search(
    words: Words = None,
    image: Image = None,
    audio: Audio = None,
    like: Like = None,
    without: Not = None,
    weight: Weight = None,
    want: Want = None,
    where: Where = None,
    k: Count = 10,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what is near to words, pictures, sounds and items together."""
    settings = settings_from(library, database)
    weights, document, wanted = parse_weights(weight or []), parse_filter(where), parse_names(want)
    from hearsee.search import open_library

    with open_library(settings.library, settings.database, settings=settings) as searcher:
        answer = searcher.search(
            text=" ".join(words) if words else None,
            image=image or None,
            audio=audio or None,
            like=like or None,
            weights=weights or None,
            without=without or None,
            wanted=wanted,
            where=document,
            k=k,
        )
    show_answer(answer, as_json=as_json)


def show_answer(answer: Answer, *, as_json: bool = False) -> None:
    if as_json:
        from hearsee.api.answers import answer_row

        print_json(answer_row(answer))
        return
    out = console()
    if not answer.hits:
        out.print(f"Nothing to show: {answer.plan.words}.")
        return
    columns = ("#", "score", "id", "what", "item", "about", "where")
    out.print(table("", columns, (_row(hit) for hit in answer.hits), right=(0, 1, 2)))
    out.print(f"{answer.plan.words}; {answer.timings['total_ms']:.0f} ms", style="dim")


def _row(hit: Hit) -> tuple[str, ...]:
    about = ", ".join(f"{key} {value}" for key, value in hit.item.metadata.items())
    span = hit.span
    part = "" if span is None else f"{span.start:.1f}–{span.end:.1f} s"
    if span is not None and span.unit == "characters":
        part = f"characters {span.start:.0f}–{span.end:.0f}"
    return (
        str(hit.rank), f"{hit.score:.3f}", str(hit.item.id), hit.item.modality.value,
        name_of(hit.item), visible(about, 120), part,
    )  # fmt: skip
