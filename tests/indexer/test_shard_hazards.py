"""What breaks indexes elsewhere: one point, fewer points than lists, duplicates by the thousand, nothing left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.gallery import Gallery
from hearsee.indexer.library import Library
from hearsee.indexer.recall import set_recall
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.writer import Writer
from tests.indexer.stock import DIM, SPACE, add, vectors

KINDS = [kind for kind in Kind if kind is not Kind.HALF]


def pictures(folder: Path) -> Gallery:
    with Library.open(folder, space=SPACE) as library:
        return library.snapshot().parts[Modality.IMAGE]


def with_vectors(uri: str, rows: Vectors) -> Add:
    return replace(add(uri), vectors=rows, spans=[None] * len(rows))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 17])
def test_a_library_of_a_few_points_finds_them_all(tmp_path: Path, kind: Kind, count: int) -> None:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(count)]))
        set_recall(writer, 0.9, kind)
    found = pictures(tmp_path / "library")
    near = found.nearest(np.concatenate([vectors(f"file:///{n}", 0, 1) for n in range(count)]), 1_000, None)
    assert [len(one) for one in near] == [count] * count
    assert [one[0][1] for one in near] == list(range(1, count + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_duplicates_hide_nothing(tmp_path: Path, kind: Kind) -> None:
    same = vectors("same", 0, 1)
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([with_vectors(f"file:///same{n}", same) for n in range(2_000)]))
        writer.commit(Batch([add(f"file:///{n}") for n in range(20)]))
        set_recall(writer, 0.9, kind)
    found = pictures(tmp_path / "library")
    near = found.nearest(same, 5)[0]
    assert [item for _, item, _ in near] == [1, 2, 3, 4, 5]  # equal scores go by item
    others = found.nearest(np.concatenate([vectors(f"file:///{n}", 0, 1) for n in range(20)]), 1)
    assert np.mean([one[0][1] for one in others] == np.arange(2_001, 2_021)) >= 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_more_than_there_is_and_filters_that_leave_nothing(tmp_path: Path, kind: Kind) -> None:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(300)]))
        set_recall(writer, 0.9, kind)
        writer.remove([f"file:///{n}" for n in range(300) if n != 7])  # all but one, not yet compacted
    found = pictures(tmp_path / "library")
    query = vectors("query", 0, 1)
    assert [item for _, item, _ in found.nearest(query, 10**6)[0]] == [8]
    assert found.nearest(query, 10, np.array([8, 9], np.int64))[0][0][1] == 8
    assert found.nearest(query, 10, np.array([9, 10], np.int64)) == [[]]
    assert found.nearest(query, 10, np.array([], np.int64)) == [[]]
    assert found.nearest(query[:0], 10) == []
    for bad in (np.full((1, DIM), np.nan, np.float32), np.ones((1, DIM - 1), np.float32)):
        with pytest.raises(BadInput):
            found.nearest(bad, 10)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_vector_without_direction_never_gets_in(tmp_path: Path, bad: float) -> None:
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        with pytest.raises(BadInput):
            writer.commit(Batch([with_vectors("file:///bad", np.full((1, DIM), bad, np.float32))]))
        assert writer.commit(Batch([add("file:///good")])).items == 1
