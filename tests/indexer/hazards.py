"""Files that wish us ill, made by code: each a name, its bytes, and whether it must be refused."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from tests.films import film
from tests.indexer.film_hazards import film_bombs

PICTURES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "tif": "TIFF", "bmp": "BMP"}
SOUNDS = {
    "wav": ("WAV", None),
    "flac": ("FLAC", None),
    "mp3": ("MP3", None),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "aiff": ("AIFF", None),
}
ENDINGS = (*PICTURES, *SOUNDS)
RATE = 24_000


@dataclass(frozen=True)
class Hazard:
    name: bytes
    raw: bytes
    refused: bool = True  # else damage that a decoder may well not notice


class Payload:
    """What a pickle would run if anybody were to load it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


@cache
def picture(name: str, side: int = 160) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, name)
    return out.getvalue()


@cache
def sound(name: str, subtype: str | None, seconds: float = 1.5) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.4, 0.4, int(RATE * seconds)).astype(np.float32)
    soundfile.write(out, noise, RATE, format=name, subtype=subtype)
    return out.getvalue()


@cache
def whole(ending: str) -> bytes:
    return picture(PICTURES[ending]) if ending in PICTURES else sound(*SOUNDS[ending])


def damaged(each: int, seed: int = 1) -> Iterator[Hazard]:
    """Every format, cut short and with flipped bits."""
    random = np.random.default_rng(seed)
    for ending in ENDINGS:
        raw = whole(ending)
        for n in range(each):
            cut = int(random.integers(1, int(len(raw) * 0.95)))
            yield Hazard(f"cut-{n}.{ending}".encode(), raw[:cut])
            flipped = np.frombuffer(raw, np.uint8).copy()
            reach = len(raw) if n % 2 else min(len(raw), 200)  # every other one where the headers are
            places = random.integers(0, reach, 1 + n % 8)
            flipped[places] ^= (1 << random.integers(0, 8, len(places))).astype(np.uint8)
            yield Hazard(f"flipped-{n}.{ending}".encode(), flipped.tobytes(), refused=False)
    yield from _damaged_films(each, random)


