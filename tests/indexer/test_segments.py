"""Segments keep what was stored, and refuse what could not be searched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput, Damaged
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.files import Published
from hearsee.indexer.segments import read_segment, stored, write_segment


@dataclass(frozen=True)
class Recorded:
    path: str
    sha256: str
    rows: int
    dim: int


def vectors(rows: int) -> Vectors:
    return unit(np.random.default_rng(7).standard_normal((rows, 16)))


def written(tmp_path: Path, rows: int) -> tuple[Published, Recorded]:
    (tmp_path / "segments").mkdir(exist_ok=True)
    published = write_segment(tmp_path, Modality.IMAGE, rows, 16, [stored(vectors(rows), "x")])
    return published, Recorded(published.path, published.sha256, rows, 16)


def test_a_segment_keeps_float16_rows(tmp_path: Path) -> None:
    published, segment = written(tmp_path, 5)
    assert np.array_equal(read_segment(tmp_path, segment), vectors(5).astype(np.float16))
    assert published.path.startswith("segments/image-")


def test_two_segments_never_share_a_name(tmp_path: Path) -> None:
    assert written(tmp_path, 1)[0].path != written(tmp_path, 1)[0].path


def test_a_row_count_that_is_not_the_files_is_damage(tmp_path: Path) -> None:
    published, _ = written(tmp_path, 5)
    for rows, dim in ((4, 16), (6, 16), (10, 8)):
        with pytest.raises(Damaged, match="is not an array of"):
            read_segment(tmp_path, Recorded(published.path, published.sha256, rows, dim))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 70_000.0])
def test_numbers_that_are_not_finite_in_float16_are_refused_by_name(bad: float) -> None:
    rows = vectors(3)
    rows[1, 2] = bad
    with pytest.raises(BadInput, match=r"file:///bell\.png"):
        stored(rows, "file:///bell.png")


def test_a_row_that_rounds_to_zero_is_refused() -> None:
    with pytest.raises(BadInput, match="row of zeros"):
        stored(np.full((1, 4), 1e-9, np.float32), "x")
