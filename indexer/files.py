"""Files that are whole or absent: written aside, hashed, made durable, then renamed into place."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hearsee.core.errors import Damaged, HearseeError

BLOCK_BYTES = 1 << 20
TEMPORARY = ".tmp"  # a file ending so was never published; the next writer removes it


@dataclass(frozen=True)
class Published:
    path: str  # relative to the library's folder, with forward slashes
    sha256: str
    bytes: int


class Sink:
    """Where a file's content is written: counts and hashes what passes through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        self._file.write(data)
        self.bytes += memoryview(data).nbytes

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def publish(root: Path, path: str, write: Callable[[Sink], None], mode: int = 0o666) -> Published:
    """Make the file `root/path` durable and only then visible; after any failure nothing was published."""
    target = root / path
    temporary = target.with_name(target.name + TEMPORARY)
    with _plainly(target):
        try:
            sink = _write_aside(temporary, write, mode)
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
    return Published(path, sink.sha256, sink.bytes)


def _write_aside(temporary: Path, write: Callable[[Sink], None], mode: int) -> Sink:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        sink = Sink(file)
        write(sink)
        file.flush()
        os.fsync(file.fileno())  # a failure is final: the kernel may have dropped the pages, so trying again would lie
        size = os.fstat(file.fileno()).st_size
    if size != sink.bytes:
        raise OSError(errno.EIO, f"{size:,} bytes arrived of {sink.bytes:,} written")
    return sink


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and its parents, that survive a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with _plainly(folder):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


@contextmanager
def _plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        todo = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "check the disk"
        raise HearseeError(
            f"{path}: cannot be written ({error.strerror or error}); nothing was published: {todo} and run again"
        ) from error


def blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Say that a file which cannot be read, or not as what it should be, is damaged."""
    try:
        yield
    except FileNotFoundError:
        raise Damaged(f"{path} is missing: run `hearsee verify --repair`") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise MemoryError(f"{path}: no memory to read it into") from error
        raise Damaged(f"{path} cannot be read ({error}): run `hearsee verify --repair`") from error


def check(path: Path, sha256: str, size: int) -> None:
    """Raise Damaged unless the file is byte for byte what was published."""
    with damage(path):
        actual = path.stat().st_size
        if actual != size:
            raise Damaged(f"{path} has {actual:,} bytes instead of {size:,}: run `hearsee verify --repair`")
        digest = hashlib.sha256()
        for block in blocks(path):
            digest.update(block)
        same(path, digest.hexdigest(), sha256)


def same(path: Path, actual: str, expected: str) -> None:
    if actual != expected:
        raise Damaged(f"{path} is damaged (its SHA-256 is not the one recorded): run `hearsee verify --repair`")


def remove(path: Path) -> None:
    """Unlink a file that nothing names any more; one already gone is no news."""
    path.unlink(missing_ok=True)
