"""Opening what a user points at, and reading one of its items again."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from hearsee.core.errors import BadInput, BadMedia, NotFound
from hearsee.core.item import local_path
from hearsee.core.media.limits import Limits
from hearsee.indexer.corpus.addresses import is_remote, shown
from hearsee.indexer.corpus.entries import Entry, Rejected, Source, why
from hearsee.indexer.corpus.files import kind_of_place, modality_by_bytes, modality_by_name, read_file
from hearsee.indexer.corpus.folders import folder_entries
from hearsee.indexer.corpus.passed import Passed, said_of
from hearsee.indexer.corpus.remote import downloaded, remote_file, remote_files
from hearsee.indexer.corpus.tables import Columns, is_table, table_entries
from hearsee.indexer.corpus.tars import read_member, tar_entries

TOYBOX_TABLE = "items.jsonl"  # a folder that holds one is read as this table
_FIRST = 3  # rows looked at before a table is taken for one


def open_source(
    source: str, limits: Limits, *, path_column: str | None = None, text_column: str | None = None
) -> Source:
    """Open a folder, a table (.csv .tsv .jsonl .ndjson .parquet), a plain .tar or a single media file.

    It may lie elsewhere: at a web address, or wherever fsspec finds it. Entries come in an order that is the same every
    time. An error here means that nothing was read.
    """
    columns = Columns(path_column, text_column)
    if is_remote(source):
        return _elsewhere(source, columns, limits)
    path, passed = _path_of(source), Passed()
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            table = path / TOYBOX_TABLE
            if not table.is_file():
                entries = _not_empty(folder_entries(path, limits, passed), source, passed)
                return Source(path.as_uri(), entries, again=lambda: folder_entries(path, limits), passed=passed)
            path = table
        elif kind := kind_of_place(mode):
            raise BadInput(f"{source}: {kind}: give a folder, a table, a tar or a media file")
        entries = _not_empty(_file_entries(path, source, columns, limits, passed), source, passed)
        return Source(path.as_uri(), entries, again=_again(path, columns, limits), passed=passed)
    except FileNotFoundError:
        raise NotFound(f"{source}: there is no such file or folder") from None
    except OSError as error:
        raise BadInput(f"{source}: {why(error)}") from None


def read_item(uri: str, limits: Limits) -> bytes:
    """The bytes of an item again: of its file, its tar member, or the text of its table row."""
    path = local_path(uri)
    if path is None:
        raise NotFound(f"{uri}: it lies elsewhere, and what is asked for later is read from local files only")
    base, _, fragment = uri.partition("#")
    try:
        if not fragment:
            return read_file(path, limits)
        if path.suffix.lower() == ".tar":
            return read_member(path, fragment, limits)
        for entry in table_entries(path, Columns(), limits) if is_table(path) else ():
            if entry.uri == uri and isinstance(entry, Entry):
                return entry.read()
    except OSError as error:
        raise NotFound(f"{base}: {why(error)}") from None
    raise NotFound(f"{uri}: no such row any more: index {path} again")


def _elsewhere(url: str, columns: Columns, limits: Limits) -> Source:
    said, passed = shown(url), Passed()
    try:
        found = remote_files(url, limits, passed)
    except BadMedia as error:
        raise BadInput(f"{said}: {error}") from None
    if found is not None:
        return Source(said, _not_empty(iter(found), said, passed), count=len(found), passed=passed)
    first = url.partition("::")[0]  # of a chain, such as zip://names.csv::https://…
    name = Path(urlsplit(first).path or first)
    if is_table(name):
        copy = downloaded(url)
        entries = _checked(table_entries(copy, columns, limits, url), said, said)
        return Source(said, _not_empty(entries, said), again=lambda: table_entries(copy, columns, limits, url))
    if name.suffix.lower() == ".tar":
        copy = downloaded(url)
        entries = _checked(tar_entries(copy, limits, passed), said, copy.as_uri())
        return Source(said, _not_empty(_renamed(entries, copy.as_uri(), said), said, passed), passed=passed)
    modality = modality_by_name(name.name)
    if modality is None:
        known = ".csv .tsv .jsonl .ndjson .parquet .tar, or a picture, sound or text"
        raise BadInput(f"{said}: its name does not say what it is: give {known}")
    return Source(said, iter([remote_file(url, modality, limits)]), count=1)


def _renamed(entries: Iterator[Entry | Rejected], copy: str, url: str) -> Iterator[Entry | Rejected]:
    """Entries of a copy as those of what it is a copy of."""
    for one in entries:
        uri = url + one.uri.removeprefix(copy)
        if isinstance(one, Entry):
            group = one.group if one.group is None or not one.group.startswith(copy) else url + one.group[len(copy) :]
            yield replace(one, uri=uri, group=group)
        else:
            yield replace(one, uri=uri)


def _path_of(source: str) -> Path:
    if "\0" in source or not source:
        raise BadInput(f"{source!r} is not the name of a folder or file")
    if (path := local_path(source)) is not None:
        source = os.fspath(path)
    return Path(os.path.abspath(Path(source).expanduser()))  # noqa: PTH100  links in it stay as the user wrote them


def _file_entries(
    path: Path, source: str, columns: Columns, limits: Limits, passed: Passed
) -> Iterator[Entry | Rejected]:
    ending = path.suffix.lower()
    if is_table(path):
        return _checked(table_entries(path, columns, limits), source, path.as_uri())
    if ending == ".tar":
        return _checked(tar_entries(path, limits, passed), source, path.as_uri())
    try:
        modality = modality_by_name(path.name) or modality_by_bytes(path, limits)
    except BadMedia as error:
        raise BadInput(f"{source}: {error}") from None
    if modality is None:
        more = "unpack it into a plain .tar" if ending in (".gz", ".tgz", ".zip", ".bz2", ".xz", ".zst") else ""
        known = "a folder, .csv .tsv .jsonl .ndjson .parquet .tar, or a picture, sound or text"
        raise BadInput(f"{source}: not something to index: {more or f'give {known}'}")
    return iter([Entry(path.as_uri(), modality, lambda: read_file(path, limits))])


def _again(path: Path, columns: Columns, limits: Limits) -> Callable[[], Iterator[Entry | Rejected]] | None:
    return (lambda: table_entries(path, columns, limits)) if is_table(path) else None  # a tar would be read twice


def _checked(entries: Iterator[Entry | Rejected], source: str, uri: str) -> Iterator[Entry | Rejected]:
    """Fail now, and not as a quarantined row, when the file cannot be read at all or its columns are unknown."""
    first = list(itertools.islice(entries, _FIRST))
    bad = [one for one in first if isinstance(one, Rejected)]
    if bad and bad[0].partial and bad[0].uri == uri and bad[0] is first[0]:
        reason = bad[0].reason
        raise BadInput(reason if reason.startswith("/") else f"{source}: {reason}")
    if bad and len(bad) == len(first) and all("no path and no text" in one.reason for one in bad):
        raise BadInput(f"{source}: {bad[0].reason} (--path-column, --text-column)")
    return itertools.chain(first, entries)


def _not_empty(
    entries: Iterator[Entry | Rejected], source: str, passed: Passed | None = None
) -> Iterator[Entry | Rejected]:
    """An empty source is an error and not a wish to remove all that it ever held."""
    try:
        first = next(entries)
    except StopIteration:
        others = f"; {told}" if passed and (told := said_of(passed)) else ""
        raise NotFound(f"{source}: no pictures, sounds or texts in it; nothing was removed{others}") from None
    return itertools.chain([first], entries)
