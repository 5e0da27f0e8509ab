"""Approximate shards come back from disk as they were, and nothing damaged or foreign reaches FAISS."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import faiss
import numpy as np
import pytest

from hearsee.core.errors import Damaged
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.files import Published
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.half import HalfShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Effort
from hearsee.indexer.shards.sealed import MAGIC, Proposer, seal, unseal
from hearsee.indexer.shards.tuning import Tuned

VECTORS = "a" * 64
TUNED = (
    Tuned("text", 0.95, 0.97, 0.951, 200, 10, Effort(48, 16)),
    Tuned("image", 0.95, 1.0, 1.0, 200, 10, None),
)


@pytest.fixture(scope="module")
def rows() -> Vectors:
    return unit(np.random.default_rng(0).standard_normal((3_000, 16)))


@pytest.fixture(scope="module")
def kept(rows: Vectors) -> HalfShard:
    return HalfShard.of(rows)


@pytest.fixture(scope="module", params=list(Kind)[2:])
def shard(request: pytest.FixtureRequest, kept: HalfShard) -> Proposer:
    if request.param is Kind.LISTS:
        return ListShard.built(kept, 16, 8)
    return BitShard.built(kept, 16) if request.param is Kind.BITS else GraphShard.built(kept)


@pytest.fixture
def sealed(tmp_path: Path, shard: Proposer) -> Published:
    return seal(tmp_path, "it.shard", shard, VECTORS, "because", TUNED)


def reseal(root: Path, content: bytes) -> str:
    """Write a file and vouch for it, as someone would who has the right to."""
    (root / "it.shard").write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def relabelled(content: bytes, **changes: object) -> bytes:
    label, _, rest = content[len(MAGIC) :].partition(b"\n")
    return MAGIC + json.dumps({**json.loads(label), **changes}).encode() + b"\n" + rest


def test_it_comes_back_as_it_was(
    tmp_path: Path, shard: Proposer, sealed: Published, kept: HalfShard, rows: Vectors
) -> None:
    back, label = unseal(tmp_path, sealed.path, sealed.sha256, kept, VECTORS)
    assert type(back) is type(shard)
    assert (label.kind, label.reason, label.tuned) == (shard.kind, "because", TUNED)
    for effort in (Effort(1, 1), Effort(8, 8)):
        before, after = (each.nearest(rows[:99], 10, effort=effort) for each in (shard, back))
        assert before.rows.tolist() == after.rows.tolist()
        assert before.scores.tolist() == after.scores.tolist()


def test_its_rows_are_not_written_twice(shard: Proposer, sealed: Published) -> None:
    assert sealed.bytes < shard.bytes - shard.kept.bytes + 20_000


@pytest.mark.parametrize("place", [0, 40, -1_000, -1])
def test_one_flipped_bit_is_found_before_faiss_reads_it(
    tmp_path: Path, sealed: Published, kept: HalfShard, place: int
) -> None:
    content = bytearray((tmp_path / sealed.path).read_bytes())
    content[place] ^= 16
    (tmp_path / sealed.path).write_bytes(content)
    with pytest.raises(Damaged, match="SHA-256"):
        unseal(tmp_path, sealed.path, sealed.sha256, kept, VECTORS)


@pytest.mark.parametrize("left", [0, 10, 500, -1])
def test_a_file_cut_short_is_damaged(tmp_path: Path, sealed: Published, kept: HalfShard, left: int) -> None:
    path = tmp_path / sealed.path
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(Damaged, match="SHA-256"):
        unseal(tmp_path, sealed.path, sealed.sha256, kept, VECTORS)


def test_a_missing_file_is_damaged(tmp_path: Path, kept: HalfShard) -> None:
    with pytest.raises(Damaged, match="is missing"):
        unseal(tmp_path, "nothing", "0" * 64, kept, VECTORS)


def test_a_shard_of_other_rows_is_refused(tmp_path: Path, sealed: Published, kept: HalfShard) -> None:
    with pytest.raises(Damaged, match=r"vectors aaa.*this is bbb"):
        unseal(tmp_path, sealed.path, sealed.sha256, kept, "b" * 64)
    fewer = HalfShard.of(kept.take(np.arange(10)))
    with pytest.raises(Damaged, match="rows 3000, this is 10"):
        unseal(tmp_path, sealed.path, sealed.sha256, fewer, VECTORS)


def test_a_shard_of_another_faiss_is_refused(tmp_path: Path, sealed: Published, kept: HalfShard) -> None:
    sha256 = reseal(tmp_path, relabelled((tmp_path / sealed.path).read_bytes(), faiss="0.9"))
    with pytest.raises(Damaged, match=f"faiss 0.9, this is {faiss.__version__}"):
        unseal(tmp_path, sealed.path, sha256, kept, VECTORS)


@pytest.mark.parametrize("content", [b"", b"hello", MAGIC, MAGIC + b"{}\n", MAGIC + b"[1]\nx", MAGIC + b"\xff\n"])
def test_what_is_no_shard_is_refused(tmp_path: Path, kept: HalfShard, content: bytes) -> None:
    sha256 = reseal(tmp_path, content)
    with pytest.raises(Damaged, match="build"):
        unseal(tmp_path, "it.shard", sha256, kept, VECTORS)


def test_a_label_that_lies_about_the_kind_is_refused(
    tmp_path: Path, shard: Proposer, sealed: Published, kept: HalfShard
) -> None:
    other = Kind.BITS if shard.kind is Kind.LISTS else Kind.LISTS
    sha256 = reseal(tmp_path, relabelled((tmp_path / sealed.path).read_bytes(), kind=other))
    with pytest.raises(Damaged, match=f"says that it is {other}"):
        unseal(tmp_path, sealed.path, sha256, kept, VECTORS)