def _damaged_films(each: int, random: np.random.Generator) -> Iterator[Hazard]:
    for kind, ending in (("mp4", "mp4"), ("webm", "webm"), ("matroska", "mkv")):
        raw = film(kind, seconds_each=0.5)
        for n in range(each // 3):
            yield Hazard(f"cut-{n}.{ending}".encode(), raw[: int(len(raw) * random.uniform(0, 0.6))], refused=False)
            flipped = np.frombuffer(raw, np.uint8).copy()
            flipped[random.integers(0, len(raw), 1 + n % 8)] ^= 1 << n % 8
            yield Hazard(f"flipped-{n}.{ending}".encode(), flipped.tobytes(), refused=False)


def disguised(canary: str) -> Iterator[Hazard]:
    """Other kinds of files under the names of media."""
    html = b"<!DOCTYPE html><script>fetch('http://127.0.0.1/')</script>"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    xml = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    kinds = {
        "html": html,
        "svg": svg,
        "entities": xml,
        "pickle": pickle.dumps(Payload(canary)),
        "zip": b"PK\x03\x04" + bytes(60),
        "gzip": gzip.compress(b"x" * 10_000),
        "pdf": b"%PDF-1.7\n1 0 obj <</S /JavaScript>>",
        "program": b"\x7fELF" + bytes(200),
        "script": b"#!/bin/sh\nrm -rf /\n",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "noise": np.random.default_rng(5).bytes(3_000),
        "empty": b"",
        "zeros": bytes(5_000),
    }
    for kind, raw in kinds.items():
        for ending in ENDINGS:
            yield Hazard(f"{kind}.{ending}".encode(), raw)
    for ending in ENDINGS:  # pictures under the names of sounds, and the other way round
        other = whole("flac" if ending in PICTURES else "png")
        yield Hazard(f"swapped.{ending}".encode(), other)


def bombs() -> Iterator[Hazard]:
    """Small files that open into gigabytes, or say that they do."""
    for side in (8_000, 20_000, 30_000, 65_000):
        yield Hazard(f"bomb-{side}.png".encode(), png(side, side, rows=min(side, 16_000)))
        yield Hazard(f"said-{side}.png".encode(), png(side, side, rows=1))
        yield Hazard(f"said-{side}.gif".encode(), b"GIF89a" + struct.pack("<HH", side, side) + whole("gif")[10:])
        yield Hazard(f"said-{side}.bmp".encode(), _bmp(side))
        yield Hazard(f"said-{side}.jpg".encode(), _jpeg(side))
    yield Hazard(b"long-names.png", png(10, 10, rows=10, extra=_text_bomb(b"zTXt")))
    yield Hazard(b"profile.png", png(10, 10, rows=10, extra=_text_bomb(b"iCCP")), refused=False)
    yield Hazard(b"said-16383.webp", _webp(16_383))
    yield Hazard(b"said.tif", _tiff(60_000))
    for hours in (1, 10, 1_000):
        yield Hazard(f"{hours}-hours.flac".encode(), flac_of(RATE * 3600 * hours))
    yield Hazard(b"silence-10-hours.flac", silence(10.0))
    raw = bytearray(whole("wav"))
    raw[40:44] = struct.pack("<I", 0x7FFFFFF0)
    yield Hazard(b"promises-2-GB.wav", bytes(raw))
    raw[22:24] = struct.pack("<H", 1_000)
    yield Hazard(b"a-thousand-channels.wav", bytes(raw))
    raw[22:28] = struct.pack("<HI", 1, 0xFFFFFFFF)
    yield Hazard(b"four-gigahertz.wav", bytes(raw))
    yield from (Hazard(*one) for one in film_bombs())


def texts() -> Iterator[Hazard]:
    yield Hazard(b"zero.txt", b"one\0two")
    yield Hazard(b"blank.txt", b" \n\t")
    yield Hazard(b"endless.md", b"word " * 300_000)
    yield Hazard(b"half-a-pair.txt", b"\xff\xfe\x00\xd8")
    yield Hazard(b"neither.txt", b"\x81\x8d\xff")
    yield Hazard(b"picture.txt", whole("png"))
    yield Hazard(b"no-bytes.txt", b"")


def names(limit: int = 255) -> list[bytes]:
    """Names that have broken programs; all of them may stand in a folder."""
    plain = [
        *('quo"te', "apos'trophe", "back`tick", "new\nline", "return\r", "tab\t", "percent%2e%2e%2f", "hash#mark"),
        *("what?", "semi;colon", "dollar$(id)", "-rf", "--help", "star*", "amp&", "<b>bold<b>", "back\\slash", "a..b"),
        *(
            "dots...",
            "bell\a",
            "escape\x1b[2J",
            "\u202egnp.exe",
            "ünïcödé",
            "e\u0301",
            "🦉",
            "日本語",
            "space ",
            " space",
        ),
        *("colon:8000", "file:", "http:", "null\u2400", "'; DROP TABLE items; --", "{0}", "%s%n", "con", "aux"),
    ]
    raw = (b"latin-\xe9", b"\xff\xfe", b"half\xc3", b"over\xc0\xaf", b"sur\xed\xa0\x80rogate")
    return [*(name.encode() for name in plain), *raw, b"x" * (limit - 4)]


def png(width: int, height: int, rows: int, extra: bytes = b"") -> bytes:
    """Black, of one bit a pixel; with fewer rows than it says it is cut short."""
    packer = zlib.compressobj(9)
    line = bytes(1 + -(-width // 8))
    body = b"".join(packer.compress(line) for _ in range(rows)) + packer.flush()
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


@cache
def flac_of(frames: int) -> bytes:
    """A second of FLAC whose header promises more."""
    raw = bytearray(whole("flac"))
    raw[21] = raw[21] & 0xF0 | frames >> 32 & 0xF
    raw[22:26] = struct.pack(">I", frames & 0xFFFFFFFF)
    return bytes(raw)


@cache
def silence(hours: float) -> bytes:
    """Real FLAC of hours of nothing: a few hundred kilobytes."""
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", 8_000, 1, format="FLAC") as file:
        for _ in range(round(hours * 6)):
            file.write(np.zeros(8_000 * 600, np.int16))
    return out.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _text_bomb(kind: bytes) -> bytes:
    packed = zlib.compress(bytes(200 * 2**20), 9)
    return _chunk(kind, b"name\0\0" + packed)


def _bmp(side: int) -> bytes:
    return (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 154, 0, 0, 54, 40, side, side, 1, 24, 0, 100, 0, 0, 0, 0) + bytes(100)
    )


def _jpeg(side: int) -> bytes:
    raw = bytearray(whole("jpg"))
    at = raw.index(b"\xff\xc0")
    raw[at + 5 : at + 9] = struct.pack(">HH", side, side)
    return bytes(raw)


def _webp(side: int) -> bytes:
    size = (side - 1) | (side - 1) << 14
    body = b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", size) + b"\0"
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _tiff(side: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (20, 20)).save(out, "TIFF")
    raw = bytearray(out.getvalue())
    at = struct.unpack_from("<I", raw, 4)[0]
    for entry in range(struct.unpack_from("<H", raw, at)[0]):
        tag, kind = struct.unpack_from("<HH", raw, at + 2 + 12 * entry)
        if tag in (256, 257):  # width and height
            struct.pack_into("<HHII", raw, at + 2 + 12 * entry, tag, 4, 1, side)
            assert kind in (3, 4)
    return bytes(raw)
