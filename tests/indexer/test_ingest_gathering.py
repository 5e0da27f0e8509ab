"""How long the encoder waits for more pieces before it encodes those that it has."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.corpus import Entry
from hearsee.indexer.ingest.encoding import GATHER_SECONDS, Encoding, _TorchThreads
from hearsee.indexer.ingest.work import Kind, Read, Work


@dataclass(frozen=True)
class Tower(HashEncoder):
    modality: Modality = Modality.TEXT
    seconds: float = 0.0

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        time.sleep(self.seconds)
        return super().encode(pieces)


class Decoding(Future[list[Piece]]):
    """Says for how long its pieces were waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []
        self.asked = threading.Event()

    def result(self, timeout: float | None = None) -> list[Piece]:
        self.waited.append(timeout)
        self.asked.set()
        return super().result(timeout)


def work(number: int) -> tuple[Work, Decoding]:
    pieces = Decoding()
    entry = Entry(f"file:///{number}", Modality.TEXT, lambda: b"")
    return Work(Read("file:///", entry), Kind.PUT, pieces=pieces), pieces


@pytest.fixture
def encoding(request: pytest.FixtureRequest) -> Iterator[Encoding]:
    tower: Tower = request.param
    found = Encoding(Space("one", tower.dim, {Modality.TEXT: tower}), lambda _: None)
    yield found
    found.close()


def patience_after_the_first(encoding: Encoding) -> float | None:
    """How long a piece still being decoded is waited for in the second gathering, beside one that is there."""
    (first, one), (here, two), (coming, three) = work(1), work(2), work(3)
    one.set_result([Piece(np.asarray([1]))])
    encoding.put(first)
    with encoding.progress:
        assert encoding.progress.wait_for(lambda: first.done, 20)
    encoding.put(here)
    encoding.put(coming)
    two.set_result([Piece(np.asarray([2]))])  # only now, so that the next one is in the queue by then
    assert three.asked.wait(20)
    three.set_result([Piece(np.asarray([3]))])
    with encoding.progress:
        assert encoding.progress.wait_for(lambda: here.done and coming.done, 20)
    assert encoding.points == 3
    return three.waited[0]


@pytest.mark.parametrize("encoding", [Tower(seconds=1.1 * GATHER_SECONDS)], indirect=True)
def test_a_slow_tower_takes_what_is_there_at_once(encoding: Encoding) -> None:
    assert patience_after_the_first(encoding) == 0.0


@pytest.mark.parametrize("encoding", [Tower()], indirect=True)
def test_a_fast_tower_waits_for_a_fuller_batch(encoding: Encoding) -> None:
    waited = patience_after_the_first(encoding)
    assert waited is not None
    assert 0.0 < waited <= GATHER_SECONDS


def test_a_quick_tower_leaves_half_of_the_cores_and_a_slow_one_none() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    threads = _TorchThreads()
    try:
        threads.suit(1e-5)
        assert torch.get_num_threads() == max(1, min(4, (os.cpu_count() or 2) // 2))
        threads.suit(0.1)
        assert torch.get_num_threads() == 4
        threads.suit(1e-5)
    finally:
        threads.restore()
        assert torch.get_num_threads() == 4
        torch.set_num_threads(before)
