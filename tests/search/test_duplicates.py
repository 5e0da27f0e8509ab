"""Near-duplicates of a library against a plain search for connected pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from hearsee.search import duplicates as module
from hearsee.search.duplicates import duplicates, folded, twins_among
from hearsee.search.finishing import likeness as checked
from tests.search.shelf import Thing, directions

IMAGE, AUDIO, TEXT = Modality


def connected(points: Vectors, least: float) -> list[int]:
    """The first row of each row's group, by walking."""
    near = points @ points.T >= least
    first = [-1] * len(points)
    for start in range(len(points)):
        waiting = [start] if first[start] < 0 else []
        while waiting:
            at = waiting.pop()
            first[at] = start
            waiting += [int(other) for other in np.flatnonzero(near[at]) if first[other] < 0]
    return first


@given(st.integers(0, 60), st.integers(0, 1000), st.floats(0.3, 0.99))
def test_groups_are_what_is_connected(count: int, seed: int, least: float) -> None:
    points = unit(np.random.default_rng(seed).standard_normal((count, 3))) if count else np.empty((0, 3), np.float32)
    assert twins_among(points, least).tolist() == connected(points, least)


def test_blocks_do_not_show() -> None:
    """More rows than a block has, with a chain through all of them and one row apart."""
    rows = module.ROWS + module.COLUMNS + 7
    angles = np.linspace(0, 3.0, rows)
    points = unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    order = np.random.default_rng(0).permutation(rows)
    points = np.concatenate([points[order], [[0.0, -1.0]]]).astype(np.float32)
    roots = twins_among(points, 1 - 1e-6)
    assert set(roots[:-1].tolist()) == {0}
    assert roots[-1] == rows


def test_a_library_names_its_duplicates(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    base = directions(rng, 2)
    close = unit(base[:1] + 0.02 * directions(rng, 1))
    shelf = [
        Thing("test:a", IMAGE, base[:1]),
        Thing("test:other", IMAGE, base[1:]),
        Thing("test:close", IMAGE, close),
        Thing("test:copy", IMAGE, base[:1]),
        Thing("test:sound", AUDIO, base[:1]),  # another modality is never a duplicate
        Thing("test:gone", IMAGE, base[1:]),
    ]
    with Writer.open(tmp_path / "library", space=hash_space()) as writer:
        adds = [thing.add() for thing in shelf]
        adds[3] = replace(adds[3], content=adds[0].content)
        writer.commit(Batch(adds))
        writer.remove(["test:gone"])
    with Library.open(tmp_path / "library") as library:
        found = list(duplicates(library, likeness=0.99))
        exact = list(duplicates(library, likeness=1.0))
    assert [(one.modality, [twin.item.uri for twin in one.items]) for one in found] == [
        (IMAGE, ["test:a", "test:close", "test:copy"])
    ]
    assert [twin.same_bytes for twin in found[0].items] == [False, False, True]
    assert [twin.cosine for twin in found[0].items] == pytest.approx([1, float(close[0] @ base[0]), 1], abs=1e-3)
    assert not found[0].exact
    assert [([twin.item.uri for twin in one.items], one.exact) for one in exact] == [(["test:a", "test:copy"], True)]


def test_folding_keeps_the_best_of_each_group() -> None:
    points = unit(np.array([[1.0, 0], [0, 1], [1, 0.01], [1, 0], [0, 1]]))
    kinds, contents = ["image", "image", "image", "audio", "image"], ["a", "b", "c", "d", "e"]
    assert folded(points, kinds, contents, 0.99) == {0: [2], 1: [4], 3: []}
    assert folded(points, kinds, ["a", "b", "c", "d", "a"], 1.0) == {0: [4], 1: [], 2: [], 3: []}  # the same bytes


@pytest.mark.parametrize("bad", [0, -1, 1.01, float("nan"), True])
def test_what_is_no_cosine_is_refused(bad: float) -> None:
    with pytest.raises(BadInput, match="it is a cosine"):
        checked(bad)
