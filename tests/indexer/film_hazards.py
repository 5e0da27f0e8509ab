"""Films that wish us ill: hours and pixels that are only promised, thousands of tracks, boxes within boxes."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.films import film

FTYP = b"\0\0\0\x18ftypisom\0\0\2\0isommp41"
TEN_HOURS_MS = 36_000_000


def film_bombs() -> Iterator[tuple[bytes, bytes, bool]]:
    """Name, bytes, and whether it must be refused."""
    for kind, ending in (("matroska", "mkv"), ("webm", "webm")):
        yield f"10-hours.{ending}".encode(), _long(film(kind, seconds_each=0.5)), True
    yield b"10-hours.mp4", _long_mp4(film(seconds_each=0.5)), False  # FFmpeg believes the frames that are there
    yield b"65500-wide.mp4", _wide(film(seconds_each=0.5)), False  # and what its coding says of its size
    yield b"huge-frames.webm", _huge_frames(film("webm", seconds_each=0.5, sound=False)), True
    yield b"3000-tracks.mp4", _tracks(film(seconds_each=0.25, sound=False), 3_000), True
    yield b"nested.mp4", FTYP + b"".join(struct.pack(">I", 8 * (20_000 - n)) + b"moov" for n in range(20_000)), True
    yield b"zeros-behind.mp4", FTYP + bytes(3_000_000), True
    yield b"only-a-head.mkv", film("matroska", seconds_each=0.5)[:60], True


def _long(raw: bytes) -> bytes:
    """Matroska's Duration, a float of eight bytes."""
    at = raw.index(b"\x44\x89\x88") + 3
    return raw[:at] + struct.pack(">d", TEN_HOURS_MS) + raw[at + 8 :]


def _long_mp4(raw: bytes) -> bytes:
    out = bytearray(raw)
    for kind, off in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        at = -1
        while (at := out.find(kind, at + 1)) >= 0:
            struct.pack_into(">I", out, at + off, TEN_HOURS_MS)
    return bytes(out)


def _wide(raw: bytes) -> bytes:
    out = bytearray(raw)
    struct.pack_into(">HH", out, out.index(b"avc1") + 28, 65_500, 65_500)
    struct.pack_into(">II", out, out.index(b"tkhd") + 80, 65_500 << 16, 65_500 << 16)
    return bytes(out)


def _huge_frames(raw: bytes) -> bytes:
    """VP8 whose first frame says that it is of 16,383 x 16,383."""
    at = raw.index(b"\x9d\x01\x2a") + 3
    return raw[:at] + struct.pack("<HH", 16_383, 16_383) + raw[at + 4 :]


def _tracks(raw: bytes, count: int) -> bytes:
    at, moov = raw.index(b"trak") - 4, raw.index(b"moov") - 4
    size = struct.unpack_from(">I", raw, at)[0]
    out = bytearray(raw[:at] + raw[at : at + size] * count + raw[at + size :])
    struct.pack_into(">I", out, moov, struct.unpack_from(">I", raw, moov)[0] + size * (count - 1))
    return bytes(out)
