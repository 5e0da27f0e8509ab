"""Makes a library, in steps of which each can be the last before a crash."""

from __future__ import annotations

from pathlib import Path

from hearsee.core.errors import NotFound, Refused
from hearsee.core.space import Space
from hearsee.indexer import heads, segments
from hearsee.indexer.catalog import Catalog
from hearsee.indexer.files import make_folder
from hearsee.indexer.identity import CATALOG, NAME, Identity
from hearsee.indexer.lock import OPENING, WRITER, WriterLock
from hearsee.indexer.shards import files as shards

_OURS = (NAME, CATALOG, WRITER, OPENING, segments.FOLDER, shards.FOLDER, heads.FOLDER)


def prepare(folder: Path, *, create: bool) -> None:
    """Make the folder, unless it holds something else: a library is never mixed with a user's own files."""
    if not create or (folder / NAME).exists():
        Identity.read(folder)  # says what is wrong with it
        return
    if folder.exists() and not folder.is_dir():
        raise NotFound(f"{folder} is a file, not a library: name a folder with --library")
    foreign = sorted(p.name for p in folder.iterdir() if not p.name.startswith(_OURS)) if folder.exists() else []
    if foreign:
        raise Refused(f"{folder} is no library and holds {foreign[0]!r}: name an empty or a new folder with --library")
    if (folder / CATALOG).exists():
        Identity.read(folder)  # raises: library.json is lost
    make_folder(folder)


def found(folder: Path, space: Space, database: str | None) -> Catalog:
    """Open the library's catalog for writing; make it first where the founding is not finished."""
    if not (folder / NAME).exists():
        Identity(None, database).write(folder)
    identity = Identity.read(folder)
    identity = Identity(identity.library_id, database or identity.database)
    if identity.library_id is not None:
        return identity.open(folder, writable=True)
    url = identity.url(folder)
    try:
        catalog = Catalog.create(url, space)
    except Refused:  # there is one: ours, if we died right after making it
        catalog = Catalog.open(url, writable=True)
        if catalog.generation():
            catalog.close()
            raise
    Identity(catalog.info().library_id, identity.database).write(folder)
    return catalog


def live_space(folder: Path, database: str | None) -> str:
    """The name of the space that answers, for who is about to write: an older catalog is upgraded on the way."""
    identity = Identity.read(folder)
    lock = WriterLock.take(folder)
    try:
        with Identity(identity.library_id, database or identity.database).open(folder, writable=True) as catalog:
            return catalog.info().space
    finally:
        lock.release()
