"""Sounds: every allowed format sounds the same, nothing cut short or endless is let in."""

from __future__ import annotations

import contextlib
import io
import struct
import time

import numpy as np
import pytest
import soundfile

from hearsee.core.errors import BadMedia
from hearsee.core.media import Limits
from hearsee.core.media.mpeg import samples_of
from hearsee.core.media.sounds import decode_sound

LIMITS = Limits()
RATE = 24_000
FORMATS = [("WAV", None), ("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("AIFF", None)]


def tone(seconds: float = 1.0) -> np.ndarray:
    """440 Hz on the left, silence on the right."""
    left = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(RATE * seconds)) / RATE)
    return np.stack([left, np.zeros_like(left)], axis=1).astype(np.float32)


def saved(samples: np.ndarray, name: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=name, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
def test_every_allowed_format_sounds_the_same(name: str, subtype: str | None) -> None:
    sound = decode_sound(saved(tone(), name, subtype), LIMITS)
    assert (sound.rate, sound.samples.shape[1], sound.samples.dtype.str) == (RATE, 2, "<f4")
    assert abs(len(sound.samples) - RATE) <= 2304
    loudest = np.abs(np.fft.rfft(sound.samples[:RATE, 0])).argmax() * RATE / min(len(sound.samples), RATE)
    assert loudest == pytest.approx(440, abs=3)
    assert np.abs(sound.samples[:, 1]).max() < 0.05


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
@pytest.mark.parametrize("share", [0.97, 0.5, 0.05, 0.001])
@pytest.mark.filterwarnings("error")
def test_a_sound_cut_short_is_refused(name: str, subtype: str | None, share: float) -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (RATE * 3, 2)).astype(np.float32)
    raw = saved(noise, name, subtype)
    with pytest.raises(BadMedia, match=r"cut short|not a sound"):
        decode_sound(raw[: int(len(raw) * share)], LIMITS)


def flac_of(frames: int) -> bytes:
    """A short FLAC whose header promises another length."""
    raw = bytearray(saved(tone(0.2), "FLAC"))
    raw[21] = raw[21] & 0xF0 | frames >> 32 & 0xF  # total samples: the last 36 bits before the MD5 of STREAMINFO
    raw[22:26] = struct.pack(">I", frames & 0xFFFFFFFF)
    return bytes(raw)


def test_ten_hours_are_refused_by_the_header() -> None:
    began = time.perf_counter()
    with pytest.raises(BadMedia, match="10:00:00 of sound, the limit is 10:00 minutes"):
        decode_sound(flac_of(RATE * 36_000), LIMITS)
    assert time.perf_counter() - began < 1


def test_a_header_that_promises_more_than_there_is() -> None:
    with pytest.raises(BadMedia, match=r"cut short"):
        decode_sound(flac_of(RATE), LIMITS)


def test_a_sound_of_unknown_length_is_read_to_its_end_or_to_the_limit() -> None:
    raw = bytearray(saved(tone(), "WAV"))
    raw[40:44] = b"\xff\xff\xff\xff"  # as a program writes that streams into a pipe
    assert len(decode_sound(bytes(raw), LIMITS).samples) == RATE
    with pytest.raises(BadMedia, match=r"1 s of sound, the limit is 0\.5 s"):
        decode_sound(bytes(raw), Limits(max_seconds=0.5))


def test_numbers_that_are_no_samples() -> None:
    loud = decode_sound(saved(tone() * 4, "WAV", "FLOAT"), LIMITS)
    assert (loud.samples.min(), loud.samples.max()) == (-1.0, 1.0)
    for bad in (np.nan, np.inf):
        samples = tone()
        samples[100, 0] = bad
        with pytest.raises(BadMedia, match="not numbers"):
            decode_sound(saved(samples, "WAV", "FLOAT"), LIMITS)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (saved(tone()[:0], "WAV"), "0 frames"),
        (saved(np.zeros((10, 9)), "WAV"), "9 channels, the limit is 8"),
        (saved(tone(), "WAV", rate=1), "sample rate of 1 Hz"),
        (saved(tone(), "AU"), "not a sound"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "not a sound: it starts like a file of type PNG"),
    ],
)
def test_what_is_refused_says_why(raw: bytes, said: str) -> None:
    with pytest.raises(BadMedia, match=said):
        decode_sound(raw, LIMITS)


def test_flipped_bytes_never_escape_as_another_error() -> None:
    random = np.random.default_rng(1)
    for name, subtype in FORMATS:
        whole = np.frombuffer(saved(tone(0.3), name, subtype), np.uint8)
        for _ in range(40):
            bad = whole.copy()
            bad[random.integers(0, min(len(bad), 120), 4)] = random.integers(0, 256, 4)
            with contextlib.suppress(BadMedia):
                assert np.abs(decode_sound(bad.tobytes(), LIMITS).samples).max() <= 1


def test_an_mp3_of_changing_rate_that_does_not_say_how_long_it_is_is_not_taken_in_by_half() -> None:
    out = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 9 * 16_000)
    noise[:60_000] *= 0.001  # quiet at first: few bits a frame
    soundfile.write(out, noise, 16_000, format="MP3", bitrate_mode="VARIABLE")
    raw = out.getvalue()
    assert len(decode_sound(raw, Limits()).samples) == 9 * 16_000
    headless = raw[raw.index(raw[:2], 64) :]  # the first frame is the table
    assert samples_of(headless) == pytest.approx(9 * 16_000, abs=3_000)
    with pytest.raises(BadMedia, match=r"does not say how long it is: 9\.\d* s of sound, of which .* finds"):
        decode_sound(headless, Limits())


def test_an_mp3_of_one_rate_that_does_not_say_how_long_it_is_is_whole() -> None:
    out = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 20 * 44_100)
    soundfile.write(out, noise, 44_100, format="MP3", bitrate_mode="CONSTANT", compression_level=0.9)
    raw = out.getvalue()
    headless = raw[raw.index(raw[:2], 64) :]
    for limits in (Limits(), Limits(long_samples=0)):  # the decoder guesses 4,000 samples too many
        assert len(decode_sound(headless, limits, blocks=True).samples) == pytest.approx(20 * 44_100, abs=3_000)
