"""How a shard is searched: carried over or built anew, and proved on queries before it serves.

A shard whose rows change little keeps its lists and its proof. Its recall is measured again once a tenth of its rows
came or went, and its lists are learned again once half of them did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np

from hearsee.core.errors import Damaged
from hearsee.indexer.arrays import read_array
from hearsee.indexer.catalog import Catalog, NewShard, ShardRow
from hearsee.indexer.catalog.rows import Ids
from hearsee.indexer.files import check, damage, make_folder
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.choice import Choice, choose
from hearsee.indexer.shards.files import VECTORS, item_ids_of, point_ids_of, read_shard
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.folding import carry_over
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.ledger import FOLDER, Entry, Given, Ledger
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.sealed import Proposer, opened, over, seal
from hearsee.indexer.shards.tuning import Asked, Tuned, measure, sample, tune

log = logging.getLogger(__name__)
Row = NewShard | ShardRow
QUERIES = 1_000  # of each asking modality, at most
GROWN = 0.1  # of the rows that a recall was measured with: so many changes call for another measurement
AGED = 0.5  # of the rows that lists were learned from: so many changes call for others
ONLY_ITS_OWN = (
    "the library holds no other modality to ask with, so its recall is for in-distribution queries only: "
    "{0}s that ask for {0}s"
)
ANEW = "a graph takes no changes, so it is built anew whenever what is new is folded in"
NOT_REACHED = "no effort reached a recall of {:g} for {} queries, so every point is scored"


@dataclass(frozen=True)
class _Carried:
    """A shard over new rows, and what the old entry says of it."""

    shard: Proposer
    entry: Entry
    moved: int  # rows that came or went


class Proving:
    """One look at a library whose shards are, or are about to be, `rows`."""

    def __init__(self, folder: Path, catalog: Catalog, ledger: Ledger, rows: Sequence[Row]) -> None:
        self._folder, self._catalog, self._ledger = folder, catalog, ledger
        self._rows = [row for row in rows if row.rows]
        live, info = catalog.view().heads, catalog.info()
        space = live.space_fingerprint if live is not None else info.space_fingerprint
        # Those of other heads compare with nothing.
        self._given = [one for one in ledger.given if one.space == space and is_there(folder, one)]
        self._labels: dict[int, int] | None = None
        self._queries: dict[str, Asked] | None = None

    @property
    def asking(self) -> set[str]:
        """The modalities that ask: those the library holds, and those that queries were given for."""
        return {row.modality.value for row in self._rows} | {given.asking for given in self._given}

    def settled(self, row: Row, entry: Entry) -> bool:
        """Whether a shard is searched as was asked, or that was tried."""
        choice = self._choice(row)
        if choice.kind is Kind.EXACT or not row.rows:
            return entry.kind is Kind.EXACT and entry.reason == choice.reason
        asked = {one.asking for one in entry.tuned} == self.asking
        asked = asked and all(one.target == self._ledger.recall for one in entry.tuned)
        return asked and (entry.chosen or entry.kind) is choice.kind

    def entries(self, rows: Sequence[Row]) -> list[Entry]:
        make_folder(self._folder / FOLDER)
        return [self._entry(row) for row in rows]

    def _choice(self, row: Row) -> Choice:
        return choose(row.rows, row.dim, recall=self._ledger.recall, kind=self._ledger.kind)

    def _entry(self, row: Row) -> Entry:
        choice = self._choice(row)
        plain = Entry(row.modality, row.sha256, row.rows, choice.kind, choice.reason, 4 * row.dim)
        if choice.kind is Kind.EXACT or not row.rows:
            return plain
        rows, point_ids, item_ids = read_shard(self._folder, row)
        if (again := self._in_vain(row, point_ids, choice)) is not None:
            return again
        carried = self._carried(row, rows, point_ids, choice)
        if carried is None:
            shard = _built(rows, choice)
            entry = replace(plain, learned=len(rows), measured=len(rows))
            tuned = self._tuned(shard, item_ids, {})
        else:
            shard, before, moved = carried.shard, carried.entry, carried.moved
            entry = replace(plain, learned=before.learned, aged=before.aged + moved, measured=before.measured)
            entry = replace(entry, changed=before.changed + moved)
            tuned = before.tuned
            if not self._holds(entry, before):
                tuned = self._tuned(shard, item_ids, {one.asking: one for one in before.tuned})
                entry = replace(entry, measured=len(rows), changed=0)
        return self._sealed(shard, replace(entry, bytes_per_vector=shard.bytes // len(rows), tuned=tuned))

    def _holds(self, entry: Entry, before: Entry) -> bool:
        """Whether what was proved before may still be said: asked alike, and hardly changed since."""
        alike = all(one.target == self._ledger.recall for one in before.tuned)
        return alike and {one.asking for one in before.tuned} == self.asking and entry.changed < GROWN * entry.measured

    def _sealed(self, shard: Proposer, entry: Entry) -> Entry:
        failed = [one.asking for one in entry.tuned if one.effort is None]
        why = NOT_REACHED.format(self._ledger.recall, " and ".join(failed))
        if failed and len(failed) < len(entry.tuned):
            entry = replace(entry, reason=f"{entry.reason}; {why} for those")
        elif failed:
            reason = f"{Kind.EXACT}: {why}"
            each = 4 * shard.dim
            return replace(entry, kind=Kind.EXACT, reason=reason, bytes_per_vector=each, chosen=entry.kind)
        if entry.kind is Kind.GRAPH:
            entry = replace(entry, reason=f"{entry.reason}; {ANEW}")
        if self.asking == {entry.modality.value}:
            entry = replace(entry, reason=f"{entry.reason}; {ONLY_ITS_OWN.format(entry.modality)}")
        path = f"{FOLDER}/{entry.modality}-{uuid4().hex}"
        published = seal(self._folder, path, shard, entry.vectors, entry.reason, entry.tuned)
        return replace(entry, path=published.path, sha256=published.sha256)

    def _in_vain(self, row: Row, point_ids: Ids, choice: Choice) -> Entry | None:
        """What was tried and not good enough is tried again once a tenth has changed, and not before."""
        for old in self._catalog.view().shards:
            entry = self._ledger.entry(old.sha256) if old.modality == row.modality and old.head == row.head else None
            if entry is None or entry.chosen is not choice.kind or old.sha256 == row.sha256:
                continue
            try:
                moved = len(np.setxor1d(point_ids_of(self._folder, old), point_ids, assume_unique=True))
            except Damaged:
                return None
            now = replace(entry, vectors=row.sha256, rows=row.rows, changed=entry.changed + moved)
            return now if self._holds(now, entry) else None
        return None

    def _carried(self, row: Row, rows: FlatShard, point_ids: Ids, choice: Choice) -> _Carried | None:
        """What serves the modality now, over the new rows; none where it is too old, or of another kind."""
        for old in self._catalog.view().shards:
            entry = self._ledger.entry(old.sha256) if old.modality == row.modality and old.head == row.head else None
            if entry is None or entry.path is None or entry.sha256 is None or entry.kind is not choice.kind:
                continue
            try:
                before = point_ids_of(self._folder, old)
                moved = len(np.setxor1d(before, point_ids, assume_unique=True))
                if entry.aged + moved > AGED * entry.learned:
                    return None
                label, index = opened(self._folder, entry.path, entry.sha256, old.rows, old.dim, old.sha256)
                if old.sha256 != row.sha256 and not carry_over(index, before, rows, point_ids):
                    return None
                return _Carried(over(self._folder / entry.path, label.kind, rows, index), entry, moved)
            except Damaged as damaged:
                log.warning("%s", damaged)
        return None

    def _tuned(self, shard: Proposer, item_ids: Ids, before: Mapping[str, Tuned]) -> tuple[Tuned, ...]:
        """What is proved for each modality that asks; an effort that still does is kept."""
        groups = self._groups(item_ids)
        found = []
        for asking, asked in self._asked().items():
            kept = before.get(asking)
            if kept is not None and kept.effort is not None and kept.target == self._ledger.recall:
                kept = measure(shard, asked, kept, groups)
                if kept.low >= kept.target:
                    found.append(kept)
                    continue
            found.append(tune(shard, asking, asked, self._ledger.recall, row_groups=groups))
        return tuple(found)

    def _groups(self, items: Ids) -> Ids:
        """An item without a group is one of its own."""
        if self._labels is None:
            numbers: dict[str, int] = {}
            named = self._catalog.groups()
            self._labels = {item: numbers.setdefault(group, len(numbers)) for group, _, item in named}
        return np.fromiter((self._labels.get(item, -item) for item in items.tolist()), np.int64, len(items))

    def _asked(self) -> dict[str, Asked]:
        """Queries of each modality that asks: those given, else a sample of the library's own points."""
        if self._queries is None:
            self._queries = {}
            for row in self._rows:
                if row.modality not in {given.asking for given in self._given}:
                    self._queries[row.modality.value] = self._own(row)
            for given in self._given:
                vectors = np.empty((given.rows, self._rows[0].dim if self._rows else 0), VECTORS)
                read_array(self._folder / given.path, given.sha256, vectors.shape, VECTORS, vectors)
                self._queries[given.asking] = sample(Asked(vectors), QUERIES)
        return self._queries

    def _own(self, row: Row) -> Asked:
        """A sample of a shard's rows, no two of one group."""
        path = self._folder / row.path
        check(path, row.sha256, row.bytes)
        with damage(path):
            rows = np.load(path, mmap_mode="r", allow_pickle=False)
            places = np.sort(np.random.default_rng(0).permutation(row.rows)[: 8 * QUERIES])
            vectors = np.array(rows[places], np.float32)
        return sample(Asked(vectors, self._groups(item_ids_of(self._folder, row)[places])), QUERIES)


def is_there(folder: Path, given: Given) -> bool:
    """Whether queries that were given can still be asked; without them the library's own items ask."""
    try:
        check(folder / given.path, given.sha256, (folder / given.path).stat().st_size)
    except (Damaged, OSError) as error:
        log.warning("%s: give the queries again with `hearsee index --queries`", error)
        return False
    return True


def _built(rows: FlatShard, choice: Choice) -> Proposer:
    make: Mapping[Kind, Callable[[], Proposer]] = {
        Kind.GRAPH: lambda: GraphShard.built(rows),
        Kind.BITS: lambda: BitShard.built(rows, choice.lists),
        Kind.LISTS: lambda: ListShard.built(rows, choice.lists, choice.parts),
    }
    return make[choice.kind]()
