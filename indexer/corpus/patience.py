"""When a fetch is tried again: what may pass by itself, a few times, and not at a host that does not answer at all.

The rule: three tries, half a second and two seconds apart, or what the server asks for up to ten; only for a refused or
broken connection, for fewer bytes than promised, and for the answers 408, 429, 500, 502, 503 and 504. After eight
fetches in a row that failed so, a host gets one try each until it answers again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WAIT_SECONDS = (0.5, 2.0)
MOST_WAIT_SECONDS = 10.0
STATUSES = (408, 429, 500, 502, 503, 504)
PATIENCE = 8  # failures of a host in a row
_HOSTS = 10_000  # remembered


class Passing(OSError):
    """What went wrong may be over soon."""

    def __init__(self, said: str, wait_seconds: float | None = None) -> None:
        super().__init__(said)
        self.wait_seconds = wait_seconds  # that the server asks for


_failed: Counter[str] = Counter()  # fetches in a row, by host
_lock = threading.Lock()


def tried(fetch: Callable[[], T], host: str, sleep: Callable[[float], object] = time.sleep) -> T:
    """What `fetch` gives, tried again by the rule."""
    with _lock:
        waits = WAIT_SECONDS if _failed[host] < PATIENCE else ()
    for wait in (*waits, None):
        try:
            found = fetch()
        except (Passing, ConnectionError) as error:
            if wait is None:
                with _lock:
                    if len(_failed) >= _HOSTS:
                        _failed.clear()
                    _failed[host] += 1
                raise
            asked = getattr(error, "wait_seconds", None)
            sleep(wait if asked is None else min(max(asked, wait), MOST_WAIT_SECONDS))
        else:
            with _lock:
                _failed.pop(host, None)
            return found
    raise AssertionError("the last try gives or raises")
