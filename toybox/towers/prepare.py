"""From decoded media to what the toybox towers read; no torch here, so that decoding workers stay small."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hearsee.core.errors import BadMedia
from hearsee.core.media.kinds import Media, Picture, Piece, Sound, Span, Words

PICTURE_SIDE = 96  # pixels
PICTURE_RULE = "96x96 RGB, both sides scaled by Pillow's antialiased bilinear filter, v1"

RATE = 16_000  # frames a second after resampling
WINDOW_SECONDS = 2.0
HOP_SECONDS = 1.0
MELS, STEPS = 48, 100  # bands from 50 Hz to 8 kHz; columns of 20 ms
COLUMN, STRIDE = 512, 320  # frames read for a column, and between columns
BLOCKS = True  # long sounds may come as hearsee.core.media.blocks
MARGIN_SECONDS = 0.05  # resampled with a window and dropped again: the Fourier transform rings at its ends
SOUND_RULE = (
    "16 kHz by Fourier resampling, mono to both ears, more channels averaged, 48 log-mel bands of 20 ms: "
    "mean of the ears in float16 and their difference, v1"
)
SOUND_WINDOWS = "2 s every 1 s until the end is covered; the last one is padded with silence, v1"

WORDS = 32  # of one passage
FEATURES = 16  # of one word: its hash, then those of its character trigrams
BUCKETS = 8192  # row 0 is padding
WORDS_RULE = "NFKC, casefolded, words and signs, each as hashes of itself and its trigrams into 8191 buckets, v1"
WORDS_WINDOWS = "passages of 32 words, no overlap, last one short, v1"

_TOKEN = re.compile(r"[\w\u0300-\u036f]+|[^\w\s]")  # an accent typed as a sign of its own belongs to its word


def picture(media: Media) -> list[Piece]:
    """One piece, (96, 96, 3) uint8, whatever the size."""
    if not isinstance(media, Picture):
        raise BadMedia(f"the toybox picture tower was given {type(media).__name__}: give it a picture")
    small = Image.fromarray(media.pixels).resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BILINEAR)
    return [Piece(np.asarray(small))]


def sound(media: Media) -> list[Piece]:
    """One piece for each window, (2, 48, 100) float16: loudness, and how much louder the left ear is."""
    if not isinstance(media, Sound):
        raise BadMedia(f"the toybox sound tower was given {type(media).__name__}: give it a sound")
    seconds = len(media.samples) / media.rate
    beyond = max(0.0, seconds - WINDOW_SECONDS)
    # A hair of rounding must not cost a window: 1e-6 s is far below one frame.
    starts = [HOP_SECONDS * i for i in range(1 + int(np.ceil((beyond - 1e-6) / HOP_SECONDS)))]
    return [
        Piece(_window(media, start), Span(start, min(start + WINDOW_SECONDS, seconds), "seconds")) for start in starts
    ]


def words(media: Media) -> list[Piece]:
    """One piece for each passage, (words, 16) int16 of bucket numbers; a text without words is one empty piece."""
    if not isinstance(media, Words):
        raise BadMedia(f"the toybox word tower was given {type(media).__name__}: give it a text")
    found = [(match.start(), match.end()) for match in _TOKEN.finditer(media.text)]
    if len(found) <= WORDS:
        return [Piece(_features([media.text[start:end] for start, end in found]))]
    passages = [found[i : i + WORDS] for i in range(0, len(found), WORDS)]
    return [
        Piece(
            _features([media.text[start:end] for start, end in passage]),
            Span(passage[0][0], passage[-1][1], "characters"),
        )
        for passage in passages
    ]


def _features(passage: list[str]) -> NDArray[np.int16]:
    return np.array([_word(word) for word in passage], np.int16).reshape(-1, FEATURES)


@lru_cache(maxsize=20_000)
def _word(word: str) -> tuple[int, ...]:
    """Bucket numbers of a word and of its trigrams, padded with 0; unknown words share trigrams with known ones."""
    plain = unicodedata.normalize("NFKC", word).casefold()
    marked = f"<{plain}>"
    parts = [f"={plain}", *(marked[i : i + 3] for i in range(len(marked) - 2))][:FEATURES]
    numbers = [1 + crc32(part.encode("utf-8", "surrogatepass")) % (BUCKETS - 1) for part in parts]
    return (*numbers, *[0] * (FEATURES - len(numbers)))


def _window(media: Sound, start: float) -> NDArray[np.float16]:
    """Both ears of one window, resampled and made into mel bands."""
    ears = _two_ears(_resampled(media, start))  # (frames, 2)
    frames = np.zeros((2, round(WINDOW_SECONDS * RATE) + COLUMN), np.float32)
    frames[:, : len(ears)] = ears.T
    columns = np.lib.stride_tricks.sliding_window_view(frames, COLUMN, axis=1)[:, : STEPS * STRIDE : STRIDE]
    spectrum = np.fft.rfft(columns * _bell())  # (2, steps, bins)
    power = spectrum.real**2 + spectrum.imag**2
    # 1e-3 is the power of a whisper in a column: below it lies nothing but rounding.
    left, right = np.log(power @ _mel_bands() + np.float32(1e-3)).transpose(0, 2, 1)  # (bands, steps) each
    return np.stack([(left + right) / 2, left - right]).astype(np.float16)


def _resampled(media: Sound, start: float) -> NDArray[np.float32]:
    """The window's frames at 16 kHz, read with a margin on either side that is cut off again."""
    if media.rate == RATE:
        first = round(start * RATE)
        return media.samples[first : first + round(WINDOW_SECONDS * RATE)]
    first = max(0, round((start - MARGIN_SECONDS) * media.rate))
    wide = media.samples[first : round((start + WINDOW_SECONDS + MARGIN_SECONDS) * media.rate)]
    if not len(wide):
        return np.zeros((0, media.samples.shape[1]), np.float32)
    frames = max(1, round(len(wide) * RATE / media.rate))
    # irfft cuts or fills the spectrum to the new rate's; the factor keeps the amplitude
    spectrum = np.fft.rfft(wide, axis=0)[: frames // 2 + 1]
    slim = np.fft.irfft(spectrum, frames, axis=0) * (frames / len(wide))
    skip = round(start * RATE) - round(first / media.rate * RATE)
    return slim[skip : skip + round(WINDOW_SECONDS * RATE)].astype(np.float32)


def _two_ears(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    if samples.shape[1] == 2:
        return samples
    return np.repeat(samples.mean(axis=1, keepdims=True), 2, axis=1)


@cache
def _bell() -> NDArray[np.float32]:
    """Hann's window, which fades a column at both ends."""
    return np.hanning(COLUMN).astype(np.float32)


@cache
def _mel_bands() -> NDArray[np.float32]:
    """Triangles, evenly spaced in mel and each reaching to its neighbours' centres: (bins, bands)."""
    mel = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 8000 / 700), MELS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)  # Hz
    bins = np.fft.rfftfreq(COLUMN, 1 / RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bands = np.clip(np.minimum(rising, falling), 0, None)
    # Low triangles can fall between two bins: give such a band its nearest bin.
    empty = np.flatnonzero(bands.sum(axis=0) == 0)
    bands[np.abs(bins - edges[1:-1][empty]).argmin(axis=0), empty] = 1
    return bands.astype(np.float32)
