"""Sources that lie elsewhere: web addresses, and whatever fsspec has a file system for (the extra `remote`)."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from hearsee.core.errors import BadInput, BadMedia, NotFound
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.indexer.corpus.addresses import STORES, WEB, same_store, scheme_of, shown
from hearsee.indexer.corpus.entries import Entry, Hold, Rejected, free, sound_text, why
from hearsee.indexer.corpus.files import modality_by_name
from hearsee.indexer.corpus.passed import Passed
from hearsee.indexer.corpus.patience import tried
from hearsee.indexer.corpus.stores import opened, read_listed, read_stored, said_by
from hearsee.indexer.corpus.web import TYPED, Trust, blocks, checked, fetch, host_of

SPARE_BYTES = 2**30  # of the disk for temporary files, which a table or tar from elsewhere may not fill
BLOCK_BYTES = 2**20


def read_web(url: str, limits: Limits, trust: Trust, hold: Hold = free) -> bytes:
    """The bytes at a web address, tried again where that may help."""
    return tried(lambda: fetch(url, limits, trust, hold), urlsplit(url).netloc)


def remote_files(url: str, limits: Limits, passed: Passed | None = None) -> list[Entry] | None:
    """What lies below a folder elsewhere, in the order of names; none where the address is a file."""
    if scheme_of(url) in WEB:
        checked(url)  # web servers have no folders
        return None
    files, path = opened(url)
    try:
        if not files.exists(path):
            raise NotFound(f"{shown(url)}: there is no such file or folder")
        if files.isfile(path):
            return None
        found = sorted(files.find(path, detail=True).items())
    except NotFound:
        raise
    except Exception as error:  # each file system has errors of its own
        raise BadInput(f"{shown(url)}: cannot be listed: {said_by(error)}") from None
    inside = f"::{shown(url).partition('::')[2]}" if "::" in url else ""  # of an archive, say
    return list(_below(files, found, path, inside, limits, passed))


def remote_file(url: str, modality: Modality, limits: Limits) -> Entry:
    """A single file that the user named."""
    if scheme_of(url) in WEB:
        return _entry(url, modality, partial(read_web, url, limits, TYPED))
    return _entry(url, modality, partial(read_stored, *opened(url), limits))


def downloaded(url: str) -> Path:
    """A table or tar from elsewhere as a local file, whose folder goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="hearsee-")
    path = Path(folder.name) / (PurePosixPath(urlsplit(url).path).name or "source")
    most = shutil.disk_usage(folder.name).free - SPARE_BYTES
    with contextlib.ExitStack() as undone:
        undone.callback(folder.cleanup)
        try:
            tried(lambda: _copy(url, path, most), urlsplit(url).netloc)
        except FileNotFoundError:
            raise NotFound(f"{shown(url)}: there is no such file or folder") from None
        except BadMedia as error:
            raise BadInput(f"{shown(url)}: {error}") from None
        except OSError as error:
            raise BadInput(f"{shown(url)}: {why(error)}") from None
        undone.pop_all()
    _FOLDERS.append(folder)
    return path


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []  # kept as long as the process


def _copy(url: str, path: Path, most: int) -> None:
    with path.open("wb") as sink:
        if scheme_of(url) in WEB:
            with contextlib.closing(blocks(url, most, TYPED)) as coming:
                for block in coming:
                    sink.write(block)
            return
        files, place = opened(url)
        try:
            with files.open(place, "rb") as source:
                _pour(source, sink, most)
        except (BadMedia, OSError):
            raise
        except Exception as error:  # each file system has errors of its own
            raise OSError(said_by(error)) from None


def _pour(source: Any, sink: IO[bytes], most: int) -> None:
    while block := source.read(BLOCK_BYTES):
        sink.write(block)
        if sink.tell() > most:
            raise BadMedia(
                f"a file of more than {most:,} bytes, for which the disk of {tempfile.gettempdir()} is small"
            )


def remote_entry(url: str, modality: Modality | None, base: str | None, limits: Limits) -> Entry | Rejected:
    """An address that a table lists, as far as a table may: on the web, in an object store where the table is one of
    this machine (its rows may name any file that you can read), or where the table itself lies."""
    name, scheme = sound_text(shown(url)), scheme_of(url)
    far: Callable[[Hold], bytes] = partial(read_listed, url, limits)
    try:
        if scheme in WEB:
            checked(url)
            far = partial(read_web, url, limits, Trust(host=host_of(base) if base else None))
        elif "::" in url or _password(url):
            return Rejected(name, "an address with a password or a second address in it: leave it out")
        elif not (same_store(url, base) if base is not None else scheme in STORES):
            return Rejected(name, f"a table may list web addresses and what lies beside it, not {scheme}://")
    except BadMedia as error:
        return Rejected(name, str(error))
    found = modality or modality_by_name(PurePosixPath(urlsplit(url).path).name)
    if found is None:
        return Rejected(name, "its name does not say what it is: add a modality column")
    return _entry(name, found, far)


def _password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return True


def _entry(url: str, modality: Modality, far: Callable[..., bytes]) -> Entry:
    return Entry(shown(url), modality, far, far=far)


def _below(
    files: Any, found: list[tuple[str, Any]], top: str, inside: str, limits: Limits, passed: Passed | None
) -> Iterator[Entry]:
    for path, known in found:
        below = path[len(top) :] if path.startswith(top) else path
        if any(part.startswith(".") for part in below.split("/") if part):
            continue
        if (modality := modality_by_name(path)) is not None:
            size = known.get("size") if isinstance(known, dict) else None
            far = partial(read_stored, files, path, limits, size=size)
            yield _entry(files.unstrip_protocol(path) + inside, modality, far)
        elif passed is not None:
            passed.note(path)
