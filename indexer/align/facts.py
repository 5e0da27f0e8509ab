"""Things with what is known of them, and words for what may be known: what edits and steering away are learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.vectors import Bitmap, Vectors

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Sayings:
    """Texts that say one value of one key each, and nothing else."""

    words: tuple[str, ...]
    key: Numbers  # (texts,)
    value: Numbers
    vectors: Vectors  # (texts, dim), length one

    def drawn(self, keys: Numbers, values: Numbers, rng: np.random.Generator) -> Vectors:
        """One of the texts that say each value of each key: (rows, dim)."""
        order = np.lexsort((self.value, self.key))
        codes = (self.key << 32 | self.value)[order]
        asked = keys << 32 | values
        first, last = np.searchsorted(codes, asked), np.searchsorted(codes, asked, side="right")
        if (first == last).any():
            raise ValueError("a value has no words")
        return self.vectors[order[rng.integers(first, last)]]


@dataclass(frozen=True)
class Facts:
    """Things shown several ways: row i of every modality shows thing i, and so do its facts."""

    keys: tuple[str, ...]  # a negative picture or sound is about the first
    values: Numbers  # (things, keys)
    items: Mapping[Modality, Vectors]  # (things, dim), length one
    shows: Mapping[Modality, Bitmap]  # (keys,): what can be told from the modality; a sound has no colour
    short: Vectors  # (things, dim): texts that leave things out
    said: Bitmap  # (things, keys): what they say
    sayings: Sayings
    pairs: Numbers  # (pairs, 2): things that differ in one key, or in two

    def __len__(self) -> int:
        return len(self.values)

    def askers(self) -> Iterator[tuple[str, Vectors, Bitmap]]:
        """What asks, its vectors, and what each of them tells, (things, keys)."""
        for modality, rows in self.items.items():
            yield modality.value, rows, np.broadcast_to(self.shows[modality], self.values.shape)
        yield "short text", self.short, self.said

    def fitting(self, wanted: Numbers, things: Numbers, matters: Bitmap) -> Bitmap:
        """Which things have the wanted values, (rows, keys), of the keys that matter, (rows, keys): (rows, things)."""
        right = np.ones((len(wanted), len(things)), np.bool_)
        for key in range(len(self.keys)):
            right &= (wanted[:, None, key] == self.values[things][None, :, key]) | ~matters[:, None, key]
        return right

    def likeness(self, wanted: Numbers, things: Numbers, matters: Bitmap) -> NDArray[np.float32]:
        """The share of what matters in which things have the wanted values: (rows, things).

        A key counts by how much it tells, the logarithm of how many values it has: of 48 things and 2 distances the
        right thing is worth more, for what has all but the thing is 47 times as frequent.
        """
        tells = np.array([np.log(len(np.unique(column))) for column in self.values.T], np.float32)  # (keys,)
        same = np.zeros((len(wanted), len(things)), np.float32)
        for key, worth in enumerate(tells):
            right = (wanted[:, None, key] == self.values[things][None, :, key]) & matters[:, None, key]
            same[right] += worth
        whole = matters @ tells  # (rows,)
        return (same / np.where(whole > 0, whole, 1)[:, None]).astype(np.float32)
