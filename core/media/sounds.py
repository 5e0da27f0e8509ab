"""Sounds: allowed formats only, the header's length checked before a sample is decoded, nothing cut short let in."""

from __future__ import annotations

import functools
import io
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, cast

import soundfile

from hearsee.core.errors import BadMedia
from hearsee.core.media.blocks import Blocks, Frames, checked, played
from hearsee.core.media.kinds import Sound
from hearsee.core.media.limits import Limits
from hearsee.core.media.magic import SOUNDS, format_of, refusal
from hearsee.core.media.mpeg import samples_of

MAX_CHANNELS = 8
RATES = range(1_000, 384_001)  # frames a second
MAX_SAMPLES = 2**28  # frames times channels: 1 GiB as float32
MP3_SLACK = 1152  # one MPEG frame: the encoder delay and padding that a header may or may not count
UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)  # what streaming writers leave in a header that they cannot go back to

# What libsndfile says that is not so, or that only its authors understand.
_SAID = {
    "internal error": "its header contradicts itself",
    "File does not exist": "no whole frame of sound is in it",
    "unimplemented format": "its header names a coding that does not exist",
    "decoder lost sync": "some of its frames are damaged",
    "unknown error in flac": "some of its frames are damaged",
    "format but file is malformed": "some of its pages are damaged",
}


def decode_sound(raw: bytes, limits: Limits, blocks: bool = False) -> Sound:
    """Decode all channels at the file's own rate; values beyond full scale are clipped.

    With `blocks` a long sound is decoded while its samples are asked for, and its damage is found then.

    An MP3 without a Xing header does not say how long it is: one cut between frames cannot be told from a whole one.
    """
    name = format_of(raw)
    if name not in SOUNDS:
        raise BadMedia(refusal(raw, "a sound"))
    if name in ("WAV", "AIFF"):
        _check_chunks(raw, name)
    elif name == "OGG":
        _check_last_page(raw)
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            return _samples(file, name, limits, raw if blocks else None, samples_of(raw) if name == "MP3" else None)
    except (BadMedia, MemoryError):
        raise
    except Exception as error:  # hostile bytes can make a decoder raise nearly anything
        said = " ".join(str(getattr(error, "error_string", error)).split())[:200]
        said = re.sub(r"^Error ?(: |in [^.]*\. )", "", said)
        said = (
            next((ours for theirs, ours in _SAID.items() if theirs.lower() in said.lower()), said)
            or "its decoder gave up"
        )
        raise BadMedia(f"cut short or damaged: the {name} sound cannot be decoded to its end ({said})") from None


def _samples(file: soundfile.SoundFile, name: str, limits: Limits, raw: bytes | None, counted: int | None) -> Sound:
    frames, rate, channels = file.frames, file.samplerate, file.channels
    if rate not in RATES:
        raise BadMedia(f"a sample rate of {rate:,} Hz: it must be between {RATES[0]:,} and {RATES[-1]:,}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise BadMedia(f"{channels} channels, the limit is {MAX_CHANNELS}")
    known = 0 <= frames < 2**62  # else the header does not say
    if counted is not None and known and counted > frames + max(2 * MP3_SLACK, frames // 50):
        spoken = f"{clock(counted / rate)} of sound, of which its decoder finds {clock(frames / rate)}"
        raise BadMedia(f"an MP3 that does not say how long it is: {spoken}: save it anew")
    promised = frames if counted is None else min(frames, counted)  # what is guessed may be a little too much, too
    if known and frames > limits.max_seconds * rate:
        most_said = f"the limit is {clock(limits.max_seconds)}: cut it, or set HEARSEE_MAX_SECONDS"
        raise BadMedia(f"{clock(frames / rate)} of sound, {most_said}")
    most = min(int(limits.max_seconds * rate), MAX_SAMPLES // channels)
    if raw is not None and (not known or frames * channels > limits.long_samples):
        play = functools.partial(played, raw, limits.block_frames)
        # An MP3 may end a frame earlier than its header says: how long it is, is only known at its end.
        exact = frames if known and name != "MP3" else _counted(play, int(limits.max_seconds * rate))
        _check_end(exact, promised, int(limits.max_seconds * rate), rate, known, name)
        return Sound(cast(Any, Blocks(exact, channels, play)), rate)  # what is asked of both is the same
    if known and frames > most:
        raise BadMedia(f"{frames * channels:,} samples, the limit is {MAX_SAMPLES:,}: cut it into pieces")
    samples = file.read(min(frames, most) if known else most + 1, dtype="float32", always_2d=True)
    _check_end(len(samples), promised, most, rate, known, name)
    return Sound(checked(samples), rate)


def _counted(play: Callable[[], Iterator[Frames]], most: int) -> int:
    """How many frames there are; the limit is passed by no more than a block."""
    count = 0
    for block in play():
        count += len(block)
        if count > most:
            break
    return count


def _check_end(found: int, frames: int, most: int, rate: int, known: bool, name: str) -> None:
    if found > most:
        raise BadMedia(
            f"more than {clock(most / rate)} of sound, which is the limit: cut it, or set HEARSEE_MAX_SECONDS"
        )
    if known and found < frames - (MP3_SLACK if name == "MP3" else 0):
        raise BadMedia(f"cut short: {found:,} frames of sound where its header promises {frames:,}")
    if not found:
        raise BadMedia("no sound in it: 0 frames")


def _check_chunks(raw: bytes, name: str) -> None:
    """Refuse a RIFF or IFF file whose sound chunk reaches beyond its end; libsndfile would decode what is left."""
    order, wanted = ("<", b"data") if name == "WAV" else (">", b"SSND")
    at = 12
    while at + 8 <= len(raw):
        kind, size = struct.unpack_from(f"{order}4sI", raw, at)
        if kind == wanted:
            there = len(raw) - at - 8
            if size not in UNKNOWN_SIZES and size > there:
                raise BadMedia(f"cut short: {there:,} bytes of sound where its header promises {size:,}")
            return
        at += 8 + size + size % 2
    raise BadMedia(f"cut short: the {name} file ends before its sound begins")


def _check_last_page(raw: bytes) -> None:
    """Refuse an Ogg file whose last page is incomplete or not marked as the last."""
    last = raw.rfind(b"OggS")
    if last + 27 <= len(raw):
        lengths = raw[last + 27 : last + 27 + raw[last + 26]]
        whole = len(lengths) == raw[last + 26] and last + 27 + len(lengths) + sum(lengths) <= len(raw)
        if whole and raw[last + 5] & 4:
            return
    raise BadMedia("cut short: the last page of the OGG sound is missing")


def clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d} minutes"
