"""Small real films, written by PyAV."""

from __future__ import annotations

import functools
import io
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np

COLOURS = ((230, 20, 20), (20, 200, 20), (20, 20, 230), (230, 230, 20))  # one after the other
RATE = 16_000
FPS = 8
CODERS = {"mp4": ("libx264", "aac"), "webm": ("libvpx", "libopus"), "matroska": ("mpeg4", "flac")}


@functools.cache  # coding on several threads does not give the same bytes each time
def film(
    kind: str = "mp4", *, seconds_each: float = 2.0, sound: bool = True, size: tuple[int, int] = (96, 64),
    hertz: int = 440, colours: tuple[tuple[int, int, int], ...] = COLOURS,
) -> bytes:  # fmt: skip
    """Each colour for some seconds, left half black; with sound, a tone in the second half of the film."""
    out = io.BytesIO()
    seconds = seconds_each * len(colours)
    with cast("Any", av.open(out, "w", format=kind)) as box:
        seen = box.add_stream(CODERS[kind][0], rate=FPS)
        seen.width, seen.height, seen.pix_fmt = *size, "yuv420p"
        heard = (
            box.add_stream(CODERS[kind][1], rate=48_000 if kind == "webm" else RATE, layout="mono") if sound else None
        )
        for number in range(round(seconds * FPS)):
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            picture[:, size[0] // 2 :] = colours[int(number / FPS / seconds_each)]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            box.mux(seen.encode(frame))
        box.mux(seen.encode())
        if heard is not None:
            at = np.arange(round(seconds * RATE)) / RATE
            wave = (np.sin(2 * np.pi * hertz * at) * (at >= seconds / 2) * 12_000).astype(np.int16)
            for start in range(0, len(wave), 960):
                sound_frame = av.AudioFrame.from_ndarray(wave[None, start : start + 960], format="s16", layout="mono")
                sound_frame.sample_rate, sound_frame.pts = RATE, start
                box.mux(heard.encode(sound_frame))
            box.mux(heard.encode())
    return out.getvalue()


def turned(raw: bytes) -> bytes:
    """The same MP4, told to be shown a quarter turn clockwise, as telephones write it."""
    plain = b"\x00\x01\x00\x00" + bytes(12) + b"\x00\x01\x00\x00" + bytes(12) + b"\x40\x00\x00\x00"
    at = raw.index(plain, raw.index(b"tkhd"))
    width = raw[at + 36 : at + 38]
    one, minus = b"\x00\x01\x00\x00", b"\xff\xff\x00\x00"
    matrix = bytes(4) + one + bytes(4) + minus + bytes(8) + bytes(2) + width + bytes(4) + b"\x40\x00\x00\x00"
    return raw[:at] + matrix[:36] + raw[at + 36 :]
