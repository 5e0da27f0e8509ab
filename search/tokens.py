"""Encoded queries kept for a while, so that other weights are answered without encoding again."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from hearsee.core.errors import BadInput, NotFound
from hearsee.search.fusion import EncodedPart

MOST_TOKENS = 1024
MOST_BYTES = 32 << 20
SECONDS = 900.0
OVERHEAD_BYTES = 1024  # of a query and of each part, beside its vector


@dataclass(frozen=True)
class EncodedQuery:
    """The parts of a question as vectors: all that is needed to ask it again with other weights."""

    parts: tuple[EncodedPart, ...]
    kinds: tuple[str, ...]  # what each part answers to in weights: text, image, audio, like or without
    names: tuple[str, ...]  # what each part is called in an explanation
    likes: frozenset[int]  # ids of the items among the parts, which are not their own answer
    skipped: tuple[str, ...] = ()  # parts that could not be read, each with its reason
    texts: tuple[str, ...] = ()  # the words among the parts, for the index of words

    def weighed(self, weights: Mapping[str, float] | None) -> EncodedQuery:
        """The same parts with these weights, 1 for what is not named; none: as they were."""
        if weights is None:
            return self
        for name in weights:
            if name not in self.kinds:
                raise BadInput(f"there is a weight for {name}, but the query has no such part: drop the weight")
        parts = (
            replace(part, weight=weights.get(kind, 1.0)) for part, kind in zip(self.parts, self.kinds, strict=True)
        )
        return replace(self, parts=tuple(parts))

    @property
    def bytes(self) -> int:
        vectors = sum(part.vector.nbytes + OVERHEAD_BYTES for part in self.parts)
        return vectors + OVERHEAD_BYTES + 4 * sum(map(len, (*self.names, *self.skipped, *self.texts)))


@dataclass(frozen=True)
class _Kept:
    query: EncodedQuery
    until: float


class Tokens:
    """In this process only, bounded in number, memory and time; whoever holds a token may ask its query again."""

    def __init__(
        self,
        most: int = MOST_TOKENS,
        most_bytes: int = MOST_BYTES,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._most_bytes, self._seconds, self._clock = most, most_bytes, seconds, clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # the oldest first: all are kept equally long
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(self, query: EncodedQuery) -> str | None:
        """A token that nobody guesses; none for a query larger than all the room there is."""
        if query.bytes > self._most_bytes:
            return None
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._kept[token] = _Kept(query, self._clock() + self._seconds)
            self._bytes += query.bytes
            self._shrink()
        return token

    def query(self, token: str) -> EncodedQuery:
        with self._lock:
            self._shrink()
            kept = self._kept.get(token)
        if kept is None:
            raise NotFound(
                "the token names no query: it was never given, or has expired "
                f"(queries are kept for {self._seconds / 60:g} minutes); send the parts again"
            )
        return kept.query

    def __len__(self) -> int:
        return len(self._kept)

    def _shrink(self) -> None:
        """Drop what has expired, then the oldest while there are too many or too much."""
        now = self._clock()
        while self._kept:
            token, oldest = next(iter(self._kept.items()))
            if oldest.until > now and len(self._kept) <= self._most and self._bytes <= self._most_bytes:
                break
            del self._kept[token]
            self._bytes -= oldest.query.bytes
