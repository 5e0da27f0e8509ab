"""Two spaces of one library against an oracle: the same questions, the difference worked out question by question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.catalog import Change
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from hearsee.search.evaluate import evaluate
from hearsee.search.evaluate.paired import compare, paired

DIM = 16
GROUPS = 60


def vectors(noise: float, seed: int) -> dict[str, np.ndarray]:
    """URI -> vector: the two of a group lie as near as the noise lets them."""
    rng = np.random.default_rng(seed)
    found = {}
    for group in range(GROUPS):
        direction = rng.standard_normal(DIM)
        for kind in ("image", "text"):
            found[f"test:{kind}-{group}"] = (direction + noise * rng.standard_normal(DIM)).astype(np.float32)[None]
    return found


def adds(rows: dict[str, np.ndarray]) -> list[Add]:
    return [
        Add(uri, Modality(uri[5:].partition("-")[0]), uri, 1, "test:", row, [None], group=uri.partition("-")[2])
        for uri, row in rows.items()
    ]


def library(folder: Path, noise: float, other: float, missing: int = 0) -> None:
    """Filled in one space and, but for the last few items, in another one of the same towers."""
    with Writer.open(folder, space=hash_space()) as writer:
        writer.commit(Batch(adds(vectors(noise, 1))))
        writer.catalog.commit(Change(space=hash_space()))
        second = writer.catalog.spaces()[-1].id
    with Writer.beside(folder, space=hash_space(), space_id=second) as writer:
        given = adds(vectors(other, 2))
        writer.commit(Batch(given[: len(given) - missing]))


def test_both_sides_are_what_eval_says_of_each(tmp_path: Path) -> None:
    library(tmp_path, 1.0, 0.2)
    with Library.open(tmp_path) as old, Library.open(tmp_path, beside="hash") as new:
        found = compare(old, new, seed=3)
        assert set(found.directions) == {"image->text", "text->image"}
        assert found.left_out == 0
        sides = {"old": evaluate(old, seed=3), "new": evaluate(new, seed=3)}
    for name, one in found.directions.items():
        assert (one.queries, one.candidates, one.relevant_by) == (GROUPS, GROUPS, "group")
        for side, report in sides.items():
            assert getattr(one, side) == report.directions[name].metrics
        for metric, gain in one.gain.items():
            assert gain.value == pytest.approx(one.new[metric].value - one.old[metric].value)
            assert gain.low <= gain.value <= gain.high
        assert one.gain["recall@1"].low > 0  # less noise is surely better


def test_items_of_one_space_only_are_left_out(tmp_path: Path) -> None:
    library(tmp_path, 0.2, 0.2, missing=3)  # a text, and a picture with its text
    with Library.open(tmp_path) as old, Library.open(tmp_path, beside="hash") as new:
        found = compare(old, new)
    assert found.left_out == 3
    assert {one.queries for one in found.directions.values()} == {GROUPS - 2}
    assert found.directions["text->image"].candidates == GROUPS - 1
    assert found.directions["image->text"].candidates == GROUPS - 2


def test_the_interval_is_that_of_the_difference() -> None:
    """Where one side is always exactly one question better, its interval is far narrower than either side's."""
    ranks = np.array([1] * 100 + [20] * 100)
    better = ranks.copy()
    better[:3] = 20
    better[100:113] = 1
    old, new, gain = paired(ranks, better, 0)
    assert gain["recall@1"].value == pytest.approx(0.05)
    assert gain["recall@1"].high - gain["recall@1"].low < 0.8 * (old["recall@1"].high - old["recall@1"].low)
    same = paired(ranks, ranks, 0)[2]["recall@1"]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert new["mrr"].value == pytest.approx(np.where(better == 1, 1, 1 / 20).mean())


def test_without_pairs_there_is_nothing_to_compare(tmp_path: Path) -> None:
    library(tmp_path, 0.1, 0.1, missing=2 * GROUPS)
    with (
        Library.open(tmp_path) as old,
        Library.open(tmp_path, beside="hash") as new,
        pytest.raises(BadInput, match="nothing to compare"),
    ):
        compare(old, new)
