"""What was asked of a library is kept up: before a commit names new shards, after it, and when a file is damaged."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hearsee.core.errors import Damaged, HearseeError
from hearsee.indexer.catalog import Catalog, NewShard
from hearsee.indexer.files import remove
from hearsee.indexer.proving import Proving, Row, is_there
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.ledger import FILE, FOLDER, Entry, Ledger, read_ledger, write_ledger
from hearsee.indexer.shards.sealed import look_over
from hearsee.indexer.sweep import unlink

log = logging.getLogger(__name__)


def known(folder: Path) -> Ledger | None:
    """What was asked of the library; none where nothing was, or where nobody can tell any more."""
    try:
        return read_ledger(folder)
    except Damaged as damaged:
        log.warning("%s", damaged)
        return None


def keep_up(folder: Path, catalog: Catalog, shards: Sequence[NewShard]) -> None:
    """Before a commit names new shards: how they will be searched, so that nobody ever meets them without."""
    ledger = known(folder)
    if ledger is None:
        return
    with _room(folder):
        served = [row for row in catalog.view().shards if row.modality not in {shard.modality for shard in shards}]
        proved = Proving(folder, catalog, ledger, [*served, *shards]).entries(shards)
    made = {entry.vectors for entry in proved}
    kept = [entry for entry in ledger.entries if entry.vectors not in made]
    write_ledger(folder, replace(ledger, entries=(*kept, *proved)))


@contextmanager
def _room(folder: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise HearseeError(
            f"library {folder}: the memory does not suffice to build its shards; the old ones keep serving: "
            "free memory, or ask for another kind with `hearsee index --shards`"
        ) from None


def catch_up(folder: Path, catalog: Catalog) -> Ledger | None:
    """Prove whatever shard is not searched as was asked; what is proved already stays."""
    ledger = known(folder)
    if ledger is None:
        return None
    rows = catalog.view().shards
    proving = Proving(folder, catalog, ledger, rows)
    entries = tuple(ledger.entry(row.sha256) or _unknown(row) for row in rows)
    entries = tuple(_sound(folder, row, entry) for row, entry in zip(rows, entries, strict=True))
    wanting = [row for row, entry in zip(rows, entries, strict=True) if not proving.settled(row, entry)]
    if wanting:
        with _room(folder):
            made = {entry.vectors: entry for entry in proving.entries(wanting)}
        entries = tuple(made.get(entry.vectors, entry) for entry in entries)
    elsewhere = catalog.shards_everywhere() - {row.sha256 for row in rows}  # of spaces that are not live
    entries = (*(entry for entry in ledger.entries if entry.vectors in elsewhere), *entries)
    if entries != ledger.entries:
        ledger = replace(ledger, entries=entries)
        write_ledger(folder, ledger)
    tidy(folder, catalog)
    return ledger


def tidy(folder: Path, catalog: Catalog) -> None:
    """Forget shards that the catalog does not name in any of its spaces, and free the files that nothing names."""
    if not (folder / FOLDER).is_dir():
        return
    ledger = known(folder)
    if ledger is not None:
        served = catalog.shards_everywhere()
        kept = tuple(entry for entry in ledger.entries if entry.vectors in served)
        if kept != ledger.entries:
            ledger = replace(ledger, entries=kept)
            write_ledger(folder, ledger)
    unlink(folder, _unnamed(folder, ledger))


def wrong(folder: Path, rows: Sequence[Row]) -> list[str]:
    """What is wrong with how a library is searched, one sentence each; searching is exact wherever something is."""
    try:
        ledger = read_ledger(folder)
    except Damaged as damaged:
        return [str(damaged)]
    if ledger is None:
        return []
    found = [f"{folder / one.path} is lost or damaged" for one in ledger.given if not is_there(folder, one)]
    pairs = ((row, ledger.entry(row.sha256)) for row in rows)
    return found + [problem for row, entry in pairs if entry is not None and (problem := _harm(folder, row, entry))]


def mend(folder: Path, catalog: Catalog) -> list[str]:
    """Build again what is damaged; a record that nobody can read goes, and with it what was asked."""
    try:
        ledger = read_ledger(folder)
    except Damaged:
        remove(folder / FILE)
        tidy(folder, catalog)
        return [f"removed {FILE}, which cannot be read: the search is exact until `hearsee index --recall` is run"]
    if ledger is None:
        return []
    given = tuple(one for one in ledger.given if is_there(folder, one))
    if given != ledger.given:
        write_ledger(folder, replace(ledger, given=given))
    before = {entry.path for entry in ledger.entries}
    after = catch_up(folder, catalog)
    new = [entry for entry in (after.entries if after else ()) if entry.path not in before]
    lost = [f"forgot queries that were given, {one.path}, which are lost" for one in ledger.given if one not in given]
    return lost + [f"built {entry.path or 'a shard'} again, for the {entry.modality} shard" for entry in new]


def _harm(folder: Path, row: Row, entry: Entry) -> str | None:
    if entry.path is None or entry.sha256 is None:
        return None
    try:
        look_over(folder, entry.path, entry.sha256, row.rows, row.dim, row.sha256)
    except Damaged as damaged:
        return str(damaged)
    return None


def _sound(folder: Path, row: Row, entry: Entry) -> Entry:
    """The entry, unless its file is damaged, or of another FAISS: then it is built again."""
    problem = _harm(folder, row, entry)
    if problem is None:
        return entry
    log.warning("%s", problem)
    return _unknown(row)


def left_over(folder: Path) -> list[str]:
    """Files of shards that were never served; harmless, the next writer removes them."""
    try:
        ledger = read_ledger(folder)
    except Damaged:
        return []
    return _unnamed(folder, ledger)


def _unnamed(folder: Path, ledger: Ledger | None) -> list[str]:
    if not (folder / FOLDER).is_dir():
        return []
    named = ledger.paths if ledger is not None else set()
    there = (f"{FOLDER}/{path.name}" for path in (folder / FOLDER).iterdir())
    return sorted(path for path in there if path not in named)


def _unknown(row: Row) -> Entry:
    return Entry(row.modality, row.sha256, row.rows, Kind.EXACT, "", 4 * row.dim)
