"""`hearsee search`: ask with words, pictures, sounds and items, in any mix."""

from __future__ import annotations

import json
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
    from rich.table import Table
    from rich.text import Text

    from hearsee.search import Answer, Hit
    from hearsee.search.explain import Explanation

Words = Annotated[list[str] | None, typer.Argument(metavar="[WORDS]…", help="What to look for.", show_default=False)]
Image = Annotated[list[str] | None, typer.Option("--image", metavar="FILE", help="A picture to look for; may repeat.")]
Audio = Annotated[list[str] | None, typer.Option("--audio", metavar="FILE", help="A sound to look for; may repeat.")]
Like = Annotated[list[str] | None, typer.Option("--like", metavar="ITEM", help="An item's id or URI; may repeat.")]
Edit = Annotated[
    list[str] | None,
    typer.Option("--edit", "--but", metavar="WORDS", help='Find all that, but different: --but "blue"; may repeat.'),
]
Not = Annotated[list[str] | None, typer.Option("--not", metavar="WORDS", help="Steer away from this; may repeat.")]
Weight = Annotated[
    list[str] | None,
    typer.Option(
        "--weight", metavar="PART=N", help="How much text, image, audio, like, edit or without counts: image=2."
    ),
]
Want = Annotated[str | None, typer.Option("--want", metavar="KINDS", help="Kinds of hits: image,audio,text.")]
Where = Annotated[str | None, typer.Option("--where", metavar="JSON", help='A filter: \'{"colour": "red"}\'.')]
Least = Annotated[
    float | None,
    typer.Option("--min-chance", metavar="P", help="Leave out hits less likely to be right: 0.5.", show_default=False),
]
Explain = Annotated[bool, typer.Option("--explain", help="Say what each part of the query did for each hit.")]
Skip = Annotated[bool, typer.Option("--skip-bad-parts", help="Go on without parts that cannot be read, and name them.")]
Lexical = Annotated[
    bool | None,
    typer.Option(
        "--lexical/--no-lexical",
        help="Look for the words in names, captions and texts too; without either, for exact names and numbers.",
        show_default=False,
    ),
]
Rerank = Annotated[bool, typer.Option("--rerank", help="Look at the first hits again, by what the space brings.")]
Reranker = Annotated[
    str | None,
    typer.Option("--reranker", metavar="NAME", help="The same by toybox, blip or a folder of a BLIP model."),
]
RerankFirst = Annotated[int, typer.Option("--rerank-first", metavar="N", help="How many hits are looked at again.")]
Fusion = Annotated[
    str | None,
    typer.Option(
        "--fusion",
        metavar="WAY",
        help="mean, fixed, slerp, early, additive, dot or late, instead of what won for such a mix.",
    ),
]
Diverse = Annotated[float, typer.Option("--diverse", metavar="D", help="From 0, as they come, to 1, all different.")]
Fold = Annotated[bool, typer.Option("--fold-duplicates", help="Show near-duplicates as one hit.")]
Count = Annotated[int, typer.Option("-k", help="How many hits.")]


def search(
    words: Words = None,
    image: Image = None,
    audio: Audio = None,
    like: Like = None,
    edit: Edit = None,
    without: Not = None,
    weight: Weight = None,
    want: Want = None,
    where: Where = None,
    k: Count = 10,
    min_chance: Least = None,
    explain: Explain = False,
    skip_bad_parts: Skip = False,
    lexical: Lexical = None,
    diverse: Diverse = 0.0,
    fold_duplicates: Fold = False,
    rerank: Rerank = False,
    reranker: Reranker = None,
    rerank_first: RerankFirst = 30,
    fusion: Fusion = None,
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
            edit=edit or None,
            without=without or None,
            wanted=wanted,
            where=document,
            k=k,
            min_chance=min_chance,
            explain=explain,
            skip_bad_parts=skip_bad_parts,
            lexical=lexical,
            diverse=diverse,
            fold_duplicates=fold_duplicates,
            rerank=rerank if reranker is None else reranker,
            rerank_first=rerank_first,
            fusion=fusion,
        )
    # A process that asks once loads the towers of what it encodes; items have their vectors already.
    loaded = bool(words or image or audio or edit or without)
    show_answer(answer, as_json=as_json, loaded=loaded)


def show_answer(answer: Answer, *, as_json: bool = False, loaded: bool = False) -> None:
    """loaded: the time to encode is mostly that of loading what encodes."""
    if as_json:
        from hearsee.api.answers import answer_row

        print_json(answer_row(answer))
        return
    out = console()
    for reason in answer.skipped:
        out.print(f"Left out: {visible(reason)}", style="yellow")
    if not answer.hits:
        out.print(f"{'Nothing close' if answer.nothing_close else 'Nothing to show'}: {answer.plan.words}.")
        return
    if answer.nothing_close:
        out.print("Nothing close to that. The nearest all the same:", style="bold")
    chances = answer.calibration.calibrated
    columns = ("#", *(["chance"] if chances else []), "score", "id", "what", "item")
    rows = (_row(hit, chances=chances) for hit in answer.hits)
    out.print(table("", columns, rows, right=range(4 if chances else 3)))
    for hit in answer.hits:
        if hit.explanation is not None:
            out.print(_reasons(hit, hit.explanation))
    encoding, doing = answer.timings["encode_ms"], "load and encode" if loaded else "encode"
    times = f"{encoding:,.0f} ms to {doing}, {answer.timings['total_ms'] - encoding:,.0f} ms to search"
    out.print(f"{answer.plan.words}; {answer.calibration.words}; {times}", style="dim")


def _reasons(hit: Hit, explanation: Explanation) -> Table:
    """What each part did for one hit."""
    rows = []
    for part in explanation.parts:
        rank = f"beyond {explanation.beyond}" if part.rank_without is None else str(part.rank_without)
        changes = [other.negative or other.edit for other in explanation.parts if other is not part]
        alone = all(changes) and not (part.negative or part.edit)
        shares = f"{part.attention:.2f}", f"{part.cosine:.3f}", f"{part.share:+.3f}"
        rows.append((part.part, *shares, "nothing left to ask" if alone else rank))
    columns = ("part", "attention", "cosine", "share of score", "rank without it")
    return table(f"#{hit.rank}, {hit.score:.3f}", columns, rows, right=(1, 2, 3, 4))


def _row(hit: Hit, *, chances: bool) -> tuple[str | Text, ...]:
    """Two lines a hit: which item and where in it; what is known about it."""
    from rich.text import Text

    also = f" (and {len(hit.stands_for):,} like it)" if hit.stands_for else ""
    part = ""
    if hit.span is not None:
        start, end = hit.span.start, hit.span.end
        part = f", {start:.1f}–{end:.1f} s" if hit.span.unit == "seconds" else f", characters {start:.0f}–{end:.0f}"
    known = hit.item.metadata.items()
    about = ", ".join(f"{key} {_said(value)}" for key, value in known if value is not None)
    held = [f"exact words: {visible(', '.join(hit.words), 100)}"] if hit.words else []
    caption = [visible(f"“{hit.item.caption}”", 120)] if hit.item.caption else []
    more = "".join(f"\n{line}" for line in (*held, *caption, *([visible(about, 120)] if about else [])))
    item = Text.assemble(name_of(hit.item) + part + also, (more, "dim"))
    chance = [] if not chances else ["" if hit.chance is None else f"{hit.chance:.0%}"]
    return str(hit.rank), *chance, f"{hit.score:.3f}", str(hit.item.id), hit.item.modality.value, item


def _said(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else str(value)
