"""Other heads for a library that is there: its vectors are projected again, and one transaction makes the switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearsee.core.errors import BadInput, Damaged, NotFound
from hearsee.core.head import Heads
from hearsee.core.space import Space
from hearsee.indexer import sweep
from hearsee.indexer.catalog import Catalog, Change, HeadsRow, Live, NewHeads, NewShard
from hearsee.indexer.heads import OWN, stored_heads, whole_heads, write_heads
from hearsee.indexer.shards.files import stretches, write_shard

PREVIOUS = "previous"
Apply = Callable[[Change, Sequence[str]], int]  # commits, then frees the files named


@dataclass(frozen=True)
class Switched:
    generation: int
    space: Space
    name: str
    points: int  # projected again


def switch(folder: Path, catalog: Catalog, space: Space, apply: Apply, to: Heads | int, name: str) -> Switched:
    """From the space that is live to other heads, new ones or those of an id: no media are read.

    Until the transaction the old heads and shards are untouched; after it nothing names the old shards. The heads that
    were live stay in the library, so that there is a way back.
    """
    known = {row.id: row for row in catalog.heads()}
    row = _known(known, to) if isinstance(to, int) else None
    heads = whole_heads(space, to if isinstance(to, Heads) else stored_heads(folder, known[to]))
    new = space.with_heads(heads.by_modality)
    live = known.get(catalog.info().heads or 0)
    if new.fingerprint == (live.space_fingerprint if live else catalog.info().space_fingerprint):
        raise BadInput(f"heads {row.name if row else name!r} are live already: nothing was changed")
    shards, points, old = _projected(folder, catalog, new)
    fresh: list[NewHeads] = []
    now, before = catalog.info().heads, None
    if row is None:
        fresh.append(write_heads(folder, new, heads, name))
    if now is None:  # the first switch: from now on the space's own heads are kept, too, whatever becomes of its files
        before = len(fresh)
        fresh.append(write_heads(folder, space, whole_heads(space, Heads({}, space.dim)), OWN))
    turn = Live(row.id if row else None, 0, now, before or 0)
    generation = apply(Change(shards=shards, heads=fresh, live=turn), old)
    return Switched(generation, new, row.name if row else name, points)


def found_heads(catalog: Catalog, name: str) -> int:
    """The id of heads by what a person calls them: previous, own, a number, or the name that they were given."""
    rows = catalog.heads()
    if not rows:
        raise NotFound("this library has only the heads of its space: train others with `hearsee align heads`")
    if name == PREVIOUS:
        before = catalog.info().heads_before
        if before is None:
            raise NotFound("no heads were live before these: see `hearsee align list`")
        return before
    fitting = [row.id for row in rows if name in (row.name, str(row.id))]
    if not fitting:
        there = ", ".join(f"{row.id} ({row.name})" for row in rows)
        raise NotFound(f"no heads are called {name!r}: there are {there}, and {PREVIOUS}")
    return fitting[-1]


def forget(catalog: Catalog, apply: Apply, ids: Sequence[int]) -> list[HeadsRow]:
    """Remove heads and their files; all of them or, where one must stay, none."""
    rows = {row.id: row for row in catalog.heads()}
    live = catalog.info().heads
    for row in (rows[id_] for id_ in ids):
        if row.id == live:
            raise BadInput(f"heads {row.name!r} are live: switch to others first; nothing was forgotten")
        if row.name == OWN:
            raise BadInput("the space's own heads stay, as the way back; nothing was forgotten")
    gone = [rows[id_] for id_ in sorted(set(ids))]
    apply(Change(forget=[row.id for row in gone]), [row.path for row in gone])
    return gone


def mend_heads(folder: Path, catalog: Catalog, space: Space) -> list[str]:
    """Forget heads whose files are lost, once others are live where those were: the oldest that are sound."""
    lost = lost_heads(folder, catalog)
    if not lost:
        return []
    rows = {row.id: row for row in catalog.heads()}

    def apply(change: Change, obsolete: Sequence[str]) -> int:
        generation = catalog.commit(change)
        sweep.unlink(folder, obsolete)
        return generation

    done = []
    if catalog.info().heads in lost:
        sound = sorted((row for row in rows.values() if row.id not in lost), key=lambda row: (row.name != OWN, row.id))
        to = sound[0].id if sound else Heads(space.heads, space.dim)
        switched = switch(folder, catalog, space, apply, to, OWN)
        done.append(f"switched to heads {switched.name}, because the file of those that were live is lost")
    apply(Change(forget=sorted(lost)), [rows[id_].path for id_ in lost])
    done.append(f"forgot heads {', '.join(rows[id_].name for id_ in sorted(lost))}, whose files are lost")
    return done


def lost_heads(folder: Path, catalog: Catalog) -> dict[int, str]:
    """What is wrong with heads that cannot be read, by their ids."""
    found = {}
    for row in catalog.heads():
        try:
            stored_heads(folder, row)
        except Damaged as damaged:
            found[row.id] = str(damaged)
    return found


def _known(known: dict[int, HeadsRow], id_: int) -> HeadsRow:
    if id_ not in known:
        raise NotFound(f"no heads have the number {id_}: see `hearsee align list`")
    return known[id_]


def _projected(folder: Path, catalog: Catalog, new: Space) -> tuple[list[NewShard], int, list[str]]:
    """A shard of each modality in the new space, how many points they hold, and the files that they replace."""
    view = catalog.view()
    shards = []
    for modality in sorted({segment.modality for segment in view.segments}):
        mine = [segment for segment in view.segments if segment.modality == modality]
        ids = [segment.id for segment in mine]
        shards.append(write_shard(folder, new, modality, stretches(mine, ids, catalog.points_of(ids)), ids))
    old = [path for shard in view.shards for path in (shard.path, shard.rows_path)]
    return shards, sum(shard.rows for shard in shards), old
