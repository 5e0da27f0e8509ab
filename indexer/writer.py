"""The one who may change a library: a commit is one segment for each modality, then one SQL transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np

from hearsee.core.contract import SHOWN
from hearsee.core.errors import BadInput, Damaged, HearseeError, NotFound, Refused
from hearsee.core.golden import Golden
from hearsee.core.head import Heads
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer import founding, sweep
from hearsee.indexer.batch import Add, Batch, Beside, Commit
from hearsee.indexer.catalog import (
    Catalog,
    Change,
    Compaction,
    HeadsRow,
    NewItem,
    NewPoint,
    NewSegment,
    NewShard,
    Placed,
    SegmentRow,
    SpaceRow,
)
from hearsee.indexer.compaction import ROUND_POINTS, CompactReport, compact
from hearsee.indexer.files import make_folder
from hearsee.indexer.library import check_space
from hearsee.indexer.lock import WriterLock, unlinking
from hearsee.indexer.segments import Stored, read_segment, stored, write_segment
from hearsee.indexer.sharding import LOOSE_ROWS, Aside, loose, make_shards, paths, replaced, tombstoned
from hearsee.indexer.switching import Switched, forget, switch
from hearsee.indexer.upkeep import catch_up, tidy

CACHED_SEGMENTS = 8


class Writer:
    """Owns the library until it is closed; after a failure that leaves doubt it refuses to go on."""

    def __init__(self, folder: Path, catalog: Catalog, space: Space, lock: WriterLock) -> None:
        self.folder = folder
        self.catalog = catalog
        self.space = space
        self._lock = lock
        self._failed = False
        self._golden: dict[Modality, Golden] = {}  # of towers that encoded for this library for the first time
        self._aside: Aside | None = None
        self._loose = 0  # rows committed since anybody looked whether they are worth a shard
        self._segments: dict[int, SegmentRow] = {}
        self._read = lru_cache(CACHED_SEGMENTS)(lambda segment: read_segment(folder, segment))

    @classmethod
    def open(cls, folder: str | Path, *, space: Space, database: str | None = None, create: bool = True) -> Self:
        """Take the writer lock, make the library where there is none, and remove what no commit names."""
        writer = cls._locked(Path(folder), space, database, create=create)
        with writer._opened():
            writer.space = check_space(writer.folder, writer.catalog, space, writer._golden.__setitem__)
        return writer

    @classmethod
    def beside(
        cls,
        folder: str | Path,
        *,
        space: Space,
        database: str | None = None,
        space_id: int | None = None,
        anew: bool = False,
    ) -> Self:
        """The writer of a space that is not live, by its id, or else made where none has the space's fingerprint.

        What is committed gives items that are there their vectors in that space, and changes nothing else of them.
        `anew`: even where the live space is the same by its fingerprint. The live space need not be loadable.
        """
        writer = cls._locked(Path(folder), space, database, create=False)
        with writer._opened():
            chosen = _known(writer.catalog.spaces(), space, anew=anew) if space_id is None else space_id
            if chosen is None:
                writer._apply(Change(space=space))
                chosen = writer.catalog.spaces()[-1].id
            writer.catalog = writer.catalog.of_space(chosen)
            writer.space = check_space(writer.folder, writer.catalog, space, writer._golden.__setitem__)
        return writer

    @classmethod
    def _locked(cls, folder: Path, space: Space, database: str | None, *, create: bool) -> Self:
        """Holding the writer lock and the catalog, made where there is none; the space is not looked at yet."""
        founding.prepare(folder, create=create)
        lock = WriterLock.take(folder)
        try:
            return cls(folder, founding.found(folder, space, database), space, lock)
        except BaseException:
            lock.release()
            raise

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Around finding the space; then folders are made, and what no commit names is removed."""
        try:
            yield
            for name in sweep.FOLDERS:
                make_folder(self.folder / name)
            with unlinking(self.folder, 0):  # makes the file that readers lock
                pass
            sweep.unlink(self.folder, sweep.orphans(self.folder, sweep.named(self.catalog)))
            tidy(self.folder, self.catalog)
        except BaseException:
            self.close()
            raise

    def commit(self, batch: Batch) -> Commit:
        """Everything in the batch or nothing; what this returns is durable."""
        if self.catalog.pinned:  # what is said about items and quarantine is said by the commits of the live space
            batch = Batch(adds=batch.adds)
        stacks, items = self._stacked(batch.adds)
        golden = {modality: made.text for modality, made in self._golden.items()}
        with self._whole():
            change = Change(
                segments=[self._segment(modality, rows) for modality, rows in stacks.items()],
                items=items,
                fields=batch.fields,
                remove=batch.remove,
                quarantine=batch.quarantine,
                unquarantine=batch.unquarantine,
                golden=golden,
            )
            self._loose += sum(segment.rows for segment in change.segments)
            generation = self._apply(change)
        for modality in golden:
            del self._golden[modality]
        return Commit(generation, batch.items)

    def vectors(self, placed: Sequence[Placed]) -> Vectors:
        """The stored vectors of points, so that equal bytes are not encoded twice."""
        self._know(placed)
        rows = [self._read(self._segments[place.segment_id])[place.row] for place in placed]
        return np.stack(rows).astype(np.float32)

    def by_modality(self, placed: Sequence[Placed]) -> dict[Modality, list[Placed]]:
        """Points by the modality of their segments."""
        self._know(placed)
        found: dict[Modality, list[Placed]] = {}
        for place in placed:
            found.setdefault(self._segments[place.segment_id].modality, []).append(place)
        return found

    def _know(self, placed: Sequence[Placed]) -> None:
        if {place.segment_id for place in placed} - self._segments.keys():
            self._segments = {segment.id: segment for segment in self.catalog.segments()}

    def remove(self, uris_or_ids: Sequence[str | int]) -> Commit:
        """Remove live items; where one of them is unknown, none is removed."""
        uris = [name for name in uris_or_ids if isinstance(name, str)]
        by_id = self.catalog.items([name for name in uris_or_ids if not isinstance(name, str)])
        known = self.catalog.find([*uris, *(item.uri for item in by_id.values())])
        live = {item.id for item in known.values()}
        for name in uris_or_ids:
            if name not in (known if isinstance(name, str) else live):
                raise NotFound(f"no item {name} in library {self.folder}: nothing was removed; see `hearsee list`")
        chosen = {known[name].id if isinstance(name, str) else name for name in uris_or_ids}
        return self.commit(Batch(remove=sorted(chosen)))

    def compact(self, round_points: int = ROUND_POINTS) -> CompactReport:
        """Rewrite segments without their removed rows, join small ones, and free what that leaves behind.

        One transaction moves at most `round_points` points; what there is beyond them follows in further ones.
        """
        self._fold_in()
        with self._whole():
            dirty = tombstoned(self.folder, self.catalog.view())
        self.build_shards(rebuild=dirty)  # shards without removed points, which outlive the segments they came from
        with self._whole():
            return compact(self.folder, self.catalog, self.space, self._apply, round_points)

    def build_shards(
        self,
        rebuild: Collection[Modality] = (),
        begun: Callable[[Modality, int], None] | None = None,
    ) -> int | None:
        """Make the shards of every modality whose segments changed, and of those in `rebuild`, in one commit.

        The new generation; none where all shards were up to date.
        """
        self._fold_in()
        with self._whole():
            made = make_shards(self.folder, self.catalog, self.space, rebuild, begun)
            return self._serve(made) if made else None

    def fold(self) -> int | None:
        """Between commits of a long run: serve shards that were made aside, and begin others once that pays.

        The generation in which new ones serve; none where there are none yet.
        """
        if self._aside is not None:
            return self._fold_in() if self._aside.done else None
        if self._loose >= LOOSE_ROWS:
            self._loose = 0
            if loose(self.catalog.view()):
                self._aside = Aside(lambda: make_shards(self.folder, self.catalog, self.space))
        return None

    def _fold_in(self) -> int | None:
        """Wait for what is made aside, and serve it; points that were removed meanwhile stay removed."""
        if self._aside is None:
            return None
        made, failed, self._aside = self._aside.made(), self._aside.failed, None
        if failed:
            self._loose = -(1 << 60)  # not again in this run: its end says what is wrong
        with self._whole():
            return self._serve(made) if made else None

    def _serve(self, made: Sequence[NewShard]) -> int:
        generation = self._apply(Change(shards=made), replaced(self.catalog.view(), made))
        tidy(self.folder, self.catalog)
        return generation

    def switch_heads(self, to: Heads | int, name: str) -> Switched:
        """Make other heads live, new ones under a name or those of an id, and project every vector again."""
        self._fold_in()
        with self._whole():
            done = switch(self.folder, self.catalog, self.space, self._apply, to, name)
            self.space = done.space
            catch_up(self.folder, self.catalog)
        return done

    def lose(self, segment_ids: Sequence[int]) -> None:
        """Give up segments of spaces that are not live; their items stay, to be given vectors there again."""
        with self._whole():
            every = [one for row in self.catalog.spaces() for one in self.catalog.of_space(row.id).segments()]
            gone = [segment.path for segment in every if segment.id in set(segment_ids)]
            self._apply(Change(lost=list(segment_ids)), gone)

    def turn_to(self, space_id: int) -> int:
        """Make another space of the library live, in one transaction; the new generation."""
        self._fold_in()
        with self._whole():
            return self._apply(Change(serve=space_id))

    def forget_heads(self, ids: Sequence[int]) -> list[HeadsRow]:
        """Remove heads that are not live, and their files."""
        with self._whole():
            return forget(self.catalog, self._apply, ids)

    def drop(self, segment_ids: Sequence[int]) -> int:
        """Give up segments and every item that has a point in them; how many items that were."""
        lost = [segment for segment in self.catalog.segments() if segment.id in set(segment_ids)]
        items = np.unique(self.catalog.points_of([segment.id for segment in lost]).item_ids).tolist()
        with self._whole():
            compaction = Compaction(drop=[segment.id for segment in lost], moved=())
            self._apply(Change(remove=items, compaction=compaction), [segment.path for segment in lost])
        return len(items)

    def close(self) -> None:
        if self._aside is not None:  # nobody writes here once the lock is given back
            sweep.unlink(self.folder, paths(self._aside.made()))
            self._aside = None
        self.catalog.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _apply(self, change: Change, obsolete: Sequence[str] = ()) -> int:
        """Commit a change whose files are published, then free those it leaves behind."""
        try:
            generation = self.catalog.commit(change)
        except (BadInput, NotFound):  # refused as a whole: certainly nothing names the new files
            sweep.unlink(self.folder, [*(new.path for new in change.segments), *(new.path for new in change.heads)])
            raise
        sweep.unlink(self.folder, obsolete)
        return generation

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Around publishing and committing: what failed half-way is settled by the next opening, not by trying on."""
        if self._failed:
            raise HearseeError(f"library {self.folder}: writing failed before, so nothing more is written: run again")
        try:
            yield
        except (BadInput, NotFound, Damaged, Refused):  # said before anything was written
            raise
        except BaseException:
            self._failed = True
            raise

    def _stacked(self, adds: Sequence[Add]) -> tuple[dict[Modality, Stored], list[NewItem]]:
        """One stack of rows for each modality, and the items that say which rows are theirs."""
        stacks: dict[Modality, list[Stored]] = {}
        heights: dict[Modality, int] = {}
        items = []
        for add in adds:
            points: list[NewPoint] = []
            own = Beside(add.modality, add.vectors, add.spans)
            for part in (own,) if add.beside is None else (own, add.beside):
                rows = self._checked(add.uri, part)
                segment = list(stacks).index(part.modality) if part.modality in stacks else len(stacks)
                start = heights.get(part.modality, 0)
                stacks.setdefault(part.modality, []).append(rows)
                heights[part.modality] = start + len(rows)
                points += [NewPoint(segment, start + row, span) for row, span in enumerate(part.spans)]
            items.append(_new_item(add, points))
        return {modality: np.concatenate(rows) for modality, rows in stacks.items()}, items

    def _checked(self, uri: str, part: Beside) -> Stored:
        rows = stored(part.vectors, uri)
        tower = self.space.tower(part.modality)
        if rows.shape != (len(part.spans), tower.dim) or not len(rows):
            raise BadInput(
                f"vectors of {uri} have shape {rows.shape}: {tower.contract.tower} makes "
                f"({max(1, len(part.spans))}, {tower.dim})"
            )
        return rows

    def _segment(self, modality: Modality, rows: Stored) -> NewSegment:
        height, dim = rows.shape
        published = write_segment(self.folder, modality, height, dim, [rows])
        tower = self.space.tower(modality).contract.fingerprint
        return NewSegment(modality, tower, published.path, published.sha256, published.bytes, height, dim)


def _known(rows: Sequence[SpaceRow], space: Space, *, anew: bool) -> int | None:
    """The space of the library that this is, not the live one if it can be helped; none: it is new."""
    same = [row for row in rows if row.fingerprint == space.fingerprint and not (anew and row.live)]
    if same:
        return min(same, key=lambda row: (row.live, -row.id)).id
    other = next((row for row in rows if row.name == space.name and not row.live), None)
    if other is not None:
        raise Refused(
            f"a space {space.name!r} of other towers lies beside the live one already ({other.fingerprint[:SHOWN]}, "
            f"this is {space.fingerprint[:SHOWN]}): drop it first with `hearsee space drop {space.name}`"
        )
    return None


def _new_item(add: Add, points: Sequence[NewPoint]) -> NewItem:
    return NewItem(
        uri=add.uri,
        modality=add.modality,
        content=add.content,
        bytes=add.bytes,
        source=add.source,
        points=points,
        caption=add.caption,
        text=add.text,
        group=add.group,
        metadata=add.metadata,
    )
