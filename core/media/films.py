"""Films: the first frame in every few seconds as pictures, the first track as a sound; PyAV reads them."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hearsee.core.errors import BadMedia
from hearsee.core.media.blocks import Blocks, Frames, checked
from hearsee.core.media.kinds import Picture, Sound, Span
from hearsee.core.media.limits import Limits
from hearsee.core.media.magic import FILMS, format_of, looks_like
from hearsee.core.media.sounds import MAX_CHANNELS, MAX_SAMPLES, RATES, clock

WITHOUT = "a film, which needs the extra `video`: pip install 'hearsee[video]'"
CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg")
SOUND_CODECS = ("aac", "mp3", "mp3float", "opus", "vorbis", "flac", "alac")  # and PCM of every kind
LATE_SECONDS = 1.0  # by which its last frame and sound may come before the end that the header promises
_DEMUXERS = {"MP4": "mp4", "WEBM": "matroska", "MKV": "matroska"}

# What FFmpeg says that only its authors understand.
_SAID = {
    "Invalid data": "it holds data that no film holds",
    "Cannot allocate memory": "it asks for more tracks or memory than any film needs",
    "Invalid argument": "what it says of itself cannot be true",
    "Input/output error": "it ends before its first frame",
    "End of file": "it ends before its first frame",
}


class Film:
    """One that was opened and found to be within the limits."""

    def __init__(self, raw: bytes, limits: Limits) -> None:
        name = format_of(raw)
        if name not in FILMS:
            raise BadMedia(f"not a film: {looks_like(raw)}")
        try:
            import av
        except ImportError:
            raise BadMedia(WITHOUT) from None
        av.logging.set_level(None)
        self._raw, self._name, self._limits, self._av = raw, name, limits, av
        self._end = 0.0  # how far it was seen and heard, in seconds
        with self._opened() as box:
            self._check(box)

    def frames(self) -> Iterator[tuple[Picture, Span]]:
        """The first frame in each stretch of `film_seconds`, and the stretch."""
        every, due = self._limits.film_seconds, 0.0
        with self._opened() as box:
            promised = float(box.duration or 0) / 1e6  # of pictures or sound, whichever goes on longer
            for frame in self._decoded(box, box.streams.video[0]):
                at = self._within(float(frame.time or 0.0))
                self._end = max(self._end, at)
                if at >= due:
                    due = (at // every + 1) * every
                    yield Picture(self._upright(frame)), Span(due - every, due, "seconds")
        if due == 0.0:
            raise BadMedia(f"cut short or damaged: no frame of the {self._name} film can be decoded")
        if promised - self._end > LATE_SECONDS:
            end = f"{self._end:.1f} s where its header promises {promised:.1f} s"
            raise BadMedia(f"cut short: the film ends after {end}")

    def sound(self, blocks: bool = False) -> Sound | None:
        """The first sound track; none where there is none. With `blocks` a long one is decoded when it is read."""
        with self._opened() as box:
            if not box.streams.audio:
                return None
            rate, channels = self._described(box.streams.audio[0])
        parts, count = list[Frames](), 0
        for part in self._track(rate):
            count += len(part)
            self._within(count / rate)
            if blocks and count * channels > self._limits.long_samples:
                parts.clear()  # only counted from here on
            elif count * channels > MAX_SAMPLES:
                raise BadMedia(f"a film with more than {MAX_SAMPLES:,} samples of sound: cut it into pieces")
            else:
                parts.append(part)
        if not count:
            return None
        if not parts:
            return Sound(cast(Any, Blocks(count, channels, functools.partial(self._track, rate))), rate)
        return Sound(checked(np.concatenate(parts)), rate)

    def _described(self, stream: Any) -> tuple[int, int]:
        """Its sample rate and channels, once they are allowed."""
        codec = stream.codec_context
        if codec is None:
            raise BadMedia("a film whose sound is coded in a way that nobody knows")
        if codec.name not in SOUND_CODECS and not codec.name.startswith("pcm_"):
            raise BadMedia(f"a film whose sound is coded as {codec.name[:20]}: known are {', '.join(SOUND_CODECS)}")
        if codec.sample_rate not in RATES or not 1 <= codec.channels <= MAX_CHANNELS:
            raise BadMedia(f"a film with {codec.channels} channels of sound at {codec.sample_rate:,} Hz")
        return int(codec.sample_rate), int(codec.channels)

    def _track(self, rate: int) -> Iterator[Frames]:
        """The first sound track from its beginning, in blocks."""
        held, count = list[Frames](), 0
        with self._opened() as box:
            turner = self._av.AudioResampler(format="fltp", rate=rate)
            for frame in self._decoded(box, box.streams.audio[0]):
                for part in turner.resample(frame):
                    held.append(np.asarray(part.to_ndarray(), np.float32))  # (channels, frames)
                    count += held[-1].shape[1]
                if count >= self._limits.block_frames:
                    yield _turned(held)
                    held, count = [], 0
        if count:
            yield _turned(held)

    def _opened(self) -> Any:
        # The demuxer is named: FFmpeg knows others that open further files and addresses.
        try:
            return self._av.open(io.BytesIO(self._raw), format=_DEMUXERS[self._name])
        except Exception as error:
            raise BadMedia(f"cut short or damaged: the {self._name} film cannot be opened ({_said(error)})") from None

    def _check(self, box: Any) -> None:
        if not box.streams.video:
            raise BadMedia(f"an {self._name} file without pictures: give its sound as wav, flac, ogg or mp3")
        stream = box.streams.video[0]
        codec = stream.codec_context
        if codec is None or codec.name not in (*CODECS, "libdav1d", "libvpx", "libvpx-vp9"):
            known = ", ".join(CODECS)
            raise BadMedia(f"a film coded as {getattr(codec, 'name', 'nothing known')[:20]}: known are {known}")
        if codec.width * codec.height > self._limits.max_pixels:
            most = self._limits.max_pixels
            raise BadMedia(f"a film of {codec.width:,} x {codec.height:,} pixels, the limit is {most:,}")
        self._within(_seconds(box, stream))

    def _within(self, seconds: float) -> float:
        if seconds > self._limits.max_seconds:
            most = clock(self._limits.max_seconds)
            raise BadMedia(f"a film of {clock(seconds)}, the limit is {most}: cut it, or set HEARSEE_MAX_SECONDS")
        return seconds

    def _decoded(self, box: Any, stream: Any) -> Iterator[Any]:
        stream.thread_count = 1  # beside it other films are decoded
        if stream.type == "video":  # a frame may say that it is larger than the film: told before memory is taken
            stream.codec_context.options = {"max_pixels": str(self._limits.max_pixels)}
        try:
            for packet in box.demux(*{stream, *box.streams.audio[:1]}):
                if packet.stream is stream:
                    yield from packet.decode()
                if packet.pts is not None:
                    self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        except (BadMedia, MemoryError):
            raise
        except Exception as error:
            raise BadMedia(f"cut short or damaged: the {self._name} film does not play ({_said(error)})") from None

    def _upright(self, frame: Any) -> NDArray[np.uint8]:
        if frame.width * frame.height > self._limits.max_pixels:  # it may change while the film plays
            raise BadMedia(f"a film with a frame of {frame.width:,} x {frame.height:,} pixels")
        pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def _turned(parts: Sequence[Frames]) -> Frames:
    """(channels, frames) each -> (frames, channels)"""
    return np.ascontiguousarray(np.concatenate(parts, axis=1).T)


def _seconds(box: Any, stream: Any) -> float:
    """What the headers promise; zero where they promise nothing."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return float(box.duration or 0) / 1e6


def _said(error: Exception) -> str:
    said = str(getattr(error, "strerror", None) or error)
    return next((ours for theirs, ours in _SAID.items() if theirs in said), "its player gave up")
