"""Another space for a library that is there: one transaction turns to it, and back; what is dropped leaves no file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hearsee.core.errors import Refused
from hearsee.core.space import Space, load_space
from hearsee.indexer import founding, sweep
from hearsee.indexer.beside import space_of
from hearsee.indexer.catalog import Catalog, Change, SpaceRow
from hearsee.indexer.identity import Identity
from hearsee.indexer.library import space_beside
from hearsee.indexer.lock import WriterLock
from hearsee.indexer.recall import keep_recall
from hearsee.indexer.writer import Writer


@dataclass(frozen=True)
class Turned:
    generation: int
    live: str  # the space that is searched by now
    before: str
    missing: int  # items that are not found in it, because they have no vectors there


def list_spaces(folder: Path, database: str | None = None) -> list[SpaceRow]:
    with _catalog(folder, database, writable=False) as catalog:
        return catalog.spaces()


def switch_space(
    folder: Path, name: str, database: str | None = None, *, leave_out: bool = False, space: Space | None = None
) -> Turned:
    """Make a space live that was filled beside the live one; refused while items lack vectors in it.

    Heads, shards, golden vectors and what was measured belong to a space each: nothing of the one that was live is
    used for the other, and all of it is there when the library switches back. `leave_out`: what lacks vectors is not
    found until `hearsee space add` gives it some. `space`: in place of the one that the name stands for.
    """
    with _catalog(folder, database, writable=False) as catalog:
        row, before = space_beside(catalog, name), catalog.info().space
    with Writer.beside(folder, space=space or load_space(row.name), database=database, space_id=row.id) as writer:
        row = space_of(writer)
        if row.missing and not leave_out:
            first = next(writer.catalog.lacking(row.id))
            raise Refused(
                f"space {name!r} lacks vectors of {row.missing:,} items, such as {first.uri}: run `hearsee space add "
                f"{name}` again, or switch with --leave-out, and they are not found until it gave them some"
            )
        writer.build_shards()  # a fill that was killed may have come to none
        generation = writer.turn_to(row.id)
        keep_recall(writer, None)
    return Turned(generation, row.name, before, row.missing)


def drop_space(folder: Path, name: str, database: str | None = None) -> SpaceRow:
    """Give up a space that is not live, with its vectors, heads and shards; it need not be loadable any more."""
    founding.prepare(folder, create=False)
    lock = WriterLock.take(folder)
    try:
        with _catalog(folder, database, writable=True) as catalog:
            row = space_beside(catalog, name)
            files = catalog.files(row.id)
            catalog.commit(Change(leave=row.id))
            sweep.unlink(folder, files)
            return row
    finally:
        lock.release()


def _catalog(folder: Path, database: str | None, *, writable: bool) -> Catalog:
    identity = Identity.read(folder)
    return Identity(identity.library_id, database or identity.database).open(folder, writable=writable)
