"""Tables of paths and texts: each row gives a media item, text items, or both in one group."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.item import local_path
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.indexer.corpus.addresses import listed, shown
from hearsee.indexer.corpus.entries import Entry, Rejected, sound_text, why
from hearsee.indexer.corpus.files import modality_by_bytes, modality_by_name, read_file
from hearsee.indexer.corpus.remote import remote_entry
from hearsee.indexer.corpus.rows import READERS, Row

PATH_COLUMNS = ("path", "uri", "url", "file", "filename", "filepath", "file_name", "file_path")
IMAGE_COLUMNS = ("image", "image_path", "image_file")
AUDIO_COLUMNS = ("audio", "audio_path", "audio_file", "sound")
TEXT_COLUMNS = ("text", "caption", "captions", "title", "description", "sentence")

SHOWN_COLUMNS, SHOWN_CHARACTERS = 12, 40  # of a table that says nothing: its names may be any bytes
CACHED_COLUMNS = 64  # a row of more is looked through anew


@dataclass(frozen=True)
class Columns:
    """Columns that the user named; none: the usual names are looked for, row by row."""

    path: str | None = None
    text: str | None = None


def is_table(path: Path) -> bool:
    return path.suffix.lower() in READERS


def table_entries(path: Path, columns: Columns, limits: Limits, url: str | None = None) -> Iterator[Entry | Rejected]:
    """A path column AND a text column give the media item (captioned) and a text item, in one group.

    `url` is where the table really lies, when the path is only a copy of it.
    Rows with the same path give its item once, from the first of them; their texts all become items of its group.
    """
    table = _Table(path, columns, limits, set(), url)
    rows = READERS[path.suffix.lower()](path, limits)
    number = 0
    while True:
        number += 1
        try:
            row = next(rows, None)
        except (BadInput, OSError, UnicodeError) as error:
            reason = why(error) if isinstance(error, OSError) else str(error)
            yield Rejected(shown(url) if url else path.as_uri(), reason, unseen=True, partial=True)
            return
        if row is None:
            return
        if isinstance(row, str):  # which items it was meant for is unknown: none may be taken for gone
            yield Rejected(table.uri(f"row-{number}"), row, partial=True)
        else:
            yield from table.row(row, number)


def text_column(row: Row, named: str | None) -> str | None:
    return named if named is not None else _column(row, TEXT_COLUMNS)


@dataclass(frozen=True)
class _Table:
    path: Path
    columns: Columns
    limits: Limits
    seen: set[int]  # hashes of URIs that were yielded: 8 bytes of them, not the names
    url: str | None = None

    def uri(self, key: str) -> str:
        return f"{self._uri}#{quote(sound_text(key), safe='')}"

    @cached_property
    def _uri(self) -> str:
        return shown(self.url) if self.url else self.path.as_uri()

    @cached_property
    def _folder(self) -> str:
        return str(self.path.parent)

    def row(self, row: Row, number: int) -> Iterator[Entry | Rejected]:
        key = self._key(row, number)
        media, texts = self._media_columns(row), text_column(row, self.columns.text)
        words = _texts(row.get(texts)) if texts else []
        if not media and not words:
            known = ", ".join(name[:SHOWN_CHARACTERS] for name in sorted(row)[:SHOWN_COLUMNS]) or "nothing"
            yield Rejected(self.uri(key), f"a row with no path and no text: it has {known}; name its columns")
            return
        used = {*media, texts, "group", "modality"}
        metadata = {name: _clean(value) for name, value in row.items() if name not in used}
        given = row.get("modality")
        # A refusal has a name of its own: under the row's it would drop the row's text, in turns with it.
        found = [self._media(row[name], _modality(given, name), f"{key}.{name}" if words else key) for name in media]
        group = _text_or_none(row.get("group"))
        if group is None and len(words) + len(found) > 1:
            group = found[0].uri if found else self.uri(key)
        for one in found:
            if not isinstance(one, Entry):
                yield one
            elif self._is_new(one.uri):
                caption = words[0] if words else None
                yield replace(one, caption=caption, group=group, metadata=metadata)
        for place, text in enumerate(words):
            uri = self.uri(key if place == 0 else f"{key}.{place + 1}")
            yield Entry(uri, Modality.TEXT, text.encode, None, text, group, metadata)

    def _key(self, row: Row, number: int) -> str:
        """The row's id, or its number; an id that was there before gets the number appended."""
        given = row.get("id")
        if not isinstance(given, str | int) or isinstance(given, bool) or given == "":
            return str(number)
        return str(given) if self._is_new(f"#{given}") else f"{given}.row-{number}"

    def _is_new(self, uri: str) -> bool:
        mark = hash_of(uri)
        if mark in self.seen:
            return False
        self.seen.add(mark)
        return True

    def _media_columns(self, row: Row) -> list[str]:
        if self.columns.path is not None:
            return [self.columns.path] if row.get(self.columns.path) is not None else []
        if (general := _column(row, PATH_COLUMNS)) is not None:
            return [general]
        both = (_column(row, IMAGE_COLUMNS), _column(row, AUDIO_COLUMNS))
        return [name for name in both if name is not None]

    def _media(self, value: Any, modality: Modality | str | None, key: str) -> Entry | Rejected:
        if not isinstance(value, str) or not value or "\0" in value:
            kind = "bytes inside the table: write them to files" if isinstance(value, dict) else f"{value!r:.60}"
            return Rejected(self.uri(key), f"its path must be the name of a file, not {kind}")
        if (url := listed(value, self.url)) is not None:
            if isinstance(modality, str) and not isinstance(modality, Modality):
                return Rejected(sound_text(shown(url)), modality)
            return remote_entry(url, modality, self.url, self.limits)
        place = local_path(value) if "://" in value else Path(os.path.normpath(os.path.join(self._folder, value)))  # noqa: PTH118
        if place is None or not place.is_absolute():
            return Rejected(self.uri(key), f"{value!r:.60} is not the name of a file")
        if isinstance(modality, str) and not isinstance(modality, Modality):
            return Rejected(place.as_uri(), modality)
        try:
            found = modality or modality_by_name(place.name) or modality_by_bytes(place, self.limits)
        except BadMedia as error:
            return Rejected(place.as_uri(), str(error))
        except OSError as error:
            return Rejected(place.as_uri(), why(error), unseen=True)
        if found is None:
            return Rejected(place.as_uri(), "neither its name nor its bytes say what it is: add a modality column")
        return Entry(place.as_uri(), found, partial(read_file, place, self.limits))


