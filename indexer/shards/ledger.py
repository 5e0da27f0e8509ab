"""Which of a library's shards may be searched faster than exactly, and what recall was proved for that.

Kept beside the catalog as what won in fusion is: all of it is derived, and a shard that it does not name is searched
exactly. Each entry names the SHA-256 of the rows that it stands for, so one for other rows is never used.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearsee.core.errors import Damaged
from hearsee.core.modality import Modality
from hearsee.indexer.files import damage, publish
from hearsee.indexer.shards import Shard
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.gpu import GpuKind, gpus, placed
from hearsee.indexer.shards.kinds import Kind
from hearsee.indexer.shards.sealed import Proposer, unseal
from hearsee.indexer.shards.tuning import K, Tuned

log = logging.getLogger(__name__)
FILE = "recall.json"
FOLDER = "indexes"
FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """How the rows of one shard are searched."""

    modality: Modality
    vectors: str  # SHA-256 of the rows
    rows: int
    kind: Kind
    reason: str
    bytes_per_vector: int
    path: str | None = None  # none: searched exactly
    sha256: str | None = None
    tuned: tuple[Tuned, ...] = ()
    chosen: Kind | None = None  # the kind that was tried, where none of its efforts was good enough
    learned: int = 0  # rows when its lists and codes were learned
    aged: int = 0  # rows that came and went since
    measured: int = 0  # rows when its recall was measured
    changed: int = 0  # rows that came and went since

    def as_dict(self) -> dict[str, Any]:
        plain = {
            name: value for name, value in vars(self).items() if name not in ("modality", "kind", "chosen", "tuned")
        }
        chosen = None if self.chosen is None else self.chosen.value
        tuned = [one.as_dict() for one in self.tuned]
        return {"modality": self.modality.value, "kind": self.kind.value, **plain, "chosen": chosen, "tuned": tuned}


@dataclass(frozen=True)
class Given:
    """Queries that were given in a file, and stand for those of one modality."""

    asking: str
    path: str
    sha256: str
    rows: int
    space: str  # fingerprint of the space they lie in


@dataclass(frozen=True)
class Ledger:
    recall: float
    kind: Kind | None  # asked for by name
    entries: tuple[Entry, ...]
    given: tuple[Given, ...] = ()

    @property
    def paths(self) -> set[str]:
        """Every file that it names."""
        return {entry.path for entry in self.entries if entry.path is not None} | {one.path for one in self.given}

    def entry(self, vectors: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.vectors == vectors), None)


def write_ledger(folder: Path, ledger: Ledger) -> None:
    """As the library's one writer; the files named are published already."""
    document = {
        "format": FORMAT,
        "recall": ledger.recall,
        "kind": ledger.kind,
        "queries": [vars(one) for one in ledger.given],
        "shards": [entry.as_dict() for entry in ledger.entries],
    }
    publish(folder, FILE, lambda sink: sink.write((json.dumps(document, indent=1) + "\n").encode()))


def read_ledger(folder: Path) -> Ledger | None:
    """None where no recall was ever asked for."""
    path = folder / FILE
    if not path.exists():
        return None
    with damage(path):
        content = path.read_bytes()
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}")
        kind = None if document["kind"] is None else Kind(document["kind"])
        given = tuple(Given(**one) for one in document.get("queries", ()))
        return Ledger(float(document["recall"]), kind, tuple(_entry(row) for row in document["shards"]), given)
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{path} is not understood ({error!r}): build again with `hearsee index --recall`") from None


def _entry(row: Mapping[str, Any]) -> Entry:
    tuned = tuple(Tuned.from_dict(one) for one in row["tuned"])
    chosen = None if row.get("chosen") is None else Kind(row["chosen"])
    kinds = {"modality": Modality.named(row["modality"]), "kind": Kind(row["kind"]), "chosen": chosen}
    return Entry(**{**row, **kinds, "tuned": tuned})


def fastest(folder: Path, vectors: str, rows: FlatShard) -> tuple[Shard, dict[Modality, Shard]]:
    """The rows behind what was built and proved for them, for anybody and for each modality that may ask.

    On GPUs that hold the rows, all of them are scored faster than any shard proposes. Whatever is wrong with what
    was built, the rows alone, searched exactly.
    """
    if devices := gpus():
        shard: Shard = placed(rows, GpuKind.FLAT, devices=devices)
        if shard is not rows:
            return shard, {}
    try:
        ledger = read_ledger(folder)
        entry = ledger.entry(vectors) if ledger is not None else None
        if entry is None or entry.path is None or entry.sha256 is None:
            return rows, {}
        proposer, _ = unseal(folder, entry.path, entry.sha256, rows, vectors)
        return careful(proposer, entry.tuned), by_asking(proposer, entry.tuned)
    except Damaged as damaged:
        log.warning("%s; until then the search is exact", damaged)
        return rows, {}


def by_asking(shard: Proposer, tuned: tuple[Tuned, ...]) -> dict[Modality, Shard]:
    """At the effort that was proved for each, or exactly where none was good enough."""
    return {
        Modality.named(one.asking): shard.kept if one.effort is None else shard.with_effort(one.effort) for one in tuned
    }


def careful(shard: Proposer, tuned: tuple[Tuned, ...]) -> Proposer:
    """With the dearest effort of all modalities that may ask: whoever asks, the target was proved for them."""
    efforts = [one.effort for one in tuned]
    known = [effort for effort in efforts if effort is not None]
    if not known or len(known) < len(efforts):
        return shard.with_effort(None)
    return shard.with_effort(max(known, key=lambda effort: shard.cost(effort, K)))
