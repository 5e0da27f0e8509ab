"""A space: towers and heads under one name and one fingerprint; where all modalities can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

from hearsee.core.encoders import Encoder
from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.errors import BadInput, NotFound
from hearsee.core.head import Head
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit

__all__ = ["Head", "Space", "hash_space", "load_space", "space_names"]


@dataclass(frozen=True)
class Space:
    name: str
    dim: int
    towers: Mapping[Modality, Encoder]
    heads: Mapping[Modality, Head] = field(default_factory=dict)
    fusion: Path | None = None  # the folder that holds what was learned about fusing in it, if anything was
    reranker: str | None = None  # what looks again: `package.module:function`, or an image-text model's name

    @property
    def fingerprint(self) -> str:
        parts = [f"{self.dim}"]
        parts += [f"{m} {self.towers[m].contract.fingerprint} {self.head(m).fingerprint}" for m in sorted(self.towers)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def tower(self, modality: Modality) -> Encoder:
        if modality not in self.towers:
            known = ", ".join(sorted(self.towers))
            raise BadInput(f"space {self.name!r} has no tower for {modality}: it encodes {known}")
        return self.towers[modality]

    def head(self, modality: Modality) -> Head:
        return self.heads.get(modality, Head())

    def with_heads(self, heads: Mapping[Modality, Head]) -> Space:
        """The same towers with other heads; those that are not named stay."""
        return replace(self, heads={**self.heads, **heads})

    def project(self, modality: Modality, backbone: Vectors) -> Vectors:
        """Carry backbone vectors into the shared space, as unit rows."""
        if not len(backbone):
            return np.empty((0, self.dim), np.float32)
        return unit(self.head(modality).apply(np.asarray(backbone, np.float32)), f"{modality} vectors")


def hash_space() -> Space:
    return Space("hash", 16, {modality: HashEncoder(modality) for modality in Modality})


def space_names() -> list[str]:
    from hearsee.core.presets import preset_names  # a preset is made of what is above

    return sorted({"hash", *preset_names(), *(entry.name for entry in entry_points(group="hearsee.spaces"))})


def load_space(name: str) -> Space:
    """Find a space by name, or by the folder that describes it; weights are read when something is encoded."""
    if name == "hash":
        return hash_space()
    for entry in entry_points(group="hearsee.spaces"):
        if entry.name == name:
            space: Space = entry.load()()
            return space
    from hearsee.core.presets import DESCRIPTION, preset_names, preset_space

    if name in preset_names() or (Path(name).expanduser() / DESCRIPTION).is_file():
        return preset_space(name)
    raise NotFound(f"no space is named {name!r}: known are {', '.join(space_names())}")
