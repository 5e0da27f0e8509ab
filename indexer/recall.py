"""A library whose recall is set: shards that may miss are built, and proved on its own vectors before they serve."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np

from hearsee.core.errors import BadInput, Damaged
from hearsee.core.modality import Modality
from hearsee.indexer.catalog import ShardRow
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.files import make_folder
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.choice import RECALL, Choice, choose
from hearsee.indexer.shards.files import read_shard
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.ledger import FOLDER, Entry, Ledger, read_ledger, write_ledger
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.sealed import Proposer, seal
from hearsee.indexer.shards.tuning import Asked, sample, tune
from hearsee.indexer.sweep import unlink
from hearsee.indexer.writer import Writer

log = logging.getLogger(__name__)
QUERIES = 1_000  # of each asking modality, at most
ONLY_ITS_OWN = "the library holds no other modality to ask with, so its recall is for {}s that ask for {}s only"
NOT_REACHED = "no effort reached a recall of {} for {} queries, so every point is scored"


def keep_recall(writer: Writer, recall: float | None, kind: Kind | None = None) -> Ledger | None:
    """Set the recall asked for, or prove again the one asked for before; none where nobody ever asked."""
    before = _before(writer)
    if recall is None and kind is None:
        return None if before is None else set_recall(writer, before.recall, before.kind)
    return set_recall(writer, recall or (before.recall if before else RECALL), kind)


def set_recall(writer: Writer, recall: float, kind: Kind | None = None) -> Ledger:
    """Bring the shards up to date and choose, build and prove how each is searched; what is proved already stays."""
    if kind is Kind.HALF:
        raise BadInput(f"a library is not searched as {kind} yet: choose another kind, or none")
    choose(0, 1, recall=recall)  # refuses a recall that is none before anything is built
    writer.build_shards()
    before = _before(writer)
    view = writer.catalog.view()
    if before is not None and (before.recall, before.kind) == (recall, kind):
        known = {entry.vectors for entry in before.entries}
        if known == {row.sha256 for row in view.shards}:
            return before
    make_folder(writer.folder / FOLDER)
    held = {row.modality: (row, *read_shard(writer.folder, row)) for row in view.shards}
    asked = _asked(writer, {modality: (rows, items) for modality, (_, rows, _, items) in held.items()})
    entries = []
    for modality, (row, rows, _, items) in held.items():
        choice = choose(len(rows), rows.dim, recall=recall, kind=kind)
        entry = Entry(modality, row.sha256, len(rows), choice.kind, choice.reason, rows.bytes // max(1, len(rows)))
        if choice.kind is not Kind.EXACT and len(rows):
            entry = _proved(writer.folder, row, rows, items, choice, recall, asked)
        entries.append(entry)
    ledger = Ledger(recall, kind, tuple(entries))
    write_ledger(writer.folder, ledger)
    kept = {entry.path for entry in entries}
    there = [f"{FOLDER}/{path.name}" for path in (writer.folder / FOLDER).iterdir()]
    unlink(writer.folder, [path for path in there if path not in kept])
    return ledger


def _before(writer: Writer) -> Ledger | None:
    try:
        return read_ledger(writer.folder)
    except Damaged as damaged:
        log.warning("%s", damaged)
        return None


class _Asking:
    """What each modality may ask with, and which group each item belongs to."""

    def __init__(self, queries: dict[Modality, Asked], labels: dict[int, int]) -> None:
        self.queries = queries
        self._labels = labels

    def groups(self, items: Ids) -> Ids:
        return _groups(self._labels, items)


def _groups(labels: dict[int, int], items: Ids) -> Ids:
    """An item without a group is one of its own."""
    return np.fromiter((labels.get(item, -item) for item in items.tolist()), np.int64, len(items))


def _asked(writer: Writer, held: dict[Modality, tuple[FlatShard, Ids]]) -> _Asking:
    numbers: dict[str, int] = {}
    labels = {item: numbers.setdefault(group, len(numbers)) for group, _, item in writer.catalog.groups()}
    queries = {}
    for modality, (rows, items) in held.items():
        if len(rows):
            places = np.random.default_rng(0).permutation(len(rows))[: 8 * QUERIES]
            queries[modality] = sample(Asked(rows.take(places), _groups(labels, items[places])), QUERIES)
    return _Asking(queries, labels)


def _proved(
    folder: Path, row: ShardRow, rows: FlatShard, items: Ids, choice: Choice, recall: float, asking: _Asking
) -> Entry:
    shard = _built(rows, choice)
    groups = asking.groups(items)
    tuned = tuple(
        tune(shard, modality.value, asked, recall, row_groups=groups) for modality, asked in asking.queries.items()
    )
    entry = Entry(
        row.modality, row.sha256, len(rows), choice.kind, choice.reason, shard.bytes // len(rows), tuned=tuned
    )
    failed = [one.asking for one in tuned if one.effort is None]
    if failed:
        why = NOT_REACHED.format(recall, " and ".join(failed))
        return replace(entry, kind=Kind.EXACT, reason=f"{Kind.EXACT}: {why}", bytes_per_vector=4 * rows.dim)
    if set(asking.queries) == {row.modality}:
        entry = replace(entry, reason=f"{choice.reason}; {ONLY_ITS_OWN.format(row.modality, row.modality)}")
    published = seal(folder, f"{FOLDER}/{row.modality}-{uuid4().hex}", shard, row.sha256, entry.reason, tuned)
    return replace(entry, path=published.path, sha256=published.sha256)


def _built(rows: FlatShard, choice: Choice) -> Proposer:
    if choice.kind is Kind.GRAPH:
        return GraphShard.built(rows)
    if choice.kind is Kind.BITS:
        return BitShard.built(rows, choice.lists)
    return ListShard.built(rows, choice.lists, choice.parts)


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
