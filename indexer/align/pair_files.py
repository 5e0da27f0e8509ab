"""Pairs out of a table of paths, texts and groups: its media are read once, into a small library beside the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from hearsee.core.errors import BadInput, NotFound
from hearsee.core.settings import Settings
from hearsee.core.space import load_space
from hearsee.indexer.align.data import Table
from hearsee.indexer.align.gathered import first, meet
from hearsee.indexer.align.tables import library_table
from hearsee.indexer.corpus import open_source
from hearsee.indexer.corpus.tables import is_table
from hearsee.indexer.files import make_folder
from hearsee.indexer.ingest import Report, ingest
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer

COLUMNS = "a path and a text in each row, and a `group` where rows belong together"


def table_pairs(file: Path, folder: Path, space: str, settings: Settings, say: Callable[[str], None]) -> Table:
    """Backbone vectors of the table's media and texts, through the space's towers; kept in the folder for the next run.

    They are read and refused like those of any library: what cannot be decoded is left out, and counted in the notes.
    Of several processes the first reads, and the others wait.
    """
    if not file.is_file():
        raise NotFound(f"--table {file}: there is no such file")
    if not is_table(file):
        raise BadInput(f"--table {file}: it must be a .csv, .tsv, .jsonl or .parquet with {COLUMNS}")
    place = folder / f"pairs-{sha256(str(file.resolve()).encode()).hexdigest()[:8]}"
    report = _read(file, place, space, settings, say) if first() else None
    meet()
    with Library.open(place) as opened:
        table = library_table(opened)
    if report is None or not report.quarantined:
        return table
    uri, reason = report.reasons[0]
    left_out = f"{report.quarantined:,} rows or files of {file.name} were left out, the first {uri}: {reason}"
    return replace(table, notes=(*table.notes, left_out))


def _read(file: Path, place: Path, space: str, settings: Settings, say: Callable[[str], None]) -> Report:
    source = open_source(str(file), settings.limits)
    make_folder(place.parent)
    told = 0

    def progress(done: int, total: int | None, _: dict[str, int]) -> None:
        nonlocal told
        if done - told >= 1000:
            told = done
            say(f"{file.name}: {done:,}{'' if total is None else f' of {total:,}'} items read")

    with Writer.open(place, space=load_space(space)) as writer:
        report = ingest(writer, [source], writer.space, settings, progress=progress)
    say(f"{file.name}: {report.added + report.updated + report.unchanged:,} items, {report.encoded:,} points encoded")
    if report.quarantined and not report.added + report.updated + report.unchanged:
        uri, reason = report.reasons[0]
        raise BadInput(f"--table {file}: nothing could be read; the first, {uri}: {reason}; it needs {COLUMNS}")
    return report
