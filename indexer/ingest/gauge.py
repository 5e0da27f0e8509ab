"""Which stage holds up the others, told from what lies in the queues between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STAGES = ("read", "decode", "encode", "write")


class Gauge:
    """Counts every second against the one stage that the others waited for.

    That is `encode` while a tower has pieces in hand; else `decode` while files are in its queue; else `write` while a
    commit is under way; else `read`, because then nothing is left to do but to wait for files.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held = dict.fromkeys(STAGES, 0.0)
        self._queued = dict.fromkeys(STAGES, 0)
        self._since = clock()

    def enter(self, stage: str, things: int = 1) -> None:
        """Things that wait for a stage, or are in it."""
        with self._lock:
            self._count()
            self._queued[stage] += things

    def leave(self, stage: str, things: int = 1) -> None:
        self.enter(stage, -things)

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        self.enter(stage)
        try:
            yield
        finally:
            self.leave(stage)

    def held(self) -> dict[str, float]:
        """Seconds by stage since the start; together they are all the time that has passed."""
        with self._lock:
            self._count()
            return dict(self._held)

    def _count(self) -> None:
        now = self._clock()
        stage = next((one for one in ("encode", "decode", "write") if self._queued[one] > 0), "read")
        self._held[stage] += now - self._since
        self._since = now
