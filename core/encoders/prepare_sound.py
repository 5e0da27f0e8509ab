"""Sounds as a tower reads them: mixed to mono, resampled, cut into windows by one rule, without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from math import ceil, gcd, pi
from typing import ParamSpec

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.kinds import Media, Piece, Sound, Span
from hearsee.core.vectors import Vectors

RULE = "sound-1"  # part of every contract: change it when the samples change
NAME = "hearsee.core.encoders.prepare_sound:sound"
LOG_MEL = "hearsee.core.encoders.prepare_sound:log_mel"
BLOCKS = True  # long sounds may come as hearsee.core.media.blocks
LEAST_SECONDS = 0.5  # a shorter rest behind the last whole window is not a window of its own

Samples = NDArray[np.float32]  # (frames,)
Asked = ParamSpec("Asked")


def windows_rule(window: float, hop: float) -> str:
    return (
        f"{RULE}: {window:g} s every {hop:g} s until the end is covered; a rest under {LEAST_SECONDS:g} s is left out "
        "unless it is all there is; the last window is repeated while it fits wholly, then silent"
    )


def each_sound(media: Media, *, rate: int, window: float, hop: float) -> Iterator[Piece]:
    """One piece for each window, (frames,) float32 at the tower's rate; read from the sound when it is asked for."""
    return (Piece(samples, span) for samples, span in _windows(media, rate, window, hop))


def each_log_mel(
    media: Media,
    *,
    rate: int,
    window: float,
    hop: float,
    mels: int,
    fft: int,
    stride: int,
    low: float,
    high: float,
    scale: str,
) -> Iterator[Piece]:
    """One piece for each window: decibels of its mel bands, (columns, mels) float32."""
    bank = mel_bank(rate, fft, mels, low, high, scale)
    return (Piece(_decibels(samples, bank, fft, stride), span) for samples, span in _windows(media, rate, window, hop))


def _all_of(each: Callable[Asked, Iterator[Piece]]) -> Callable[Asked, list[Piece]]:
    @wraps(each)
    def all_of(*media: Asked.args, **options: Asked.kwargs) -> list[Piece]:
        return list(each(*media, **options))

    return all_of


sound, log_mel = _all_of(each_sound), _all_of(each_log_mel)


def _windows(media: Media, rate: int, window: float, hop: float) -> Iterator[tuple[Samples, Span]]:
    """Each window is mixed and resampled by itself, with what its filter reads beside it: an hour needs no copy."""
    if not isinstance(media, Sound):
        raise BadMedia(f"a sound tower was given {type(media).__name__}: give it a sound")
    length, step, least = round(window * rate), round(hop * rate), round(LEAST_SECONDS * rate)
    if length < 1 or not 1 <= step <= length:
        raise BadInput(f"windows of {window:g} s every {hop:g} s: the hop must be above zero and at most the window")
    total = ceil(len(media.samples) * rate / media.rate)
    start, end = 0, 0
    while start == 0 or total - end >= max(1, least):  # what is not yet covered begins at `end`
        end = min(start + length, total)
        samples = resample(media.samples, media.rate, rate, start, end)
        yield _filled(samples, length), Span(start / rate, end / rate, "seconds")
        start += step


def _mono(samples: NDArray[np.float32]) -> Samples:
    if samples.ndim == 1 or samples.shape[1] == 1:
        return samples.reshape(-1)
    return np.asarray(samples.mean(axis=1, dtype=np.float32))


def _filled(samples: Samples, length: int) -> Samples:
    if len(samples) >= length:
        return samples
    times = length // max(1, len(samples))
    return np.pad(np.tile(samples, times), (0, length - times * len(samples)))


