"""Object stores and other file systems, through fsspec (the extra `remote`)."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.limits import Limits
from hearsee.indexer.corpus.addresses import scheme_of, shown, without_password
from hearsee.indexer.corpus.entries import Hold, free
from hearsee.indexer.corpus.web import TOTAL_SECONDS

_ONE_AT_A_TIME = threading.Lock()  # file systems that are not made for threads


def opened(url: str) -> tuple[Any, str]:
    """The file system behind an address that the user typed, and the path in it; such may be chained with `::`."""
    if urlsplit(url).password is not None:
        raise BadInput(f"{shown(url)}: an address with a password in it: put keys where their library looks for them")
    try:
        import fsspec
    except ImportError:
        raise BadInput(
            f"{shown(url)}: {scheme_of(url)}:// needs the extra `remote`: pip install 'hearsee[remote]'"
        ) from None
    try:
        files, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise BadInput(f"{shown(url)}: {said_by(error)}: pip install 'hearsee[remote]', or what it names") from None
    except Exception as error:  # each file system has errors of its own
        raise BadInput(f"{shown(url)}: {said_by(error)}") from None
    return files, str(path)


def read_listed(url: str, limits: Limits, hold: Hold = free) -> bytes:
    """The bytes behind an address that a table names: one store, nothing chained to it."""
    try:
        files = _store(scheme_of(url))
        path = files._strip_protocol(url)
    except (ImportError, ValueError) as error:
        raise OSError(f"{said_by(error)}: pip install 'hearsee[remote]', or what it names") from None
    return read_stored(files, path, limits, hold)


def read_stored(files: Any, path: str, limits: Limits, hold: Hold = free, size: int | None = None) -> bytes:
    """The bytes of a file in a store, at the most as many as are allowed; `size`, where a listing told it."""
    if files.async_impl:
        return _read(files, path, limits, hold, size)
    with _ONE_AT_A_TIME:
        return _read(files, path, limits, hold, size)


def _read(files: Any, path: str, limits: Limits, hold: Hold, size: int | None) -> bytes:
    most, held = limits.max_file_bytes, 0
    try:
        if size is None:
            size = _in_time(files, "_info", "info", path)["size"]
        if size is not None and size > most:
            raise BadMedia(f"a file of {size:,} bytes, the limit is {most:,}")
        if size == 0:  # which no range describes
            return b""
        hold(held := size or 0)
        raw: bytes = _in_time(files, "_cat_file", "cat_file", path, start=0, end=most + 1)
    except FileNotFoundError:  # some say nothing but its name
        hold(-held)
        raise OSError("there is no such file") from None
    except (BadMedia, OSError):
        hold(-held)
        raise
    except Exception as error:  # each file system has errors of its own
        hold(-held)
        raise OSError(said_by(error)) from None
    hold(len(raw) - held)
    if len(raw) > most:
        hold(-len(raw))
        raise BadMedia(f"a file of more than {most:,} bytes, which is the limit")
    return raw


def _in_time(files: Any, later: str, now: str, path: str, **given: int) -> Any:
    """Ask a file system, for so long and no longer where it is made to be left waiting."""
    if not files.async_impl:
        return getattr(files, now)(path, **given)
    from fsspec.asyn import sync

    try:
        return sync(files.loop, getattr(files, later), path, timeout=TOTAL_SECONDS, **given)
    except TimeoutError:
        raise OSError(f"not here within {TOTAL_SECONDS:g} s") from None


@lru_cache(maxsize=16)
def _store(scheme: str) -> Any:
    import fsspec

    return fsspec.filesystem(scheme)


def said_by(error: Exception) -> str:
    """What another library says went wrong, in one line, with no password in it."""
    return without_password(" ".join(str(error).split()))[:200] or type(error).__name__
