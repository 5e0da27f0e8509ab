"""The heads that a library switched to: files beside its shards, and the space that they make of its towers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from hearsee.core.errors import Refused
from hearsee.core.head import Head, Heads, packed_heads, read_heads
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.indexer.catalog import HeadsRow, NewHeads
from hearsee.indexer.files import check, publish

FOLDER = "heads"
OWN = "own"  # the heads that the space itself had when the library first switched


def write_heads(root: Path, space: Space, heads: Heads, name: str) -> NewHeads:
    """Publish the heads of every tower of a space."""
    published = publish(root, f"{FOLDER}/{uuid4().hex}.safetensors", lambda sink: sink.write(packed_heads(heads)))
    about = json.dumps(dict(heads.about), sort_keys=True)
    return NewHeads(name, space.fingerprint, published.path, published.sha256, published.bytes, about)


def stored_heads(root: Path, row: HeadsRow) -> Heads:
    check(root / row.path, row.sha256, row.bytes)
    return read_heads(root / row.path)


def live_space(root: Path, row: HeadsRow | None, space: Space) -> Space:
    """The space with the heads that are live; as it is where the library never switched."""
    if row is None or row.space_fingerprint == space.fingerprint:
        return space
    return space.with_heads(stored_heads(root, row).by_modality)


def whole_heads(space: Space, heads: Heads) -> Heads:
    """Heads for every tower: those that are not named are the space's. Refused where they are of other towers."""
    named: Mapping[Modality, Head] = heads.by_modality
    for modality, head in named.items():
        tower = space.tower(modality)
        if heads.towers.get(modality, tower.contract.fingerprint) != tower.contract.fingerprint:
            raise Refused(
                f"the {modality} head was trained over another tower than {tower.contract.tower}: train again"
            )
        if (problem := head.problem(tower.dim, space.dim)) is not None:
            raise Refused(f"the {modality} head does not fit space {space.name!r}: {problem}")
    towers = {modality: tower.contract.fingerprint for modality, tower in space.towers.items()}
    return Heads({m: named.get(m, space.head(m)) for m in space.towers}, space.dim, towers, heads.about)
