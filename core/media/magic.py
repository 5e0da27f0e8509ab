"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from hearsee.core.modality import Modality

PICTURES = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
SOUNDS = ("WAV", "FLAC", "OGG", "MP3", "AIFF")
FILMS = ("MP4", "WEBM", "MKV")  # pictures that move, often with a sound track: the extra `video` reads them
HEAD_BYTES = 512

_STILLS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIC picture"),
    **dict.fromkeys((b"avif", b"avis"), "an AVIF picture"),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P "), "an M4A sound"),
}

_INSTEAD = {
    "a HEIC picture": "JPEG, PNG or WebP",
    "an AVIF picture": "JPEG, PNG or WebP",
    "an M4A sound": "FLAC, Ogg or MP3",
    "an AVI film": "MP4, MKV or WebM",
}

_BMP_HEADERS = tuple(bytes((size, 0, 0, 0)) for size in (12, 40, 108, 124))  # the header sizes there are
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"fLaC", "FLAC"),
    (b"OggS", "OGG"),
    (b"ID3", "MP3"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\0", "an SQLite database"),
)


def format_of(raw: bytes) -> str | None:
    """The allowed format that these bytes start like, or none."""
    name = _named(raw)
    return name if name in PICTURES or name in SOUNDS or name in FILMS else None


def is_film(raw: bytes) -> bool:
    return _named(raw) in FILMS


def modality_of(raw: bytes) -> Modality | None:
    name = format_of(raw)
    if name is None:
        return None
    return Modality.AUDIO if name in SOUNDS else Modality.IMAGE


def refusal(raw: bytes, wanted: str) -> str:
    """Why these bytes are not taken for what was wanted, "a picture" or "a sound"."""
    name = _named(raw)
    if name in _INSTEAD:
        return f"{name}, a kind that is not read: save it as {_INSTEAD[name]}"
    return f"not {wanted}: {looks_like(raw)}"


def looks_like(raw: bytes) -> str:
    """How to say what these bytes are, in a sentence about what they are not."""
    name = _named(raw)
    if not raw:
        return "it is empty"
    if name is not None:
        return f"it starts like {_a(name)}"
    head = raw[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "it starts like an HTML page"
    if head.startswith((b"<svg", b"<?xml")):
        return "it starts like an SVG or XML file"
    if head.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer: fetch the file itself with `git lfs pull`"
    if not any(raw[:HEAD_BYTES]):
        return "it begins with nothing but zeros, as a copy does that was broken off"
    if raw[:1] == b"\x80" and raw[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return "it starts like a Python pickle, which is never opened"
    if head and all(byte >= 32 or byte in b"\t\r\n\f" for byte in head):
        return "it starts like a text"
    for start, name in _STARTS:
        if len(start) > 3 and sum(a != b for a, b in zip(start, raw, strict=False)) == 1 and len(raw) > len(start):
            return f"its first bytes are damaged, or it is something else: they are nearly those of {_a(name)}"
    return f"its first bytes ({raw[:8].hex(' ')}) are those of no format that is known here"


def _a(name: str) -> str:
    return name if " " in name else f"a file of type {name}"


def _named(raw: bytes) -> str | None:
    for start, name in _STARTS:
        if raw.startswith(start):
            return name
    if raw[:4] == b"RIFF":
        return {b"WAVE": "WAV", b"WEBP": "WEBP", b"AVI ": "an AVI film"}.get(raw[8:12])
    if raw[:4] == b"FORM" and raw[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if raw[4:8] == b"ftyp":
        return _STILLS.get(raw[8:12], "MP4")
    if raw[:4] == b"\x1aE\xdf\xa3":
        return "WEBM" if b"webm" in raw[:64] else "MKV"
    if (
        raw[:2] == b"BM"
        and len(raw) > 18
        and raw[14:18] in (b"\x0c\0\0\0", b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0")
    ):
        return "BMP"
    return "MP3" if _mp3_frame(raw) else None


def _mp3_frame(raw: bytes) -> bool:
    """Eleven bits of sync, then layer III with a bit rate and a sample rate that exist."""
    if len(raw) < 4 or raw[0] != 0xFF or raw[1] & 0xE0 != 0xE0:
        return False
    version, layer, bitrate, rate = raw[1] >> 3 & 3, raw[1] >> 1 & 3, raw[2] >> 4, raw[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3
