"""Long sounds read in blocks: the same samples, windows and reasons, in a memory that does not grow with them."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from hearsee.core.errors import BadMedia
from hearsee.core.media import Limits
from hearsee.core.media.blocks import Blocks
from hearsee.core.media.prepare import prepare
from hearsee.core.media.sounds import decode_sound
from hearsee.core.modality import Modality

RATE = 8_000
ALL_ARE_LONG = Limits(long_samples=0, block_frames=5_000)
WINDOWS = (
    'hearsee.core.encoders.prepare_sound:log_mel?{"rate": 16000, "window": 4, "hop": 4, "mels": 32, "fft": 512, '
    '"stride": 320, "low": 50, "high": 8000, "scale": "htk"}'
)
TOYBOX = "hearsee.toybox.towers.prepare:sound"
FORMATS = [("WAV", None), ("FLAC", None), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None), ("AIFF", None)]


def saved(seconds: float, name: str = "FLAC", subtype: str | None = None, channels: int = 1) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (int(seconds * RATE), channels)).astype(np.float32)
    soundfile.write(out, noise, RATE, format=name, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
@pytest.mark.parametrize("preparation", [WINDOWS, TOYBOX])
def test_blocks_give_the_windows_of_the_whole(name: str, subtype: str | None, preparation: str) -> None:
    raw = saved(13.3, name, subtype, channels=2)
    whole = prepare(preparation, Modality.AUDIO, raw, Limits())
    assert isinstance(decode_sound(raw, ALL_ARE_LONG, blocks=True).samples, Blocks)
    parts = prepare(preparation, Modality.AUDIO, raw, ALL_ARE_LONG)
    assert [piece.span for piece in parts] == [piece.span for piece in whole]
    most = 1e-3 if name == "MP3" else 0.0  # its decoder rounds the last bit otherwise where a block begins
    assert all(np.abs(mine.data - theirs.data).max() <= most for mine, theirs in zip(parts, whole, strict=True))


def test_slices_are_those_of_an_array_even_backwards() -> None:
    raw = saved(3.0)
    whole = decode_sound(raw, Limits()).samples
    read = decode_sound(raw, ALL_ARE_LONG, blocks=True).samples
    assert (len(read), read.shape, read.ndim) == (len(whole), whole.shape, whole.ndim)
    for part in (slice(0, 10), slice(4_000, 9_000), slice(23_000, 99_000), slice(100, 200), slice(50, 50), slice(None)):
        assert np.array_equal(read[part], whole[part])


def test_an_mp3_is_as_long_as_it_plays_and_no_longer_than_it_may() -> None:
    out = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 9 * RATE)
    soundfile.write(out, noise, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    raw = out.getvalue()
    headless = raw[raw.index(raw[:2], 64) :]  # where nothing says how long it is
    for limits in (Limits(), ALL_ARE_LONG):
        assert len(decode_sound(headless, limits, blocks=True).samples) == pytest.approx(9 * RATE, abs=3_000)
    with pytest.raises(BadMedia, match="the limit is 5 s"):
        decode_sound(headless, Limits(max_seconds=5, long_samples=0), blocks=True)
    with pytest.raises(BadMedia, match="cut short"):
        decode_sound(raw[: len(raw) // 2], ALL_ARE_LONG, blocks=True)


@pytest.mark.parametrize("share", [0.99, 0.5])
def test_a_long_sound_cut_short_is_refused_though_its_end_belongs_to_no_window(share: float) -> None:
    raw = saved(12.2)
    with pytest.raises(BadMedia, match=r"cut short|damaged"):
        prepare(WINDOWS, Modality.AUDIO, raw[: int(len(raw) * share)], ALL_ARE_LONG)


def test_numbers_that_are_no_samples_are_found_in_blocks_too() -> None:
    noise = np.zeros(40_000, np.float32)
    noise[30_000] = np.nan
    out = io.BytesIO()
    soundfile.write(out, noise, RATE, format="WAV", subtype="FLOAT")
    with pytest.raises(BadMedia, match="not numbers"):
        prepare(WINDOWS, Modality.AUDIO, out.getvalue(), ALL_ARE_LONG)


PEAK = f"""
import io, sys
from pathlib import Path
import numpy as np, soundfile
from hearsee.core.media import Limits
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
out = io.BytesIO()
with soundfile.SoundFile(out, "w", 16_000, 2, format="FLAC") as file:
    noise = (np.random.default_rng(0).standard_normal((16_000 * 60, 2)) * 500).astype(np.int16)
    for _ in range(int(sys.argv[1])):
        file.write(noise)
raw = out.getvalue()
def kib(name):
    return int(next(line for line in Path("/proc/self/status").read_text().splitlines() if line[:5] == name).split()[1])
Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making it
before = kib("VmRSS")
pieces = prepare({WINDOWS!r}, Modality.AUDIO, raw, Limits(max_seconds=3600))
held = sum(piece.data.nbytes for piece in pieces)
print(kib("VmHWM") - before - held // 1024)
"""


def test_a_long_sound_takes_no_more_memory_than_a_short_one() -> None:
    done = subprocess.run([sys.executable, "-c", PEAK, "15"], capture_output=True, text=True, timeout=200, check=True)
    # Whole, its samples alone would be 115 MB.
    assert int(done.stdout) < 60 * 2**10
