"""Fetching ahead: in order, several at once, in bounded memory, and tried again by the rule."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hearsee.core.errors import BadMedia
from hearsee.core.modality import Modality
from hearsee.indexer.corpus import Entry, Rejected
from hearsee.indexer.corpus.ahead import ahead
from hearsee.indexer.corpus.entries import Hold, free
from hearsee.indexer.corpus.patience import PATIENCE, WAIT_SECONDS, Passing, tried

SECONDS = 10.0  # after which a test gives up


def far(number: int, fetch: Callable[[int, Hold], bytes]) -> Entry:
    return Entry(
        f"http://h/{number}", Modality.IMAGE, lambda: fetch(number, free), far=lambda hold: fetch(number, hold)
    )


def words(number: int) -> Entry:
    return Entry(f"http://h/t#{number}", Modality.TEXT, lambda: b"words", text="words")


def test_as_many_as_allowed_are_fetched_at_once_and_given_in_order() -> None:
    together = threading.Barrier(4)

    def fetch(number: int, hold: Hold) -> bytes:
        together.wait(SECONDS)  # passed by four at a time only
        time.sleep(0.01 * (4 - number % 4))  # the later ones are here first
        hold(1)
        return bytes([number])

    entries = [thing for number in range(20) for thing in (far(number, fetch), words(number))]
    found = [(one.uri, one.read()) for one in ahead(iter(entries), at_once=4) if isinstance(one, Entry)]
    assert [uri for uri, _ in found] == [one.uri for one in entries]
    assert [raw[0] for _, raw in found[::2]] == list(range(20))


def test_nothing_is_looked_at_ahead_where_nothing_is_far() -> None:
    looked = 0

    def near() -> Iterator[Entry]:
        nonlocal looked
        for number in range(100):
            looked += 1
            yield words(number)

    entries = ahead(near())
    next(entries)
    assert looked == 1
    entries.close()


def test_who_takes_slowly_lets_few_bytes_in() -> None:
    lock = threading.Lock()
    held, most_held, begun = 0, 0, 0

    def fetch(_: int, hold: Hold) -> bytes:
        nonlocal held, most_held, begun
        with lock:
            begun += 1
        for _ in range(10):
            hold(100)
            with lock:
                held += 100
                most_held = max(most_held, held)
        return bytes(1000)

    entries = ahead((far(number, fetch) for number in range(40)), at_once=8, most=3000)
    taken = 0
    for one in entries:
        assert isinstance(one, Entry)
        assert len(one.read()) == 1000
        time.sleep(0.02)
        taken += 1
        with lock:
            held -= 1000
            assert begun <= taken + 12  # three whole ones, and the eight that had begun
    assert taken == 40
    assert most_held <= 3000 + 1000  # whoever's turn it is gets through


def test_one_that_is_larger_than_all_room_comes_when_it_is_its_turn() -> None:
    def fetch(_: int, hold: Hold) -> bytes:
        for _ in range(5):
            hold(1000)
        return bytes(5000)

    found = [one.read() for one in ahead((far(n, fetch) for n in range(6)), most=1500) if isinstance(one, Entry)]
    assert [len(raw) for raw in found] == [5000] * 6


def test_what_fails_fails_in_its_turn_and_what_is_not_read_holds_nobody_up() -> None:
    def fetch(number: int, hold: Hold) -> bytes:
        hold(900)
        if number % 3 == 1:
            hold(-900)
            raise BadMedia(f"number {number}")
        return bytes(900)

    given: list[Entry | Rejected] = [far(number, fetch) for number in range(30)]
    given.insert(7, Rejected("file:///x", "not good"))
    seen = 0
    for place, one in enumerate(ahead(iter(given), most=1000)):
        assert one.uri == given[place].uri
        seen += 1
        if isinstance(one, Entry) and one.uri == "http://h/4":
            with pytest.raises(BadMedia, match="number 4"):
                one.read()
        if isinstance(one, Entry) and one.uri == "http://h/9":
            assert one.read() == bytes(900)
    assert seen == 31


def test_who_stops_early_leaves_nothing_running() -> None:
    def fetch(_: int, hold: Hold) -> bytes:
        for _ in range(1000):
            hold(100)
            time.sleep(0.001)
        return b""

    before = {thread.ident for thread in threading.enumerate()}
    entries = ahead((far(number, fetch) for number in range(100)), most=1000)
    next(entries)
    entries.close()
    until = time.monotonic() + SECONDS
    while {thread.ident for thread in threading.enumerate()} - before:
        assert time.monotonic() < until
        time.sleep(0.01)


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = times

    def fetch() -> str:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return "here"

    return fetch


def test_what_may_pass_is_tried_three_times() -> None:
    waited: list[float] = []
    for error in (Passing("its server answers 503"), ConnectionResetError(104, "reset")):
        assert tried(failing(2, error), "a.example", waited.append) == "here"
        with pytest.raises(type(error)):
            tried(failing(3, error), "a.example", waited.append)
    assert waited == [*WAIT_SECONDS] * 4


def test_what_does_not_pass_is_tried_once() -> None:
    waited: list[float] = []
    for error in (BadMedia("too large"), OSError("its server answers 404"), FileNotFoundError()):
        with pytest.raises(type(error)):
            tried(failing(1, error), "b.example", waited.append)
    assert waited == []


def test_a_server_may_ask_to_be_left_alone_for_a_while() -> None:
    waited: list[float] = []
    assert tried(failing(2, Passing("busy", 3)), "c.example", waited.append) == "here"
    assert tried(failing(1, Passing("busy", 3600)), "c.example", waited.append) == "here"
    assert waited == [3, 3, 10]


def test_a_host_that_does_not_answer_at_all_costs_one_try_each() -> None:
    waited: list[float] = []
    for _ in range(PATIENCE + 5):
        with pytest.raises(ConnectionError):
            tried(failing(9, ConnectionRefusedError()), "d.example", waited.append)
    assert len(waited) == PATIENCE * len(WAIT_SECONDS)
    assert tried(failing(0, OSError()), "d.example", waited.append) == "here"
    assert tried(failing(1, ConnectionError()), "d.example", waited.append) == "here"  # patient again
