"""One commit: every change inside the caller's transaction, in bulk, with ids drawn from the library row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from hearsee.core.errors import BadInput, Damaged, NotFound
from hearsee.indexer.catalog import words
from hearsee.indexer.catalog.changes import Change, Compaction, Live, NewFields, NewItem, NewQuarantine, NewShard
from hearsee.indexer.catalog.connect import Database
from hearsee.indexer.catalog.entries import Entry, Row, entries_of
from hearsee.indexer.catalog.facts import Fact, clean_text, uri_hash
from hearsee.indexer.catalog.scope import Scope, space_row, tower_rows
from hearsee.indexer.catalog.tables import (
    facts,
    heads,
    items,
    library,
    points,
    quarantine,
    segments,
    shards,
    spaces,
    towers,
)

_FACT = ("item_id", "n", *Fact._fields)
_CHANGE_ITEM = update(items).where(items.c.id == bindparam("item"))
_MOVE_POINT = (
    update(points).where(points.c.id == bindparam("point")).values(segment_id=bindparam("to"), row=bindparam("at"))
)


@dataclass(frozen=True)
class Prepared:
    """A change whose items are rows already: the lock is not held while they are cleaned."""

    change: Change
    items: list[Entry]
    fields: list[Entry]

    @classmethod
    def of(cls, change: Change) -> Prepared:
        return cls(change, entries_of(change.items), entries_of(change.fields))


class Commit:
    """The work of one change; made, applied and dropped inside one transaction."""

    def __init__(self, database: Database, db: Connection, scope: Scope) -> None:
        self._database = database
        self._db = db
        self._scope = scope
        # FOR UPDATE: on PostgreSQL a second writer waits here; on SQLite the transaction already excludes it
        state = db.execute(select(library).with_for_update()).one()
        self.generation = int(state.generation) + 1
        self._items = count(state.last_item + 1)
        self._points = count(state.last_point + 1)
        self._files = count(state.last_file + 1)
        self._space = int(state.space_id if scope.space_id is None else scope.space_id)

    def apply(self, prepared: Prepared) -> int:
        change = prepared.change
        new_segments = self._add_segments(change)
        self._remove(list(change.remove))
        if self._scope.space_id is None:
            self._put(change.items, prepared.items, new_segments)
        else:
            self._place(change.items, prepared.items, new_segments)
        self._rewrite(change.fields, prepared.fields)
        self._forgive(list(change.unquarantine))
        self._quarantine(change.quarantine)
        if change.compaction is not None:
            self._compact(change.compaction, new_segments)
        if change.shards is not None:
            self._replace_shards(change.shards, new_segments)
        new_heads = self._add_heads(change)
        if change.live is not None:
            self._switch(change.live, new_heads)
        self._forget(list(change.forget))
        self._lose(change.lost)
        self._keep_golden(change)
        self._turn(change)
        # next(): each counter stands one above the last id given out
        ids = {"last_item": self._items, "last_point": self._points, "last_file": self._files}
        self._db.execute(update(library).values(generation=self.generation, **{k: next(c) - 1 for k, c in ids.items()}))
        return self.generation

    def _bulk(self, statement: Any, rows: Sequence[Row]) -> None:
        if rows:
            self._db.execute(statement, rows)

    def _add_segments(self, change: Change) -> list[int]:
        made = {"generation": self.generation, "space_id": self._space}
        rows = [{**vars(segment), "id": next(self._files), **made} for segment in change.segments]
        self._bulk(insert(segments), rows)
        return [row["id"] for row in rows]

    def _remove(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        among = self._database.among
        gone = (items.c.removed.is_(None), among(items.c.id, ids))
        self._db.execute(update(items).where(*gone).values(removed=self.generation))
        self._bury(ids)
        self._db.execute(delete(facts).where(among(facts.c.item_id, ids)))
        words.forget(self._db, ids)

    def _bury(self, ids: Sequence[int]) -> None:
        """Tombstone the items' points."""
        gone = (points.c.removed.is_(None), self._database.among(points.c.item_id, ids))
        self._db.execute(update(points).where(*gone).values(removed=self.generation))

    def _put(self, given: Sequence[NewItem], entries: Sequence[Entry], new_segments: Sequence[int]) -> None:
        if not given:
            return
        known = self._live(entries)
        ids = [known.get(entry.uri_hash) or next(self._items) for entry in entries]
        placed = list(zip(ids, entries, strict=True))
        updated = [(id_, entry) for id_, entry in placed if entry.uri_hash in known]
        if updated:
            self._bury([id_ for id_, _ in updated])
            self._change(updated)
        fresh = [(id_, entry) for id_, entry in placed if entry.uri_hash not in known]
        made = {"added": self.generation, "changed": self.generation}
        self._bulk(insert(items), [{**entry.row, **made, "id": id_} for id_, entry in fresh])
        self._state(fresh)
        words.write(self._db, [(id_, entry.row["modality"], entry.words) for id_, entry in fresh])
        self._bulk(insert(points), self._point_rows(given, ids, new_segments))

    def _place(self, given: Sequence[NewItem], entries: Sequence[Entry], new_segments: Sequence[int]) -> None:
        """Give items that are there their points in this space, in place of those that they may have in it."""
        if not given:
            return
        known = self._live(entries)
        gone = next((entry.row["uri"] for entry in entries if entry.uri_hash not in known), None)
        if gone is not None:
            raise NotFound(f"no item {gone} to give vectors in another space: index it first")
        ids = [known[entry.uri_hash] for entry in entries]
        mine = select(segments.c.id).where(segments.c.space_id == self._space, segments.c.id.not_in(new_segments))
        old = (points.c.removed.is_(None), points.c.segment_id.in_(mine), self._database.among(points.c.item_id, ids))
        self._db.execute(update(points).where(*old).values(removed=self.generation))
        self._bulk(insert(points), self._point_rows(given, ids, new_segments))

    def _point_rows(self, given: Sequence[NewItem], ids: Sequence[int], new_segments: Sequence[int]) -> list[Row]:
        return [
            {
                "id": next(self._points),
                "item_id": id_,
                "segment_id": new_segments[point.segment],
                "row": int(point.row),
                "span_start": point.span and point.span.start,
                "span_end": point.span and point.span.end,
                "span_unit": point.span and point.span.unit,
            }
            for id_, item in zip(ids, given, strict=True)
            for point in item.points
        ]

    def _rewrite(self, given: Sequence[NewFields], entries: Sequence[Entry]) -> None:
        if not given:
            return
        known = self._live(entries)
        for fields, entry in zip(given, entries, strict=True):
            if entry.uri_hash not in known:
                raise NotFound(f"no item {fields.uri} to change: add it first")
        self._change([(known[entry.uri_hash], entry) for entry in entries])

    def _change(self, placed: Sequence[tuple[int, Entry]]) -> None:
        """Write entries over the items that are there."""
        self._bulk(_CHANGE_ITEM, [{**entry.row, "item": id_, "changed": self.generation} for id_, entry in placed])
        ids = [id_ for id_, _ in placed]
        self._db.execute(delete(facts).where(self._database.among(facts.c.item_id, ids)))
        self._state(placed)
        kinds = select(items.c.id, items.c.modality).where(self._database.among(items.c.id, ids))
        modality = {row[0]: row[1] for row in self._db.execute(kinds)}
        words.forget(self._db, ids)
        words.write(self._db, [(id_, modality[id_], entry.words) for id_, entry in placed])

    def _state(self, placed: Sequence[tuple[int, Entry]]) -> None:
        """Insert the entries' facts, the bulk of a commit, past what SQLAlchemy does for each row."""
        rows = [(id_, n, *fact) for id_, entry in placed for n, fact in enumerate(entry.facts)]
        if rows:
            marks = ", ".join(["?" if self._database.sqlite else "%s"] * len(_FACT))
            self._db.exec_driver_sql(f"INSERT INTO facts ({', '.join(_FACT)}) VALUES ({marks})", rows)  # noqa: S608

    def _live(self, entries: Sequence[Entry]) -> dict[str, int]:
        chosen = select(items.c.uri_hash, items.c.id).where(items.c.removed.is_(None))
        chosen = chosen.where(self._database.among(items.c.uri_hash, [entry.uri_hash for entry in entries]))
        return {row[0]: row[1] for row in self._db.execute(chosen)}

    def _forgive(self, uris: Sequence[str]) -> None:
        if uris:
            hashes = [uri_hash(uri) for uri in uris]
            self._db.execute(delete(quarantine).where(self._database.among(quarantine.c.uri_hash, hashes)))

    def _quarantine(self, given: Sequence[NewQuarantine]) -> None:
        """Each URI once, with its newest reason and how often it has failed."""
        if not given:
            return
        by_hash = {uri_hash(one.uri): one for one in given}
        among = self._database.among(quarantine.c.uri_hash, list(by_hash))
        before = {
            row[0]: row[1] for row in self._db.execute(select(quarantine.c.uri_hash, quarantine.c.count).where(among))
        }
        self._db.execute(delete(quarantine).where(among))
        rows = [
            {
                "uri_hash": hash_,
                "uri": clean_text(one.uri),
                "source": clean_text(one.source),
                "content": one.content,
                "reason": clean_text(one.reason),
                "count": before.get(hash_, 0) + 1,
                "generation": self.generation,
            }
            for hash_, one in by_hash.items()
        ]
        self._bulk(insert(quarantine), rows)

    def _compact(self, compaction: Compaction, new_segments: Sequence[int]) -> None:
        moved = [{"point": int(p.point_id), "to": new_segments[p.segment], "at": int(p.row)} for p in compaction.moved]
        self._bulk(_MOVE_POINT, moved)
        drop = list(compaction.drop)
        if not drop:
            return
        among = self._database.among
        self._db.execute(delete(points).where(among(points.c.segment_id, drop), points.c.removed.is_not(None)))
        left = self._db.execute(select(points.c.id).where(among(points.c.segment_id, drop)).limit(1)).first()
        if left is not None:
            raise Damaged(
                f"compaction would lose point {left[0]}, which is live and has not moved: nothing was changed"
            )
        self._drop_segments(drop)
        self._sweep_items()

    def _drop_segments(self, ids: Sequence[int]) -> None:
        """Segments without points, and the shards that were made of them."""
        among = self._database.among
        covered = self._db.execute(select(shards.c.id, shards.c.segments)).fetchall()
        stale = [row.id for row in covered if not set(ids).isdisjoint(json.loads(row.segments))]
        self._db.execute(delete(shards).where(among(shards.c.id, stale)))
        self._db.execute(delete(segments).where(among(segments.c.id, list(ids))))

    def _sweep_items(self) -> None:
        """Removed items that no point stands for any more, in any space."""
        held = exists().where(points.c.item_id == items.c.id)
        self._db.execute(delete(items).where(items.c.removed.is_not(None), ~held))

    def _add_heads(self, change: Change) -> list[int]:
        made = {"generation": self.generation, "space_id": self._space}
        rows = [{**vars(one), "id": next(self._files), **made} for one in change.heads]
        self._bulk(insert(heads), rows)
        return [row["id"] for row in rows]

    def _switch(self, live: Live, new_heads: Sequence[int]) -> None:
        now = new_heads[live.fresh] if live.id is None else live.id
        before = new_heads[live.before_fresh] if live.before is None else live.before
        mine = spaces.c.id == self._space
        self._db.execute(update(spaces).where(mine).values(heads=now, heads_before=before))

    def _forget(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        among = self._database.among
        if self._db.execute(select(spaces.c.heads).where(among(spaces.c.heads, ids))).first() is not None:
            raise BadInput("the heads that are live cannot be forgotten: switch to others first")
        self._db.execute(update(spaces).where(among(spaces.c.heads_before, ids)).values(heads_before=None))
        self._db.execute(delete(heads).where(among(heads.c.id, ids)))

    def _replace_shards(self, given: Sequence[NewShard], new_segments: Sequence[int]) -> None:
        modalities = sorted({str(shard.modality) for shard in given})
        mine = (shards.c.space_id == self._space, self._database.among(shards.c.modality, modalities))
        self._db.execute(delete(shards).where(*mine))
        rows = []
        for shard in given:
            row = {**vars(shard), "id": next(self._files), "generation": self.generation, "space_id": self._space}
            row["segments"] = json.dumps(
                [*map(int, shard.segments), *(new_segments[index] for index in row.pop("fresh"))]
            )
            rows.append(row)
        self._bulk(insert(shards), rows)

    def _lose(self, ids: Sequence[int]) -> None:
        """Drop segments with their points; the items stay, without vectors in that space."""
        if not ids:
            return
        among = self._database.among
        self._db.execute(delete(points).where(among(points.c.segment_id, list(ids))))
        self._drop_segments(ids)

    def _keep_golden(self, change: Change) -> None:
        """Given only where there is none of its kind: what is there is what later loads are held against."""
        for modality, golden in change.golden.items():
            mine = (towers.c.space_id == self._space, towers.c.modality == str(modality))
            self._db.execute(update(towers).where(*mine).values(golden=golden))

    def _turn(self, change: Change) -> None:
        """Spaces that come, that become live, and that go."""
        if change.space is not None:
            id_ = next(self._files)
            self._db.execute(insert(spaces).values(**space_row(change.space, id_, self.generation)))
            self._db.execute(insert(towers), tower_rows(change.space, id_))
        if change.serve is not None:
            self._known(change.serve)
            self._db.execute(update(library).values(space_id=change.serve))
        if change.leave is not None:
            self._known(change.leave)
            if change.leave == self._db.scalar(select(library.c.space_id)):
                raise BadInput("the space that is live cannot be dropped: switch to another first")
            self._leave(change.leave)

    def _known(self, id_: int) -> None:
        if self._db.execute(select(spaces.c.id).where(spaces.c.id == id_)).first() is None:
            raise NotFound(f"no space of this library has the number {id_}: see `hearsee space list`")

    def _leave(self, id_: int) -> None:
        """All of a space; items that had vectors nowhere else cannot be found by anything any more, and go with it."""
        own = select(segments.c.id).where(segments.c.space_id == id_)
        left = points.join(segments, segments.c.id == points.c.segment_id)
        elsewhere = (points.c.item_id == items.c.id, points.c.removed.is_(None), segments.c.space_id != id_)
        here = (points.c.item_id == items.c.id, points.c.removed.is_(None), segments.c.space_id == id_)
        alone = exists().select_from(left).where(*here) & ~exists().select_from(left).where(*elsewhere)
        self._remove(list(self._db.scalars(select(items.c.id).where(items.c.removed.is_(None), alone))))
        self._db.execute(delete(points).where(points.c.segment_id.in_(own)))
        for table in (shards, segments, heads, towers):
            self._db.execute(delete(table).where(table.c.space_id == id_))
        self._db.execute(delete(spaces).where(spaces.c.id == id_))
        self._sweep_items()
