"""What each point stands for: the only truth about a library."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Self
from uuid import uuid4

import numpy as np
from sqlalchemy import func, insert, select

from hearsee.core.contract import Contract
from hearsee.core.errors import NotFound, Refused
from hearsee.core.item import Item
from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.where import Where
from hearsee.indexer.catalog import upgrade, words
from hearsee.indexer.catalog.changes import Change
from hearsee.indexer.catalog.check import problems
from hearsee.indexer.catalog.connect import Database, connect
from hearsee.indexer.catalog.facts import clean_text, uri_hash
from hearsee.indexer.catalog.filters import matching, matching_ids
from hearsee.indexer.catalog.folding import Phrase
from hearsee.indexer.catalog.rows import (
    HeadsRow,
    Ids,
    Known,
    LibraryInfo,
    Placed,
    PointRows,
    Quarantined,
    SegmentRow,
    SpaceRow,
    View,
)
from hearsee.indexer.catalog.scope import LIVE, Scope, lacking, paths, read_spaces, space_row, tower_rows
from hearsee.indexer.catalog.tables import FORMAT, items, library, points, quarantine, segments, shards, spaces, towers
from hearsee.indexer.catalog.view import read_heads, read_points, read_segments, read_view
from hearsee.indexer.catalog.write import Commit, Prepared

_STREAMED = 5_000  # rows fetched at a time
FIRST = 1  # the id of the space that a library is made with
_ITEM = (
    items.c.id,
    items.c.uri,
    items.c.modality,
    items.c.content,
    items.c.bytes,
    items.c.caption,
    items.c.text,
    items.c.group_name,
    items.c.metadata,
)
# Written out because searching and ingesting wait for them: building a statement costs more than running these.
_GENERATION = "SELECT generation FROM library"
_ITEMS = f"SELECT {', '.join(column.name for column in _ITEM)} FROM items WHERE id"  # noqa: S608 constants only
_LIVE_POINTS = (
    f"SELECT points.id, span_start, span_end, span_unit, segments.modality, "  # noqa: S608
    f"{', '.join(f'items.{column.name}' for column in _ITEM)} FROM points JOIN items ON items.id = points.item_id "
    "JOIN segments ON segments.id = points.segment_id WHERE points.removed IS NULL AND points.id"
)
_SPANS = "SELECT id, span_start, span_end, span_unit FROM points WHERE span_unit IS NOT NULL AND id"
_KNOWN = (
    "SELECT uri_hash, id, content, modality, source, fields_hash FROM items WHERE removed IS NULL{known} AND uri_hash"
)
_CONTENTS = "SELECT DISTINCT content FROM items WHERE removed IS NULL AND content"
_MADE_OF = "SELECT id FROM items WHERE removed IS NULL AND content"
_MODALITIES = {modality.value: modality for modality in Modality}
_read = json.JSONDecoder().raw_decode
_AMONG_SQLITE = " IN (SELECT value FROM json_each(?))"
_AMONG_POSTGRES = " = ANY(%s)"


class Catalog:
    """The only module that speaks SQL; any number of threads may use one."""

    def __init__(self, database: Database, scope: Scope = LIVE) -> None:
        self._database = database
        self._scope = scope

    @classmethod
    def create(cls, url: str, space: Space) -> Catalog:
        """Make the tables and the library's row in one transaction: a half-made catalog does not exist."""
        database = connect(url, writable=True, create=True)
        try:
            with database.writing() as db:
                if upgrade.revision(db) is not None:
                    raise Refused(f"{database.label} already holds a library: open it, or name another place")
                upgrade.migrate(db)
                db.execute(insert(library).values(**_library_row()))
                db.execute(insert(spaces).values(**space_row(space, FIRST, 0)))
                db.execute(insert(towers), tower_rows(space, FIRST))
        except BaseException:
            database.engine.dispose()
            raise
        return cls(database)

    @classmethod
    def open(cls, url: str, *, writable: bool) -> Catalog:
        database = connect(url, writable=writable)
        try:
            upgrade.check(database, writable=writable)
        except BaseException:
            database.engine.dispose()
            raise
        return cls(database)

    def close(self) -> None:
        self._database.engine.dispose()

    @property
    def pinned(self) -> bool:
        """Whether it is about one space whatever becomes of it, and not about the live one."""
        return self._scope.space_id is not None

    def of_space(self, space_id: int) -> Catalog:
        """The same catalog as if this space were live, whatever becomes of it; items without vectors in it are unknown.

        What is committed through it gives items that are there vectors in the space, and changes nothing else of them.
        """
        return Catalog(self._database, Scope(space_id))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def label(self) -> str:
        """Where the catalog is, for messages: no user, no password."""
        return self._database.label

    def info(self) -> LibraryInfo:
        of_space = (spaces.c.name, spaces.c.fingerprint, spaces.c.dim)
        columns = (library.c.library_id, *of_space, library.c.generation, library.c.format)
        joined = library.join(spaces, self._scope.holds(spaces.c.id))
        with self._database.reading() as db:
            heads = (spaces.c.heads, spaces.c.heads_before, spaces.c.id)
            row = db.execute(select(*columns, *heads).select_from(joined)).first()
        if row is None:
            raise NotFound(f"no library in {self.label}: index something first, as in `hearsee index FOLDER`")
        return LibraryInfo(*row)

    def generation(self) -> int:
        """The newest generation; cheap, it is asked before every search."""
        return int(self._database.ask(_GENERATION)[0][0])

    def towers(self) -> dict[Modality, Contract]:
        with self._database.reading() as db:
            mine = self._scope.holds(towers.c.space_id)
            rows = db.execute(select(towers.c.modality, towers.c.contract).where(mine)).fetchall()
        return {Modality(modality): Contract(**json.loads(contract)) for modality, contract in rows}

    def golden(self) -> dict[Modality, str]:
        """What the towers made of canonical inputs when they first encoded for this library, as JSON."""
        mine = (self._scope.holds(towers.c.space_id), towers.c.golden.is_not(None))
        with self._database.reading() as db:
            rows = db.execute(select(towers.c.modality, towers.c.golden).where(*mine)).fetchall()
        return {Modality(modality): golden for modality, golden in rows}

    def spaces(self) -> list[SpaceRow]:
        """Every space that items have vectors in, oldest first."""
        with self._database.snapshot() as db:
            return read_spaces(db)

    def lacking(self, space_id: int) -> Iterator[Item]:
        """Live items without a vector in the space, ascending by id; commits in between do no harm."""
        after = 0
        while True:
            chosen = select(*_ITEM).where(lacking(space_id), items.c.id > after)
            with self._database.reading() as db:
                rows = db.execute(chosen.order_by(items.c.id).limit(_STREAMED)).fetchall()
            yield from map(_item, rows)
            if len(rows) < _STREAMED:
                return
            after = rows[-1][0]

    def shards_everywhere(self) -> set[str]:
        """The SHA-256 of every shard, in all spaces."""
        with self._database.reading() as db:
            return set(db.scalars(select(shards.c.sha256)))

    def files(self, space_id: int | None = None) -> list[str]:
        """The paths of every file that the catalog vouches for, in all its spaces or in one."""
        with self._database.reading() as db:
            return list(db.scalars(paths(space_id)))

    def commit(self, change: Change) -> int:
        """Apply everything or nothing; returns the new generation once it is durable."""
        prepared = Prepared.of(change)
        with self._database.writing() as db:
            return Commit(self._database, db, self._scope).apply(prepared)

    def find(self, uris: Sequence[str]) -> dict[str, Known]:
        """The live items among the URIs."""
        asked = {uri_hash(uri): uri for uri in uris}
        if not asked:
            return {}
        rows = self._among(_KNOWN.format(known=self._scope.known), list(asked))
        return {asked[row[0]]: Known(row[1], row[2], Modality(row[3]), *row[4:]) for row in rows}

    def placed(self, contents: Sequence[tuple[Modality, str]]) -> dict[tuple[Modality, str], list[Placed]]:
        """Where equal bytes of a live item have their points already, in order; contents without any are left out."""
        wanted = set(contents)
        there = [row[0] for row in self._among(_CONTENTS, sorted({content for _, content in wanted}))] if wanted else ()
        if not there:
            return {}
        key = (items.c.content, items.c.modality)
        live = (items.c.removed.is_(None), self._database.among(items.c.content, there))
        held = items.join(points, points.c.item_id == items.c.id).join(segments, segments.c.id == points.c.segment_id)
        mine = (points.c.removed.is_(None), self._scope.holds(segments.c.space_id))
        first = select(func.min(items.c.id)).select_from(held).where(*live, *mine).group_by(*key)
        columns = (*key, points.c.segment_id, points.c.row, points.c.span_start, points.c.span_end, points.c.span_unit)
        chosen = select(*columns).select_from(held).where(items.c.id.in_(first), *mine).order_by(points.c.id)
        found = defaultdict(list)
        with self._database.reading() as db:
            for content, modality, segment_id, row, *span in db.execute(chosen):
                found[Modality(modality), content].append(Placed(segment_id, row, Span(*span) if span[2] else None))
        return {content: places for content, places in found.items() if content in wanted}

    def made_of(self, contents: Sequence[str]) -> list[int]:
        """Ids of the live items that were made of these bytes, ascending."""
        return sorted(row[0] for row in self._among(_MADE_OF, sorted(set(contents)))) if contents else []

    def uris_of(self, source: str) -> Iterator[tuple[int, str]]:
        """Id and URI of every live item of the source, ascending by id; commits in between do no harm."""
        after = 0
        mine = (items.c.removed.is_(None), items.c.source == clean_text(source))
        while True:
            chosen = select(items.c.id, items.c.uri).where(*mine, items.c.id > after)
            with self._database.reading() as db:
                rows = db.execute(chosen.order_by(items.c.id).limit(_STREAMED)).fetchall()
            yield from ((row[0], row[1]) for row in rows)
            if len(rows) < _STREAMED:
                return
            after = rows[-1][0]

    def items(self, ids: Sequence[int]) -> dict[int, Item]:
        """Items by id, those removed since too: a snapshot that still holds them must be able to answer."""
        return {row[0]: _item(row) for row in self._by_id(_ITEMS, ids)}

    def shown(self, point_ids: Sequence[int]) -> dict[int, tuple[Item, Span | None, Modality]]:
        """What each live point stands for, in one question, and as what it was encoded; others are left out."""
        rows = self._by_id(_LIVE_POINTS, point_ids)
        return {row[0]: (_item(row[5:]), Span(*row[1:4]) if row[3] else None, _MODALITIES[row[4]]) for row in rows}

    def spans(self, point_ids: Sequence[int]) -> dict[int, Span]:
        """Spans by point; points that stand for their whole item are left out."""
        return {row[0]: Span(*row[1:]) for row in self._by_id(_SPANS, point_ids)}

    def by_uri(self, uri: str) -> Item | None:
        with self._database.reading() as db:
            live = (items.c.removed.is_(None), items.c.uri_hash == uri_hash(uri))
            row = db.execute(select(*_ITEM).where(*live)).first()
        return None if row is None else _item(row)

    def page(
        self, *, after: int = 0, limit: int = 50, where: Where | None = None, modality: Modality | None = None
    ) -> list[Item]:
        """Live items with ids above `after`, ascending."""
        chosen = select(*_ITEM).where(items.c.removed.is_(None), items.c.id > after)
        if where is not None:
            chosen = chosen.where(items.c.id.in_(matching(where)))
        if modality is not None:
            chosen = chosen.where(items.c.modality == str(modality))
        with self._database.reading() as db:
            return [_item(row) for row in db.execute(chosen.order_by(items.c.id).limit(limit))]

    def allowed(self, where: Where) -> Ids:
        """Ids of the live items that match, ascending."""
        with self._database.reading() as db:
            told = db.scalar(matching_ids(where))
        ids = np.sort(np.fromstring(told or "", np.int64, sep=","))
        return ids[np.append(True, ids[1:] != ids[:-1])] if len(ids) else ids

    def holding(self, phrases: Sequence[Phrase], modalities: Sequence[Modality], limit: int) -> list[Ids]:
        """For each phrase the live items that hold it in their name, caption or text, ascending; at most `limit`."""
        with self._database.reading() as db:
            return words.find(db, phrases, modalities, limit)

    def reindex_words(self) -> None:
        """Make the index of words again from the items."""
        with self._database.writing() as db:
            words.fill(db)

    def groups(self) -> Iterator[tuple[str, Modality, int]]:
        """Group, modality and id of every live item that has a group, ordered by group, then id."""
        chosen = select(items.c.group_name, items.c.modality, items.c.id)
        chosen = chosen.where(items.c.removed.is_(None), items.c.group_name.is_not(None))
        chosen = chosen.order_by(items.c.group_name, items.c.id)
        with self._database.snapshot() as db:
            for group, modality, id_ in db.execution_options(yield_per=_STREAMED).execute(chosen):
                yield group, Modality(modality), id_

    def view(self) -> View:
        """Everything a snapshot is built from, at one generation."""
        return read_view(self._database, self._scope)

    def segments(self) -> tuple[SegmentRow, ...]:
        """Every segment, ascending by id."""
        with self._database.reading() as db:
            return read_segments(db, self._scope)

    def heads(self) -> tuple[HeadsRow, ...]:
        """Every set of heads that the library has had since it first switched, oldest first."""
        with self._database.reading() as db:
            return read_heads(db, self._scope)

    def points_of(self, segment_ids: Sequence[int]) -> PointRows:
        """The live points of the segments, ordered by (segment, row)."""
        with self._database.reading() as db:
            return read_points(db, self._database, segment_ids)

    def problems(self) -> list[str]:
        """What is wrong inside the catalog, one sentence each; none when it is sound."""
        return problems(self._database)

    def stats(self) -> dict[str, Any]:
        with self._database.snapshot() as db:
            live = select(items.c.modality, func.count()).where(items.c.removed.is_(None)).group_by(items.c.modality)
            held = points.join(segments, segments.c.id == points.c.segment_id)
            here, mine = points.c.removed.is_(None), self._scope.holds(segments.c.space_id)
            version = "sqlite_version()" if self._database.sqlite else "current_setting('server_version')"
            return {
                "generation": db.scalar(select(library.c.generation)),
                "items": {str(modality): n for modality, n in db.execute(live.order_by(items.c.modality))},
                "points": db.scalar(select(func.count()).select_from(held).where(here, mine)),
                "removed_items": db.scalar(select(func.count()).select_from(items).where(items.c.removed.is_not(None))),
                "removed_points": db.scalar(select(func.count()).select_from(held).where(~here, mine)),
                "quarantined": db.scalar(select(func.count()).select_from(quarantine)),
                "segments": db.scalar(select(func.count()).select_from(segments).where(mine)),
                "bytes": int(db.scalar(select(func.coalesce(func.sum(segments.c.bytes), 0)).where(mine)) or 0),
                "database": f"{self._database.engine.dialect.name} {db.exec_driver_sql(f'SELECT {version}').scalar()}",
            }

    def quarantined(self, limit: int = 100) -> list[Quarantined]:
        """What could not be taken in, newest first."""
        columns = [quarantine.c[name] for name in Quarantined.__dataclass_fields__]
        newest = (quarantine.c.generation.desc(), quarantine.c.uri)
        with self._database.reading() as db:
            return [Quarantined(*row) for row in db.execute(select(*columns).order_by(*newest).limit(limit))]

    def _by_id(self, statement: str, ids: Sequence[int]) -> Sequence[Any]:
        return self._among(statement, [int(id_) for id_ in ids])  # as in Database.among

    def _among(self, statement: str, given: list[int] | list[str]) -> Sequence[Any]:
        sqlite = self._database.sqlite
        bound: tuple[Any] = (json.dumps(given),) if sqlite else (given,)
        return self._database.ask(statement + (_AMONG_SQLITE if sqlite else _AMONG_POSTGRES), bound)


def _item(row: Any) -> Item:
    id_, uri, modality, content, size, caption, text, group, metadata = row
    # json.loads looks for white space on both sides first, which takes as long as reading.
    known, end = _read(metadata)
    known = known if end == len(metadata) else json.loads(metadata)
    return Item(id_, uri, _MODALITIES[modality], content, size, caption, text, group, known)


def _library_row() -> dict[str, Any]:
    counters = {"generation": 0, "last_item": 0, "last_point": 0, "last_file": FIRST}
    return {"library_id": uuid4().hex, "format": FORMAT, "space_id": FIRST, **counters}
