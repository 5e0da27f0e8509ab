"""WebDataset tars: members with one stem are one sample; names are only names and nothing is extracted or unpickled."""

from __future__ import annotations

import functools
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from hearsee.core.errors import BadMedia, NotFound
from hearsee.core.media.limits import Limits
from hearsee.core.media.magic import modality_of
from hearsee.core.modality import Modality
from hearsee.indexer.corpus.entries import Entry, Rejected, sound_text, why
from hearsee.indexer.corpus.files import modality_by_name
from hearsee.indexer.corpus.passed import Passed
from hearsee.indexer.corpus.tables import text_column

_WORDS = (".txt", ".md")
_HEADER_BYTES = 2**20  # of a long name or of a member's further fields, which tarfile reads whole
# What tarfile raises at headers that somebody made up.
_ODD = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, MemoryError)


class _Member(tarfile.TarInfo):
    """A member whose headers are small."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if self.type not in tarfile.SUPPORTED_TYPES or self.type in tarfile.REGULAR_TYPES or self.size <= _HEADER_BYTES:
            return super()._proc_member(tar)  # type: ignore[misc]
        raise tarfile.ReadError(f"a header of {self.size:,} bytes")


@dataclass
class _Sample:
    """Members of one stem, gathered while the tar streams by."""

    key: str
    members: list[tuple[str, bytes]] = field(default_factory=list)


def tar_entries(path: Path, limits: Limits, passed: Passed | None = None) -> Iterator[Entry | Rejected]:
    """Samples of a plain tar, in its order: pictures and sounds, with captions from .txt, fields from .json and .cls.

    Links, devices, sparse members and names that lead out of the tar are refused; any other name only ever becomes
    part of a URI.
    """
    sample: _Sample | None = None
    try:
        size = path.stat().st_size
        with tarfile.open(path, "r|", tarinfo=_Member) as tar:
            while (member := tar.next()) is not None:
                if tar.offset > size + tarfile.BLOCKSIZE:  # else it would read on until there
                    raise tarfile.ReadError(f"a member of {member.size:,} bytes in a file of {size:,}")
                tar.members = []  # type: ignore[attr-defined]  # else it remembers every member it has passed
                if member.isdir():
                    continue
                key = _stem(member.name)
                if sample is not None and sample.key != key:
                    yield from _entries(path, sample, passed)
                    sample = None
                sample = sample or _Sample(key)
                if reason := _refusal(member, limits):
                    yield Rejected(member_uri(path, member.name), reason)
                    continue
                file = tar.extractfile(member)
                sample.members.append((member.name, file.read() if file is not None else b""))
    except (*_ODD, OSError) as error:
        # What was gathered of the last sample may lack members: it waits until the tar is whole.
        reason = (
            why(error) if isinstance(error, OSError) and error.strerror else f"the tar is cut short or damaged: {error}"
        )
        yield Rejected(path.as_uri(), reason, unseen=True, partial=True)
        return
    if sample is not None:
        yield from _entries(path, sample, passed)
    if not _ends_at(path, tar.offset):
        yield Rejected(path.as_uri(), f"the tar breaks off at byte {tar.offset:,}", unseen=True, partial=True)


def _ends_at(path: Path, offset: int) -> bool:
    """Whether the mark for a tar's end is there; tarfile takes any damaged header for the end."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(tarfile.BLOCKSIZE) == tarfile.NUL * tarfile.BLOCKSIZE


def member_uri(path: Path, name: str) -> str:
    return f"{path.as_uri()}#{quote(name.encode('utf-8', 'surrogateescape'))}"


def read_member(path: Path, fragment: str, limits: Limits) -> bytes:
    """The bytes of the member that a URI's fragment names; a tar is scanned once, then remembered."""
    found = os.stat(path)  # noqa: PTH116
    try:
        places = _places(path, found.st_mtime_ns, found.st_size)
    except _ODD as error:
        raise NotFound(f"{path}: the tar cannot be read any more ({error}): index it again") from None
    if fragment not in places:
        raise NotFound(f"{path}: no member {fragment!r}: was the tar written anew? index it again")
    offset, size = places[fragment]
    if size > limits.max_file_bytes:
        raise BadMedia(f"a member of {size:,} bytes, the limit is {limits.max_file_bytes:,}")
    with path.open("rb") as file:
        file.seek(offset)
        raw = file.read(size)
    return sample_text(raw).encode() if fragment.endswith(".json") else raw


