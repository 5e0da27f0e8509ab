"""Reading local files that others may have prepared: regular files only, never waiting on a pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from hearsee.core.errors import BadMedia
from hearsee.core.media.limits import Limits
from hearsee.core.media.magic import HEAD_BYTES, modality_of
from hearsee.core.modality import Modality

ENDINGS = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".jpe", ".webp", ".gif", ".bmp", ".tif", ".tiff"), Modality.IMAGE),
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv", ".webm"), Modality.IMAGE),  # found as pictures and as sounds
    **dict.fromkeys((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"), Modality.AUDIO),
    **dict.fromkeys((".txt", ".md"), Modality.TEXT),
}
BLOCK_BYTES = 2**20
_KINDS = (
    (stat.S_ISDIR, "a folder, not a file"),
    (stat.S_ISFIFO, "a named pipe, not a file"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
)


def kind_of_place(mode: int) -> str | None:
    """What stands at a path, when that is not a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((name for test, name in _KINDS if test(mode)), "not a regular file")


def read_file(path: Path, limits: Limits, most: int | None = None) -> bytes:
    """The bytes of a regular file (or its first `most`); BadMedia when it is anything else or larger than allowed."""
    # O_NONBLOCK: opening a pipe that nobody writes to must not wait; checked after opening, so nobody can swap it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(handle, "rb", buffering=0) as file:  # noqa: PTH123  a handle, not a path
        found = os.fstat(handle)
        if kind := kind_of_place(found.st_mode):
            raise BadMedia(kind)
        if most is not None:
            return file.read(most)
        if found.st_size > limits.max_file_bytes:
            raise BadMedia(f"a file of {found.st_size:,} bytes, the limit is {limits.max_file_bytes:,}")
        # A read sets aside as much memory as it asks for, so none asks for the limit; one more byte shows the end.
        raw, most = file.read(found.st_size + 1), limits.max_file_bytes + 1
        while len(raw) != found.st_size and len(raw) < most and (more := file.read(min(BLOCK_BYTES, most - len(raw)))):
            raw += more
    if len(raw) > limits.max_file_bytes:  # it grew meanwhile, or lied about its size as files in /proc do
        raise BadMedia(f"a file of more than {limits.max_file_bytes:,} bytes, which is the limit")
    return raw


def modality_by_name(name: str) -> Modality | None:
    return ENDINGS.get(PurePosixPath(name).suffix.lower())


def modality_by_bytes(path: Path, limits: Limits) -> Modality | None:
    return modality_of(read_file(path, limits, most=HEAD_BYTES))