def resample(samples: NDArray[np.float32], old: int, new: int, first: int = 0, last: int | None = None) -> Samples:
    """Mono frames `first` to `last` at the new rate, of (frames,) or (frames, channels) at the old one.

    Equal to `torchaudio.transforms.Resample` at its defaults: a windowed sinc (Hann, 6 zero crossings).
    """
    common = gcd(old, new)
    old, new = old // common, new // common
    total = ceil(new * len(samples) / old)
    last = total if last is None else min(last, total)
    if old == new or last <= first:
        return np.ascontiguousarray(_mono(samples[first:last]))
    starts, taps = _kernel(old, new)
    step, steps = first // new, ceil(last / new) - first // new  # a step: `old` frames in, `new` frames out
    lowest = int(starts.min())
    begin, end = step * old + lowest, (step + steps - 1) * old + int(starts.max()) + taps.shape[1]
    part = np.pad(_mono(samples[max(0, begin) : end]), (max(0, -begin), max(0, end - len(samples))))
    out = np.empty((steps, new), np.float32)
    stride = part.strides[0]
    for phase in range(new):  # every new-th frame is the same sum over frames `old` apart
        view = as_strided(part[starts[phase] - lowest :], (steps, taps.shape[1]), (old * stride, stride))
        out[:, phase] = view @ taps[phase]
    return out.reshape(-1)[first - step * new : last - step * new]


@lru_cache(maxsize=16)
def _kernel(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each phase the first frame it reads, and its weights, (new, taps)."""
    crossings, base = 6, min(old, new) * 0.99  # the roll-off keeps the filter below the new half rate
    phases = np.arange(new)
    half = crossings * old / base  # frames to each side
    starts = np.ceil(phases * old / new - half).astype(np.int64)
    count = int(2 * half) + 1
    frames = starts[:, None] + np.arange(count)  # (new, taps)
    at = ((frames / old - phases[:, None] / new) * base).clip(-crossings, crossings)
    weights = np.sinc(at) * np.cos(at * pi / crossings / 2) ** 2 * (base / old)
    return starts, weights.astype(np.float32)


@lru_cache(maxsize=4)
def mel_bank(rate: int, fft: int, mels: int, low: float, high: float, scale: str) -> Vectors:
    """Triangular filters, (fft // 2 + 1, mels): `slaney` with area one, or `htk` with height one."""
    edges = _to_hertz(np.linspace(_to_mel(low, scale), _to_mel(high, scale), mels + 2), scale)
    bins = np.linspace(0, rate // 2, fft // 2 + 1)
    slopes = edges[None, :] - bins[:, None]  # (bins, mels + 2)
    width = np.diff(edges)
    bank = np.maximum(0, np.minimum(-slopes[:, :-2] / width[:-1], slopes[:, 2:] / width[1:]))
    if scale == "slaney":
        bank = bank * (2.0 / (edges[2:] - edges[:-2]))
    return np.ascontiguousarray(bank, np.float32)


# Slaney's mel is linear up to 1 kHz (200/3 Hz a mel), logarithmic above.
_KNEE, _LINEAR, _LOG = 1000.0, 200.0 / 3.0, np.log(6.4) / 27.0


def _to_mel(hertz: float, scale: str) -> float:
    if scale == "htk":
        return float(2595.0 * np.log10(1.0 + hertz / 700.0))
    return hertz / _LINEAR if hertz < _KNEE else float(_KNEE / _LINEAR + np.log(hertz / _KNEE) / _LOG)


def _to_hertz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
    knee = _KNEE / _LINEAR
    return np.where(mel < knee, mel * _LINEAR, _KNEE * np.exp(_LOG * (np.maximum(mel, knee) - knee)))


def _decibels(samples: Samples, bank: Vectors, fft: int, stride: int) -> Vectors:
    """Power of the Hann-windowed Fourier transform in mel bands, in decibels over 1, floored at -100."""
    padded = np.pad(samples, fft // 2, mode="reflect")
    columns = 1 + (len(padded) - fft) // stride
    size = padded.strides[0]
    frames = as_strided(padded, (columns, fft), (stride * size, size))
    window = np.hanning(fft + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window)) ** 2  # (columns, fft // 2 + 1)
    bands: Vectors = np.maximum(1e-10, power.astype(np.float32) @ bank).astype(np.float32)
    return np.asarray(10.0 * np.log10(bands), np.float32)
