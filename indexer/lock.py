"""Who may write, and when files may go: two advisory locks that die with the process that holds them."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from hearsee.core.errors import Busy, HearseeError

WRITER = "writer.lock"
OPENING = "opening.lock"


class WriterLock:
    """One writer at a time; the file holds its process id for whoever comes second."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self:
        descriptor = _made(folder / WRITER)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise Busy(
                f"library {folder} is being written by process {holder}: wait until it has finished, then run again"
            ) from None
        _note(descriptor, f"{os.getpid()}\n")
        return cls(descriptor)

    def release(self) -> None:
        """The file stays: removing it would let two writers hold two files of one name."""
        if self._descriptor >= 0:
            _note(self._descriptor, "")
            os.close(self._descriptor)
            self._descriptor = -1


def _made(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise HearseeError(
            f"{path}: cannot be opened for writing ({error.strerror}): "
            "check the disk and the permissions of its folder, then run again"
        ) from error


def _note(descriptor: int, text: str) -> None:
    """Say who holds the lock, as well as the disk allows: the lock itself is the kernel's."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


@contextmanager
def opening(folder: Path) -> Iterator[None]:
    """Held by a reader while it loads the files of a snapshot, so that none is unlinked under it."""
    try:
        descriptor = os.open(
            folder / OPENING, os.O_RDONLY | os.O_CLOEXEC
        )  # made by the first writer, never by a reader
    except OSError:  # an old or read-only copy: nobody compacts it
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def unlinking(folder: Path, wait_seconds: float) -> Iterator[bool]:
    """Held while files are unlinked; yields False when readers kept loading for longer than the wait."""
    descriptor = _made(folder / OPENING)
    try:
        yield _exclusive(descriptor, time.monotonic() + wait_seconds)
    finally:
        os.close(descriptor)


def _exclusive(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