@functools.lru_cache(maxsize=4)
def _places(path: Path, mtime_ns: int, size: int) -> dict[str, tuple[int, int]]:  # noqa: ARG001  part of the key
    places = {}
    with tarfile.open(path, "r:", tarinfo=_Member) as tar:
        for member in tar:
            if member.isreg() and not member.issparse():
                places[member_uri(path, member.name).partition("#")[2]] = (member.offset_data, member.size)
    return places


def _stem(name: str) -> str:
    folder, _, last = name.rpartition("/")
    return f"{folder}/{last.lstrip('.').partition('.')[0]}"


def _refusal(member: tarfile.TarInfo, limits: Limits) -> str | None:
    if member.issym() or member.islnk():
        return "a link inside a tar is not followed"
    if not member.isreg():
        return "neither a file nor a folder"
    if member.name.startswith("/") or ".." in member.name.split("/"):
        return "its name leads out of the tar: write the tar anew, with names below one folder"
    if member.issparse():
        return "a sparse member: write the tar without --sparse"
    if member.size > limits.max_file_bytes:
        return f"a member of {member.size:,} bytes, the limit is {limits.max_file_bytes:,}"
    return None


def _entries(path: Path, sample: _Sample, passed: Passed | None) -> Iterator[Entry | Rejected]:
    fields: dict[str, Any] = {}
    media: list[tuple[str, Modality, bytes]] = []
    texts: list[tuple[str, str | None, bytes]] = []  # name, text if it was decoded here, bytes
    for name, raw in sample.members:
        ending = PurePosixPath(name).suffix.lower()
        try:
            if ending == ".json":
                fields |= _json(raw)
                if words := sample_text(raw):
                    texts.append((name, words, words.encode()))
            elif ending == ".cls":
                fields["cls"] = int(raw.decode("ascii").strip())
            elif ending in _WORDS:
                texts.append((name, None, raw))
            elif modality := modality_by_name(name) or modality_of(raw):
                media.append((name, modality, raw))
            elif passed is not None:
                passed.note(name)
        except (ValueError, RecursionError) as error:
            yield Rejected(
                member_uri(path, name), f"cannot be read: {str(error) or type(error).__name__}", partial=True
            )
    yield from _items(path, sample.key, media, texts, fields)


def _items(
    path: Path,
    key: str,
    media: list[tuple[str, Modality, bytes]],
    texts: list[tuple[str, str | None, bytes]],
    fields: dict[str, Any],
) -> Iterator[Entry]:
    given = fields.pop("group", None)
    group = str(given) if isinstance(given, str | int) else None
    if group is None and len(media) + len(texts) > 1:
        group = member_uri(path, key.removeprefix("/"))
    for column in [name for name in [text_column(fields, None)] if name is not None]:
        del fields[column]
    caption = next((text or raw.decode("utf-8", "replace").strip() for _, text, raw in texts), None)
    for name, modality, raw in media:
        yield Entry(member_uri(path, name), modality, _held(raw), caption, None, group, fields)
    for name, text, raw in texts:
        yield Entry(member_uri(path, name), Modality.TEXT, _held(raw), None, text, group, fields)


def _held(raw: bytes) -> Any:
    return lambda: raw


def _json(raw: bytes) -> dict[str, Any]:
    found = json.loads(raw, parse_constant=lambda _: None)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def sample_text(raw: bytes) -> str:
    """The text that a sample's .json holds, under one of the usual names; empty when there is none."""
    fields = _json(raw)
    column = text_column(fields, None)
    value = fields[column] if column is not None else ""
    value = value[0] if isinstance(value, list) and value else value
    return sound_text(value) if isinstance(value, str) else ""