def hash_of(text: str) -> int:
    """Eight bytes that stand for a name where millions are remembered."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _column(row: Row, names: tuple[str, ...]) -> str | None:
    among = _among if len(row) <= CACHED_COLUMNS else _among.__wrapped__
    return next((name for name in among(tuple(row), names) if row[name] not in (None, "")), None)


@lru_cache(maxsize=32)  # the rows of a table have few different sets of columns
def _among(columns: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that have one of the names, in the order of the names; case does not matter."""
    lowered = {column.lower(): column for column in reversed(columns)}
    return tuple(lowered[name] for name in names if name in lowered)


def _modality(given: Any, column: str) -> Modality | str | None:
    """The modality of a row's media, none when it must be found out; a plain str says what is wrong with it."""
    if given is not None:
        try:
            return Modality.named(str(given))
        except BadInput as error:
            return str(error)
    if column.lower() in IMAGE_COLUMNS:
        return Modality.IMAGE
    return Modality.AUDIO if column.lower() in AUDIO_COLUMNS else None


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [sound_text(str(one)) for one in values if one is not None and not isinstance(one, dict | list)]


def _text_or_none(value: Any) -> str | None:
    return sound_text(str(value)) if isinstance(value, str | int | float) and value != "" else None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return sound_text(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, Mapping):
        return {sound_text(str(name)): _clean(one) for name, one in value.items()}
    return value
