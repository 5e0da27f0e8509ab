"""Approximate shards on disk: a label, then FAISS's own bytes, which FAISS never sees before they are proved."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import faiss
import numpy as np

from hearsee.core.errors import Damaged
from hearsee.indexer.files import Published, Sink, damage, publish, same
from hearsee.indexer.shards.bits import BitShard
from hearsee.indexer.shards.codebook import is_codebook
from hearsee.indexer.shards.graph import GraphShard
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.lists import ListShard
from hearsee.indexer.shards.proposing import Kept
from hearsee.indexer.shards.tuning import Tuned

MAGIC = b"hearsee shard 2\n"
LABEL_BYTES = 1 << 20

Proposer: TypeAlias = ListShard | GraphShard | BitShard


@dataclass(frozen=True)
class Label:
    """What a file of FAISS's bytes is, said in front of them."""

    kind: Kind
    faiss: str  # the version that wrote it; no other reads it
    rows: int
    dim: int
    vectors: str  # SHA-256 of the file of the rows that it finds
    reason: str  # of its choice
    tuned: tuple[Tuned, ...]


def seal(root: Path, path: str, shard: Proposer, vectors: str, reason: str, tuned: tuple[Tuned, ...]) -> Published:
    """Publish a shard without its rows, which lie in a file of their own with SHA-256 `vectors`."""
    label = Label(shard.kind, faiss.__version__, len(shard), shard.dim, vectors, reason, tuned)
    index = shard.index
    # A graph's rows are the kept ones: not written again.
    flags = faiss.IO_FLAG_SKIP_STORAGE if shard.kind is Kind.GRAPH else 0
    content = faiss.serialize_index(index, flags)

    def write(sink: Sink) -> None:
        sink.write(MAGIC + json.dumps(asdict(label)).encode() + b"\n")
        sink.write(content.data)

    return publish(root, path, write)


def unseal(root: Path, path: str, sha256: str, kept: Kept, vectors: str) -> tuple[Proposer, Label]:
    """The shard over its rows. Damaged: of another library, another FAISS, cut short or changed; build it again."""
    label, index = opened(root, path, sha256, len(kept), kept.dim, vectors)
    return over(root / path, label.kind, kept, index), label


def opened(root: Path, path: str, sha256: str, rows: int, dim: int, vectors: str) -> tuple[Label, Any]:
    """FAISS's index without its rows, and what it is; nothing that is not proved is read by FAISS."""
    file = root / path
    label, content = _proved(file, sha256, rows, dim, vectors)
    try:
        index: Any = faiss.deserialize_index(np.frombuffer(content, np.uint8))
    except RuntimeError as error:
        raise Damaged(f"{file} is not understood by FAISS {faiss.__version__} ({error}): build it again") from None
    if int(index.ntotal) != label.rows or int(index.d) != label.dim:
        raise Damaged(f"{file} holds {index.ntotal} × {index.d}, not {label.rows} × {label.dim}: build it again")
    return label, index


def look_over(root: Path, path: str, sha256: str, rows: int, dim: int, vectors: str) -> None:
    """Raise Damaged unless the file is what was sealed, for these rows and by this FAISS, which does not read it."""
    _proved(root / path, sha256, rows, dim, vectors)


def _proved(file: Path, sha256: str, rows: int, dim: int, vectors: str) -> tuple[Label, memoryview]:
    with damage(file):
        content = file.read_bytes()
        same(file, hashlib.sha256(content).hexdigest(), sha256)
        label, start = _label(file, content)
    expected = {"faiss": faiss.__version__, "rows": rows, "dim": dim, "vectors": vectors}
    for name, value in expected.items():
        if (told := getattr(label, name)) != value:
            raise Damaged(f"{file} was made for {name} {told}, this is {value}: build the shard again")
    return label, memoryview(content)[start:]


def _label(file: Path, content: bytes) -> tuple[Label, int]:
    end = content.find(b"\n", len(MAGIC), LABEL_BYTES)
    if not content.startswith(MAGIC) or end < 0:
        raise Damaged(f"{file} is not a shard of Hearsee's: build it again")
    try:
        row = json.loads(content[len(MAGIC) : end])
        tuned = tuple(Tuned.from_dict(each) for each in row["tuned"])
        return Label(**{**row, "kind": Kind(row["kind"]), "tuned": tuned}), end + 1
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{file} has a label that is not understood ({error!r}): build the shard again") from None


def over(file: Path, kind: Kind, kept: Kept, index: Any) -> Proposer:
    """A shard of rows and of the index that a file held for them."""
    if kind is Kind.LISTS and is_codebook(index):
        return ListShard(kept, index)
    if kind is Kind.BITS and isinstance(index, faiss.IndexIVFRaBitQFastScan):
        return BitShard(kept, index)
    if kind is Kind.GRAPH and isinstance(index, faiss.IndexHNSW):
        return GraphShard.over(kept, index)
    raise Damaged(f"{file} says that it is {kind} and holds {type(index).__name__}: build the shard again")
