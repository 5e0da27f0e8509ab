"""`hearsee index`: fill the library from folders, tables and tars."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.api.names import near
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.proved import told
from hearsee.api.terminal import console, print_json, table, visible
from hearsee.core.errors import BadInput

if TYPE_CHECKING:
    from hearsee.indexer.ingest.report import Report

SHOWN_REASONS = 20
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE…",
        help="Folders, tables (.csv .tsv .jsonl .parquet), tars or single files, here, at a web address, or in s3://, "
        "gs:// and whatever else fsspec knows (extra `remote`; its keys and AWS_ENDPOINT_URL are found in the usual "
        "places). A table may name any file that you can read, the web and object stores: index only tables that you "
        "trust.",
    ),
]
SpaceName = Annotated[
    str | None,
    typer.Option("--space", metavar="NAME", help="The space of a new library: toybox, or one of `hearsee spaces`."),
]
PathColumn = Annotated[str | None, typer.Option("--path-column", metavar="NAME", help="The column with paths.")]
TextColumn = Annotated[str | None, typer.Option("--text-column", metavar="NAME", help="The column with texts.")]

Recall = Annotated[
    float | None,
    typer.Option(
        "--recall",
        metavar="SHARE",
        min=0.01,
        max=1.0,
        help="Let large libraries be searched faster: the "
        "share of the ten nearest that must be found, proved on the library's own vectors; kept for later runs.",
    ),
]
Queries = Annotated[
    list[str] | None,
    typer.Option(
        "--queries",
        metavar="[MODALITY:]FILE",
        help="Prove the recall with these queries instead of the library's own items: a text with one query a line, or "
        "a .npy of vectors; they ask as text unless a modality is named; kept for later runs.",
    ),
]
ShardKind = Annotated[
    str | None,
    typer.Option(
        "--shards", metavar="KIND", help="The kind of shard, whatever the size: exact, ivf-pq4, hnsw, ivf-rabitq."
    ),
]


def index(
    sources: Sources,
    space: SpaceName = None,
    path_column: PathColumn = None,
    text_column: TextColumn = None,
    recall: Recall = None,
    shards: ShardKind = None,
    queries: Queries = None,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add what is new, replace what has changed, drop what is gone; again costs only what changed."""
    settings = settings_from(library, database)
    from hearsee.api.indexing import shown_progress
    from hearsee.api.writing import open_writer
    from hearsee.indexer.batch import Commit
    from hearsee.indexer.corpus import open_source
    from hearsee.indexer.ingest import ingest
    from hearsee.indexer.recall import described, keep_recall, kind_named

    kind = None if shards is None else kind_named(shards)
    opened = [
        open_source(source, settings.limits, path_column=path_column, text_column=text_column) for source in sources
    ]
    kept = 0
    try:
        with shown_progress(quiet=as_json) as go_on, open_writer(settings, space, create=True) as writer:

            def acknowledged(commit: Commit) -> None:
                nonlocal kept
                kept += commit.items
                if as_json:
                    print_json({"generation": commit.generation, "items": commit.items})

            report = ingest(writer, opened, writer.space, settings, on_commit=acknowledged, progress=go_on)
            built = time.monotonic()
            ledger = keep_recall(writer, recall, kind, queries or ())
            searched = described(ledger, writer.catalog.view().shards) if ledger is not None else []
            built = time.monotonic() - built
            report.seconds += built
    except KeyboardInterrupt:
        console(stderr=True).print(
            f"Stopped; {kept:,} items of this run are safe, and the same command goes on from there."
        )
        raise
    if as_json:
        print_json({**totals(report, str(settings.library)), "searched": searched})
    else:
        show_totals(report, str(settings.library), built)
        for row in searched:
            console().print(f"search {row['modality']}: {told(row)}", style="dim")
    if report.quarantined and not report.added + report.updated + report.unchanged:
        uri, reason = report.reasons[0]
        raise BadInput(f"nothing could be read; the first of {report.quarantined:,}: {near(uri)}: {reason}")


def totals(report: Report, library: str) -> dict[str, Any]:
    said = report.as_json()
    quarantine = said.pop("reasons")
    return {**said, "quarantine": quarantine, "library": library}


def held_up(report: Report) -> str:
    """Which stages the others waited for, where that was a matter of time at all."""
    total = sum(report.held.values())
    shares = sorted(((spent / total, stage) for stage, spent in report.held.items() if total), reverse=True)
    said = ", ".join(f"{stage} {100 * share:.0f} %" for share, stage in shares if share >= 0.01)
    return f"; what the rest waited for: {said}" if report.seconds >= 1.0 else ""


def show_totals(report: Report, library: str, built: float = 0.0) -> None:
    """built: seconds of all that went into shards and their proof."""
    out = console()
    names = ("added", "updated", "unchanged", "removed", "quarantined", "encoded")
    counts = [f"{getattr(report, name):,}" for name in names]
    columns = (*names[:-1], "points encoded")
    out.print(table(f"{library}, generation {report.generation}", columns, [counts], right=range(len(names))))
    from hearsee.indexer.corpus.passed import said_of

    shards = f", {built:.1f} s of them to build and prove its shards" if built >= 0.1 else ""
    out.print(f"{report.seconds:.1f} s{shards}{held_up(report)}", style="dim")
    if report.reasons:
        shown = [(near(uri), reason) for uri, reason in report.reasons[:SHOWN_REASONS]]
        out.print(table("Quarantined: these could not be read", ("item", "reason"), shown))
        if report.quarantined > len(shown):
            out.print(f"and {report.quarantined - len(shown):,} more: hearsee list --quarantined", style="dim")
    if others := said_of(report.passed):
        out.print(f"{visible(others)}.")
    for note in (*report.notes, *report.losses):
        out.print(visible(note))
