"""Sources that lie elsewhere: web addresses, and whatever fsspec has a file system for (the extra `remote`)."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

from hearsee.core.errors import BadInput, BadMedia, NotFound
from hearsee.core.media.limits import Limits
from hearsee.indexer.corpus.entries import Entry, Rejected, sound_text, why
from hearsee.indexer.corpus.files import modality_by_name
from hearsee.indexer.corpus.web import TYPED, Trust, checked, fetch, host_of

WEB = ("http", "https")


def is_remote(name: str) -> bool:
    return "://" in name and urlsplit(name).scheme not in ("", "file")


def scheme_of(url: str) -> str:
    return urlsplit(url).scheme.lower()


def read_remote(url: str, limits: Limits, trust: Trust) -> bytes:
    """The bytes at an address; BadMedia when it is refused or too large, OSError when it cannot be reached."""
    if scheme_of(url) in WEB:
        return fetch(url, limits, trust)
    files, path = _opened(url)
    try:
        size = files.size(path)
        if size is not None and size > limits.max_file_bytes:
            raise BadMedia(f"a file of {size:,} bytes, the limit is {limits.max_file_bytes:,}")
        with files.open(path, "rb") as file:
            raw: bytes = file.read(limits.max_file_bytes + 1)
    except (BadMedia, OSError):
        raise
    except Exception as error:  # each file system has errors of its own
        raise OSError(_short(error)) from None
    if len(raw) > limits.max_file_bytes:
        raise BadMedia(f"a file of more than {limits.max_file_bytes:,} bytes, which is the limit")
    return raw


def remote_files(url: str, limits: Limits) -> Iterator[Entry | Rejected] | None:
    """What lies below a folder elsewhere, in the order of names; none where the address is a file."""
    if scheme_of(url) in WEB:
        checked(url)  # web servers have no folders
        return None
    files, path = _opened(url)
    try:
        if not files.exists(path):
            raise NotFound(f"{url}: there is no such file or folder")
        if files.isfile(path):
            return None
        found = sorted(files.find(path))
    except NotFound:
        raise
    except Exception as error:
        raise BadInput(f"{url}: cannot be listed: {_short(error)}") from None
    return _below(files, found, path, limits)


def downloaded(url: str, limits: Limits) -> Path:
    """A table or tar from elsewhere as a local file, whose folder goes when the process ends."""
    try:
        raw = read_remote(url, limits, TYPED)
    except FileNotFoundError:
        raise NotFound(f"{url}: there is no such file or folder") from None
    except BadMedia as error:
        raise BadInput(f"{url}: {error}") from None
    except OSError as error:
        raise BadInput(f"{url}: {why(error)}") from None
    folder = tempfile.TemporaryDirectory(prefix="hearsee-")
    _FOLDERS.append(folder)
    path = Path(folder.name) / (PurePosixPath(urlsplit(url).path).name or "source")
    path.write_bytes(raw)
    return path


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []  # kept as long as the process


def listed(value: str, base: str | None) -> str | None:
    """The address that a table's cell means: its own, or one below that of the table; none for a local file."""
    if is_remote(value):
        return value
    if base is None:
        return None
    if scheme_of(base) in WEB:
        return urljoin(base, value)
    return base.rpartition("/")[0] + "/" + posixpath.normpath("/" + value).lstrip("/")


def remote_entry(url: str, modality: Any, base: str | None, limits: Limits) -> Entry | Rejected:
    """An address that a table lists, as far as a table may: on the web, or where the table itself lies."""
    name = sound_text(url)
    scheme = scheme_of(url)
    if scheme not in WEB and (base is None or not _same_store(url, base)):
        return Rejected(name, f"a table may list web addresses and what lies beside it, not {scheme}://")
    try:
        if scheme in WEB:
            checked(url)
    except BadMedia as error:
        return Rejected(name, str(error))
    found = modality or modality_by_name(PurePosixPath(urlsplit(url).path).name)
    if found is None:
        return Rejected(name, "its name does not say what it is: add a modality column")
    return Entry(name, found, partial(read_remote, url, limits, Trust(host=host_of(base) if base else None)))


def _same_store(url: str, base: str) -> bool:
    return (scheme_of(url), urlsplit(url).netloc) == (scheme_of(base), urlsplit(base).netloc)


def _below(files: Any, found: list[str], top: str, limits: Limits) -> Iterator[Entry | Rejected]:
    for path in found:
        inside = path[len(top) :] if path.startswith(top) else path
        if any(part.startswith(".") for part in inside.split("/") if part):
            continue
        if (modality := modality_by_name(path)) is not None:
            url = files.unstrip_protocol(path)
            yield Entry(url, modality, partial(read_remote, url, limits, TYPED))


def _opened(url: str) -> tuple[Any, str]:
    """The file system and the path in it."""
    if urlsplit(url).password is not None:
        raise BadInput(f"{scheme_of(url)}://…: an address with a password in it, which the library would keep")
    try:
        import fsspec
    except ImportError:
        raise BadInput(f"{url}: {scheme_of(url)}:// needs the extra `remote`: pip install 'hearsee[remote]'") from None
    try:
        files, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise BadInput(f"{url}: {_short(error)}: pip install 'hearsee[remote]', or what it names") from None
    except ValueError as error:
        raise BadInput(f"{url}: {_short(error)}") from None
    return files, str(path)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
