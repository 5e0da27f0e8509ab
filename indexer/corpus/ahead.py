"""Fetching ahead: what lies over a network is on its way, several things at once, before its turn comes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import replace
from queue import SimpleQueue

from hearsee.indexer.corpus.entries import Entry, Hold, Rejected

AT_ONCE = 16  # connections
WINDOW = 64  # things that were asked for and not yet taken
WINDOW_BYTES = 32 * 2**20  # of them; one more thing, as large as is allowed, when it is the next in turn
LISTED = 1024  # entries looked at ahead: a table may name many texts for each picture
LISTED_LETTERS = 2**20  # of their texts


def ahead(
    entries: Iterator[Entry | Rejected], at_once: int = AT_ONCE, window: int = WINDOW, most: int = WINDOW_BYTES
) -> Generator[Entry | Rejected, None, None]:
    """The same entries in the same order; what lies far is read at once when its turn comes, or soon.

    Each entry is to be read before the next one is asked for. Whoever takes slowly lets few bytes in: a fetch for which
    there is no room waits, and no more are begun.
    """
    waiting: deque[tuple[Entry | Rejected, _Coming | None]] = deque()
    room, fetchers = _Room(most), _Fetchers(at_once)
    number = flying = letters = 0
    found: Entry | Rejected | None
    try:
        more = True
        while more or waiting:
            while more and (
                not waiting
                or (0 < flying < window and len(waiting) < LISTED and letters < LISTED_LETTERS and room.has_some())
            ):
                found = next(entries, None)
                if found is None:
                    more = False
                elif isinstance(found, Entry) and found.far is not None:
                    waiting.append((found, fetchers.begin(_Coming(found.far, number, room))))
                    number, flying = number + 1, flying + 1
                else:
                    waiting.append((found, None))
                    letters += _letters(found)
            if not waiting:
                return
            found, coming = waiting.popleft()
            if coming is None or not isinstance(found, Entry):
                letters -= _letters(found)
                yield found
                continue
            room.turn(coming.number)
            yield replace(found, read=coming.answer.result)
            flying -= 1
            coming.leave()
    finally:
        room.close()
        fetchers.close()


def _letters(found: Entry | Rejected) -> int:
    return len(found.text or "") if isinstance(found, Entry) else 0


class _Coming:
    """One thing on its way."""

    def __init__(self, far: Callable[[Hold], bytes], number: int, room: _Room) -> None:
        self.number = number
        self.answer: Future[bytes] = Future()
        self._far, self._room, self._held, self._left = far, room, 0, False

    def fetch(self) -> None:
        if not self.answer.set_running_or_notify_cancel():
            return
        try:
            self.answer.set_result(self._far(self._hold))
        except BaseException as error:  # raised again where its bytes are wanted
            self.answer.set_exception(error)

    def leave(self) -> None:
        """It was taken, or is not wanted."""
        self._left = True
        self.answer.cancel()
        self.answer.add_done_callback(lambda _: self._room.give(self._held))

    def _hold(self, size: int) -> None:
        if self._left:
            raise Gone
        self._room.wait(self.number, size)
        self._held += size


class _Fetchers:
    """Threads that fetch, begun as they are needed; a program that ends does not wait for them."""

    def __init__(self, most: int) -> None:
        self._most, self._begun, self._closed = most, 0, False
        self._asked: SimpleQueue[_Coming | None] = SimpleQueue()

    def begin(self, coming: _Coming) -> _Coming:
        if self._begun < self._most:
            self._begun += 1
            threading.Thread(target=self._run, name="fetcher", daemon=True).start()
        self._asked.put(coming)
        return coming

    def close(self) -> None:
        self._closed = True
        for _ in range(self._begun):
            self._asked.put(None)

    def _run(self) -> None:
        while (coming := self._asked.get()) is not None and not self._closed:
            coming.fetch()


class Gone(Exception):  # a state, not an error for users
    """Nobody waits for these bytes any more."""


class _Room:
    """How many bytes were fetched and not yet taken; whoever's turn it is always gets through."""

    def __init__(self, most: int) -> None:
        self._most, self._held, self._turn, self._closed = most, 0, -1, False
        self._change = threading.Condition()

    def has_some(self) -> bool:
        with self._change:
            return self._held < self._most

    def wait(self, number: int, size: int) -> None:
        with self._change:
            self._change.wait_for(
                lambda: self._closed or size <= 0 or number <= self._turn or self._held + size <= self._most
            )
            if self._closed:
                raise Gone
            self._held += size
            if size < 0:
                self._change.notify_all()

    def turn(self, number: int) -> None:
        with self._change:
            self._turn = number
            self._change.notify_all()

    def give(self, size: int) -> None:
        with self._change:
            self._held -= size
            self._change.notify_all()

    def close(self) -> None:
        with self._change:
            self._closed = True
            self._change.notify_all()
