"""A few small files that are the same on every machine: what towers, and the decoders before them, are held against."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality

TEXTS = ("Two small bells far away, and a dog barks once in the rain.", "Ein ROTES Fahrrad, 3 × naß: où?")
SAMPLES = Path(__file__).with_name("samples")  # coded once, as another release of a library would code them otherwise


def canonical_inputs(modality: Modality) -> list[bytes]:
    """The bytes of a few files, the same on every machine; the coded ones show when a codec begins to decode anew."""
    if modality is Modality.IMAGE:
        # For towers that see about 96 pixels, about 224 and more, and for colours, crops and JPEG, drafted or whole.
        return [_png(_waves(199, 301, 7.5)), _png(_waves(280, 350, 3.1)), (SAMPLES / "blocks.jpg").read_bytes()]
    if modality is Modality.AUDIO:
        return [(SAMPLES / name).read_bytes() for name in ("sweep.ogg", "clicks.mp3")]
    return [text.encode() for text in TEXTS]


def write_samples(folder: Path) -> None:
    """Code the samples anew: only together with another `FORMAT` of golden vectors."""
    import soundfile
    from PIL import Image

    blocks = _blocks(228, 224).repeat(4, axis=0).repeat(4, axis=1)
    Image.fromarray(blocks).save(folder / "blocks.jpg", "JPEG", quality=70)
    soundfile.write(folder / "sweep.ogg", _sweep(44_100, 2.5), 44_100, format="OGG", compression_level=0.9)
    clicks = _clicks(16_000, 1.25)
    soundfile.write(folder / "clicks.mp3", clicks, 16_000, format="MP3", compression_level=0.7)


def _waves(height: int, width: int, period: float) -> NDArray[np.uint8]:
    """Waves down, across and aslant, a channel each: nearly as fine as what a tower still sees, so filters show."""
    y, x = np.mgrid[:height, :width]
    down, across, aslant = (np.sin(2 * np.pi * at / period) for at in (0.93 * y, x, (x + y) / np.sqrt(2)))
    return np.rint(127.5 + 127 * np.stack([across, down, aslant], axis=2)).astype(np.uint8)


def _blocks(height: int, width: int) -> NDArray[np.uint8]:
    """Large areas of colour with a gradient in each."""
    y, x = np.mgrid[:height, :width]
    place = (x // 56 + 3 * (y // 44)) % 6
    return np.stack(
        [(place * 51 + x // 4) % 256, (place * 97 + y // 2) % 256, (255 - place * 40) % 256], axis=2
    ).astype(np.uint8)


def _sweep(rate: int, seconds: float) -> NDArray[np.int16]:
    """Two channels: a rising tone, and a chord that fades."""
    at = np.arange(int(rate * seconds)) / rate
    rising = np.sin(2 * np.pi * (120 * at + 900 * at * at))
    chord = sum(np.sin(2 * np.pi * tone * at) for tone in (220, 277, 660)) / 3 * np.exp(-at)
    samples: NDArray[np.int16] = np.rint(12_000 * np.stack([rising, chord], axis=1)).astype(np.int16)
    return samples


def _clicks(rate: int, seconds: float) -> NDArray[np.int16]:
    """One channel: clicks over a low hum."""
    at = np.arange(int(rate * seconds))
    samples = 9_000 * (at % 1_333 < 40) + 3_000 * np.sin(2 * np.pi * 90 * at / rate)
    return np.asarray(np.rint(samples)[:, None], np.int16)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)  # each with the filter "none"

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 1)) + chunk(b"IEND", b"")
