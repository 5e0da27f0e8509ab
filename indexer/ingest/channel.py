"""A queue between two threads that is bounded by weight as well as by length."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):  # a state, not an error for users
    """The other side has gone."""


class Channel(Generic[T]):
    def __init__(self, most: int, most_weight: int = 2**63) -> None:
        self._most, self._most_weight = most, most_weight
        self._held: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._closed = False
        self._change = threading.Condition()

    def put(self, thing: T, weight: int = 0) -> None:
        """Wait for room; one thing always fits, however heavy."""
        with self._change:
            self._change.wait_for(lambda: self._closed or not self._held or self._has_room(weight))
            if self._closed:
                raise Closed
            self._held.append((thing, weight))
            self._weight += weight
            self._change.notify_all()

    def get(self, timeout: float | None = None) -> T | None:
        """The oldest thing; none when there is none in time or ever again."""
        with self._change:
            self._change.wait_for(lambda: self._closed or self._held, timeout)
            if not self._held:
                return None
            thing, weight = self._held.popleft()
            self._weight -= weight
            self._change.notify_all()
            return thing

    def peek(self, timeout: float | None = None) -> T | None:
        """The oldest thing, left where it is; for the one thread that takes things out."""
        with self._change:
            self._change.wait_for(lambda: self._closed or self._held, timeout)
            return self._held[0][0] if self._held else None

    def close(self) -> None:
        with self._change:
            self._closed = True
            self._held.clear()
            self._change.notify_all()

    def _has_room(self, weight: int) -> bool:
        return len(self._held) < self._most and self._weight + weight <= self._most_weight
