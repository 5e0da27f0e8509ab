"""What a GPU would be asked to do, done by torch and FAISS on the CPU; the shards themselves are in test_shards.py."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.vectors import Bitmap, Vectors, unit
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.shards import gpu_exact, ledger
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.gpu import GpuKind, GpuShard, Spread, bytes_per_vector, gpus, kind_on_gpu, placed
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.proposing import Effort, Padded
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add, vectors

ROWS, DIM = 40_000, 32


@pytest.fixture(scope="module")
def rows() -> Vectors:
    return unit(np.random.default_rng(0).standard_normal((ROWS, DIM)))


@pytest.fixture(scope="module")
def queries() -> Vectors:
    return unit(np.random.default_rng(1).standard_normal((30, DIM)))


@dataclass(frozen=True, eq=False)
class Lists:
    """FAISS's lists where there is no GPU, asked as those on a GPU are."""

    index: Any
    lists: int

    bytes = 0
    masks = False

    @classmethod
    def over(cls, rows: Vectors, lists: int) -> Lists:
        index = faiss.index_factory(rows.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
        index.train(rows)
        index.add(rows)
        return cls(index, lists)

    def best(self, units: Vectors, k: int, effort: Effort | None, _: Bitmap | None) -> Padded:
        breadth = effort.breadth if effort else self.lists
        params = faiss.SearchParametersIVF(nprobe=breadth)  # type: ignore[call-arg]
        scores, found = self.index.search(units, k, params=params)
        return scores, found


@pytest.mark.parametrize("blocks", [1, 5])
@pytest.mark.parametrize("spread", list(Spread))
@pytest.mark.parametrize("share", [None, 0.3])
def test_two_steps_find_what_one_long_sort_finds(
    rows: Vectors, queries: Vectors, spread: Spread, share: float | None, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_exact, "SCORES_BYTES", 2 * len(queries) * ROWS // blocks)
    allowed = None if share is None else np.random.default_rng(2).random(ROWS) < share
    halves = rows.astype(np.float16).astype(np.float32)
    made = GpuShard.built(HalfShard.of(rows), GpuKind.HALF, spread, ("cpu", "cpu"))
    found = made.nearest(queries, 5, allowed)
    truth = queries @ halves.T if allowed is None else np.where(allowed, queries @ halves.T, -np.inf)
    best = np.argsort(-truth, axis=1)[:, :5]
    assert found.scores == pytest.approx(np.take_along_axis(truth, best, axis=1), abs=1e-6)
    assert np.take_along_axis(truth, found.rows, axis=1) == pytest.approx(found.scores, abs=1e-6)


def test_rows_that_float16_cannot_tell_apart_are_told_apart() -> None:
    """Scores that differ by less than a float16 can say, among thousands: the answer is that of the rows."""
    rng = np.random.default_rng(0)
    direction = unit(rng.standard_normal((1, DIM)))
    rows = unit(direction + 0.02 * rng.standard_normal((ROWS, DIM)))
    made = GpuShard.built(HalfShard.of(rows), GpuKind.HALF, Spread.ROWS, ("cpu",))
    found = made.nearest(direction, 10)
    truth = np.sort(direction @ rows.astype(np.float16).astype(np.float32).T, axis=1)[:, ::-1][:, :10]
    assert found.scores == pytest.approx(truth, abs=1e-7)


@pytest.mark.parametrize("share", [None, 0.9, 0.3, 0.02, 0.005])
def test_lists_answer_filters_with_what_is_left_or_exactly(
    rows: Vectors, queries: Vectors, share: float | None
) -> None:
    kept = FlatShard.of(rows)
    shard = GpuShard(kept, GpuKind.SQ, Spread.ROWS, (Lists.over(rows, 64),), (0,), Effort(32, 4))
    allowed = None if share is None else np.random.default_rng(2).random(ROWS) < share
    found, exact = shard.nearest(queries, 10, allowed), kept.nearest(queries, 10, allowed)
    assert found.rows.shape == exact.rows.shape
    assert allowed is None or allowed[found.rows].all()
    assert np.mean(found.scores >= exact.scores[:, -1:] - 1e-6) >= 0.9
    assert np.einsum("qfd,qd->qf", rows[found.rows], queries) == pytest.approx(found.scores, abs=1e-5)


def test_a_filter_against_the_query_is_answered_exactly(rows: Vectors, queries: Vectors) -> None:
    kept = FlatShard.of(rows)
    shard = GpuShard(kept, GpuKind.SQ, Spread.ROWS, (Lists.over(rows, 64),), (0,), Effort(2, 4))
    scores = rows @ queries[0]
    allowed = scores <= np.median(scores)
    found, exact = shard.nearest(queries[:1], 10, allowed), kept.nearest(queries[:1], 10, allowed)
    assert found.rows.tolist() == exact.rows.tolist()


def test_without_a_gpu_the_cpu_answers_and_says_so(rows: Vectors, caplog: pytest.LogCaptureFixture) -> None:
    kept = FlatShard.of(rows[:100])
    with caplog.at_level(logging.WARNING):
        assert placed(kept, GpuKind.HALF, devices=()) is kept
    assert "there is no GPU" in caplog.text
    assert hasattr(faiss, "StandardGpuResources") or gpus() == ()


@pytest.mark.parametrize("spread", list(Spread))
def test_what_does_not_fit_stays_on_the_cpu_and_says_so(
    rows: Vectors, spread: Spread, caplog: pytest.LogCaptureFixture
) -> None:
    kept = FlatShard.of(rows[:1_000])
    needs = bytes_per_vector(GpuKind.FLAT, DIM) * (1_000 if spread is Spread.COPIES else 500)
    with caplog.at_level(logging.WARNING):
        assert placed(kept, GpuKind.FLAT, spread, ("cpu", "cpu"), memory_bytes=needs - 1) is kept
    assert "are allowed" in caplog.text
    made = placed(kept, GpuKind.FLAT, spread, ("cpu", "cpu"), memory_bytes=needs)
    assert isinstance(made, GpuShard)
    assert made.bytes >= 2 * needs


def test_a_kind_that_is_none_is_refused() -> None:
    assert kind_on_gpu("gpu-ivf-sq") is GpuKind.SQ
    with pytest.raises(BadInput, match="choose one of gpu-exact"):
        kind_on_gpu("gpu")


@pytest.mark.parametrize("devices", [("cpu",), ("cpu", "cpu", "cpu")])
def test_a_library_answers_from_gpus_as_it_does_without(
    tmp_path: Path, devices: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, with what is new and what is removed; here torch's products run on the CPU."""
    with Writer.open(tmp_path / "library", space=SPACE) as writer:
        writer.commit(Batch([add(f"file:///{n}") for n in range(900)]))
        writer.build_shards()
        writer.commit(Batch([add(f"file:///new{n}") for n in range(30)], remove=list(range(1, 40))))
    asked = np.concatenate([vectors(f"query {n}", 0, 1) for n in range(30)])
    allowed = np.arange(20, 500, 3, dtype=np.int64)
    answers = []
    for there in ((), devices):
        monkeypatch.setattr(ledger, "gpus", lambda there=there: there)
        with Library.open(tmp_path / "library", space=SPACE) as library:
            gallery = library.snapshot().parts[Modality.IMAGE]
        assert isinstance(gallery.sources[0].shard, GpuShard if there else FlatShard)
        assert gallery.exact
        answers.append([gallery.nearest(asked, 10), gallery.nearest(asked, 10, allowed)])
    assert answers[0] == answers[1]
