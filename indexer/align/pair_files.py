"""Pairs out of a table of paths, texts and groups: its media are read once, into a small library beside the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from hearsee.core.errors import BadInput, NotFound
from hearsee.core.settings import Settings
from hearsee.core.space import load_space
from hearsee.indexer.align.data import Table
from hearsee.indexer.align.gathered import first, meet
from hearsee.indexer.align.tables import library_table
from hearsee.indexer.batch import Commit
from hearsee.indexer.corpus import open_source
from hearsee.indexer.corpus.tables import is_table
from hearsee.indexer.files import make_folder
from hearsee.indexer.ingest import Report, ingest
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer

COLUMNS = "a path and a text in each row, and a `group` where rows belong together"


@dataclass(frozen=True)
class Told:
    """A table as a library of its own."""

    place: Path
    notes: tuple[str, ...]  # what could not be read


def table_pairs(file: Path, folder: Path, space: str, settings: Settings, say: Callable[[str], None]) -> Table:
    """Backbone vectors of the table's media and texts, through the space's towers; kept in the folder for the next run.

    They are read and refused like those of any library: what cannot be decoded is left out, and counted in the notes.
    """
    told = table_library(file, folder, space, settings, say)
    with Library.open(told.place) as opened:
        table = library_table(opened)
    return replace(table, notes=(*table.notes, *told.notes))


def table_library(file: Path, folder: Path, space: str, settings: Settings, say: Callable[[str], None]) -> Told:
    """The table's items, indexed below the folder; of several processes the first reads, and the others wait."""
    if not file.is_file():
        raise NotFound(f"--table {file}: there is no such file")
    if not is_table(file):
        raise BadInput(f"--table {file}: it must be a .csv, .tsv, .jsonl or .parquet with {COLUMNS}")
    place = folder / f"pairs-{sha256(str(file.resolve()).encode()).hexdigest()[:8]}"
    report = _read(file, place, space, settings, say) if first() else None
    meet()
    if report is None or not report.quarantined:
        return Told(place, ())
    uri, reason = report.reasons[0]
    return Told(
        place, (f"{report.quarantined:,} rows or files of {file.name} were left out, the first {uri}: {reason}",)
    )


def _read(file: Path, place: Path, space: str, settings: Settings, say: Callable[[str], None]) -> Report:
    source = open_source(str(file), settings.limits)
    make_folder(place.parent)
    done = 0

    def acknowledged(commit: Commit) -> None:
        nonlocal done
        done += commit.items
        if commit.items:
            say(f"{file.name}: {done:,} items read")

    with Writer.open(place, space=load_space(space)) as writer:
        report = ingest(writer, [source], writer.space, settings, on_commit=acknowledged)
    say(f"{file.name}: {report.added + report.updated + report.unchanged:,} items, {report.encoded:,} points encoded")
    if report.quarantined and not report.added + report.updated + report.unchanged:
        uri, reason = report.reasons[0]
        raise BadInput(f"--table {file}: nothing could be read; the first, {uri}: {reason}; it needs {COLUMNS}")
    return report
