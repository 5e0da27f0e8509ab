"""A searcher that is open while heads are switched answers in the new space, and its old tokens are refused."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import NotFound
from hearsee.core.head import Head, Heads
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.indexer.writer import Writer
from hearsee.search import open_library
from tests.search.shelf import fill, words

SPACE = hash_space()


def heads(seed: int) -> Heads:
    matrix = np.linalg.qr(np.random.default_rng(seed).standard_normal((16, 16)))[0].astype(np.float32)
    return Heads({Modality.TEXT: Head(matrix)}, 16)


def test_an_open_searcher_follows_the_switch(tmp_path: Path) -> None:
    fill(tmp_path, [words(text, text) for text in ("owl", "bell", "rain", "far away")])
    with Writer.open(tmp_path, space=SPACE) as writer, open_library(tmp_path) as searcher:
        first = searcher.search(text="owl", keep=True, wanted="text")
        assert first.token is not None
        assert (first.hits[0].item.uri, round(first.hits[0].score, 3)) == ("owl", 1.0)
        for seed in (1, 2, 1):
            writer.switch_heads(heads(seed), str(seed))
            answer = searcher.search(text="bell", wanted="text")
            assert (answer.hits[0].item.uri, round(answer.hits[0].score, 3)) == ("bell", 1.0)
            liked = searcher.search(like="rain", wanted="text", k=3)
            assert len(liked.hits) == 3
            assert searcher.space.fingerprint == SPACE.with_heads(heads(seed).by_modality).fingerprint
        with pytest.raises(NotFound, match="names no query"):
            searcher.search(token=first.token)


def test_searches_are_right_while_heads_are_switched_under_them(tmp_path: Path) -> None:
    names = ("owl", "bell", "rain", "far away")
    fill(tmp_path, [words(text, text) for text in names])
    wrong: list[object] = []
    asked = 0
    over = threading.Event()

    def ask() -> None:
        nonlocal asked
        while not over.is_set():
            for name in names:
                hit = searcher.search(text=name, wanted="text").hits[0]
                if hit.item.uri != name or hit.score < 0.999:
                    wrong.append((name, hit))
                asked += 1

    with Writer.open(tmp_path, space=SPACE) as writer, open_library(tmp_path) as searcher:
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for seed in range(1, 13):
            writer.switch_heads(heads(seed % 3), str(seed))
        over.set()
        for thread in threads:
            thread.join()
    assert asked > 20
    assert not wrong
