"""Long sounds, read as they are needed: an hour takes no more memory than a minute."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

from hearsee.core.errors import BadMedia

Frames: TypeAlias = NDArray[np.float32]  # (frames, channels)


class Blocks:
    """What slices of (frames, channels) look like for an array, of a sound that is decoded once, from front to back.

    `play` decodes it from its beginning, block by block.
    """

    ndim = 2

    def __init__(self, frames: int, channels: int, play: Callable[[], Iterator[Frames]]) -> None:
        self.shape = (frames, channels)
        self._play, self._playing = play, play()
        self._held: Frames = np.empty((0, channels), np.float32)
        self._first = self._next = 0  # frames: where what is held begins, and where the next block does

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, wanted: slice) -> Frames:
        first, last, step = wanted.indices(len(self))
        if step != 1:
            raise ValueError("only whole stretches of a sound can be read")
        if first < self._first:  # only who looks back further than the last slice pays for it
            self._rewind()
        while self._first + len(self._held) < last:
            self._held = np.concatenate([self._held[max(0, first - self._first) :], self._block()])
            self._first = self._next - len(self._held)
        return self._held[first - self._first : max(first, last) - self._first]

    def finish(self) -> None:
        """Decode what nobody asked for, so that damage in it is found, too."""
        while self._next < len(self):
            self._block()

    def _rewind(self) -> None:
        self._playing, self._held, self._first, self._next = self._play(), self._held[:0], 0, 0

    def _block(self) -> Frames:
        block = next(self._playing, self._held[:0])[: len(self) - self._next]
        if not len(block):
            raise BadMedia(f"cut short: {self._next:,} frames of sound where its header promises {len(self):,}")
        self._next += len(block)
        return checked(block)


def played(raw: bytes, block_frames: int) -> Iterator[Frames]:
    """A file from its beginning, as far as it can be decoded."""
    with soundfile.SoundFile(io.BytesIO(raw)) as file:
        while True:
            try:
                block: Frames = file.read(block_frames, dtype="float32", always_2d=True)
            except (soundfile.LibsndfileError, RuntimeError):
                return
            if not len(block):
                return
            yield block


def checked(samples: Frames) -> Frames:
    """Refuse what is no number, clip what is beyond full scale."""
    low, high = float(samples.min()), float(samples.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadMedia("some of its samples are not numbers")
    if low < -1.0 or high > 1.0:
        np.clip(samples, -1.0, 1.0, out=samples)
    return samples
