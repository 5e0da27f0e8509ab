"""A library whose recall is set: what is asked of it, and what became of that for each of its shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hearsee.core.errors import BadInput, HearseeError
from hearsee.indexer.asking import given_queries
from hearsee.indexer.catalog import ShardRow
from hearsee.indexer.files import make_folder
from hearsee.indexer.shards.choice import RECALL, choose
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.ledger import FOLDER, Entry, Ledger, write_ledger
from hearsee.indexer.upkeep import catch_up, known

if TYPE_CHECKING:
    from hearsee.indexer.writer import Writer


def keep_recall(
    writer: Writer, recall: float | None, kind: Kind | None = None, queries: Sequence[str] = ()
) -> Ledger | None:
    """Set the recall asked for, or prove again the one asked for before; none where nobody ever asked."""
    before = known(writer.folder)
    if recall is not None or before is None:
        asked = recall is not None or kind is not None or queries
        return set_recall(writer, recall or RECALL, kind, queries) if asked else None
    return set_recall(writer, before.recall, kind or before.kind, queries)


def set_recall(writer: Writer, recall: float, kind: Kind | None = None, queries: Sequence[str] = ()) -> Ledger:
    """Bring the shards up to date and choose, build and prove how each is searched; what is proved already stays.

    `queries` name files, `[MODALITY:]FILE`, that take the place of the library's own items as what asks.
    """
    if kind is Kind.HALF:
        raise BadInput(f"a library is not searched as {kind} yet: choose another kind, or none")
    choose(0, 1, recall=recall)  # refuses a recall that is none before anything is built
    before = known(writer.folder)
    given = {one.asking: one for one in (before.given if before else ())}
    fresh = [given_queries(writer.folder, writer.space, name) for name in queries]
    given |= {one.asking: one for one in fresh}
    entries = before.entries if before else ()
    if fresh:  # what was built stays, what was proved with other queries does not
        entries = tuple(replace(entry, tuned=()) for entry in entries)
    wanted = Ledger(recall, kind, entries, tuple(given.values()))
    if wanted != before:
        make_folder(writer.folder / FOLDER)
        write_ledger(writer.folder, wanted)
    writer.build_shards()
    ledger = catch_up(writer.folder, writer.catalog)
    if ledger is None:
        raise HearseeError(f"library {writer.folder}: what was asked of it was lost meanwhile: run again")
    return ledger


def kind_named(name: str) -> Kind:
    served = [kind for kind in Kind if kind is not Kind.HALF]
    if name not in served:
        raise BadInput(f"a library is not searched with shards of kind {name!r}: choose one of {', '.join(served)}")
    return Kind(name)


def described(ledger: Ledger | None, shards: Sequence[ShardRow]) -> list[dict[str, object]]:
    """How each shard is searched and why, also where no recall was ever asked for."""
    found: list[dict[str, object]] = []
    for row in shards:
        entry = ledger.entry(row.sha256) if ledger is not None else None
        if entry is None:
            choice = choose(row.rows, row.dim)
            reason = choice.reason
            if choice.kind is not Kind.EXACT:
                told = f"`hearsee index --recall {ledger.recall if ledger else RECALL:g}` builds {choice.kind}"
                reason = f"{Kind.EXACT}: every point is scored; {told}"
            entry = Entry(row.modality, row.sha256, row.rows, Kind.EXACT, reason, 4 * row.dim)
        found.append(entry.as_dict())
    return found
