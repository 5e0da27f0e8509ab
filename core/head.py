"""Heads: the small trained maps from towers' backbone vectors into a shared space, and the file that holds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hearsee.core.errors import Damaged
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit

FILE = "heads.safetensors"
FORMAT = 1
IDENTITY, LINEAR, MLP = "identity", "linear", "mlp"
# Beside the matrix, by kind. A vector is brought to length one, what is usual is taken away, and then it is mapped.
MORE: Mapping[str, tuple[str, ...]] = {
    IDENTITY: (),
    LINEAR: ("centre", "bias"),
    MLP: ("centre", "bias", "inner", "inner_bias", "outer"),
}


@dataclass(frozen=True)
class Head:
    """Identity where there is no matrix; linear; or linear with a residual, a layer of `inner` then `outer` weights.

    Unit rows x, less the centre where there is one: x · matrix + bias + gelu(x · inner + inner bias) · outer.
    """

    matrix: Vectors | None = None  # (backbone dim, shared dim)
    more: Mapping[str, Vectors] = field(default_factory=dict)  # see MORE; a bare matrix reads rows as they are

    @property
    def kind(self) -> str:
        if self.matrix is None:
            return IDENTITY
        return MLP if "inner" in self.more else LINEAR

    @property
    def fingerprint(self) -> str:
        if self.matrix is None:
            return "identity"
        digest = hashlib.sha256(self.matrix.tobytes())
        for name, array in sorted(self.more.items()):
            digest.update(f"{name} {array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def apply(self, rows: Vectors) -> Vectors:
        """(rows, backbone) -> (rows, shared), not yet of length one."""
        if self.matrix is None:
            return rows
        if not self.more:
            return rows @ self.matrix
        rows = unit(rows, "backbone vectors")
        if "centre" in self.more:
            rows = rows - self.more["centre"]
        mapped: Vectors = rows @ self.matrix + self.more["bias"]
        if "inner" in self.more:
            mapped += gelu(rows @ self.more["inner"] + self.more["inner_bias"]) @ self.more["outer"]
        return mapped

    def problem(self, backbone: int, shared: int) -> str | None:
        """Why it cannot carry vectors of `backbone` numbers into a space of `shared`; none where it can."""
        if self.matrix is None:
            return None if backbone == shared else f"it keeps {backbone} numbers where the space has {shared}"
        if set(self.more) not in ({*MORE[LINEAR]}, {*MORE[MLP]}, set()):
            return f"it holds {', '.join(sorted(self.more))} beside its matrix"
        width = self.more["inner_bias"].shape[-1] if "inner_bias" in self.more else 0
        shapes = {
            "matrix": (backbone, shared), "centre": (backbone,), "bias": (shared,),
            "inner": (backbone, width), "inner_bias": (width,), "outer": (width, shared),
        }  # fmt: skip
        for name, array in {"matrix": self.matrix, **self.more}.items():
            if array.shape != shapes[name]:
                return f"its {name} is {array.shape}, not {shapes[name]}"
            if not np.isfinite(array).all():
                return f"its {name} is not all finite"
        return None


def gelu(rows: Vectors) -> Vectors:
    """The tanh form, which numpy and torch compute alike."""
    inside = np.float32(np.sqrt(2 / np.pi)) * (rows + np.float32(0.044715) * rows * rows * rows)
    curved: Vectors = np.float32(0.5) * rows * (1 + np.tanh(inside))
    return curved


@dataclass(frozen=True)
class Heads:
    """Heads that were trained together, and for which towers."""

    by_modality: Mapping[Modality, Head]
    dim: int  # of the shared space
    towers: Mapping[Modality, str] = field(default_factory=dict)  # fingerprints of the towers' contracts, where known
    about: Mapping[str, Any] = field(default_factory=dict)  # how they were made, and what they were found to be worth


def packed_heads(heads: Heads) -> bytes:
    """The content of the file: tensors named `image.matrix` and so on, and a JSON of kinds in its header."""
    from safetensors.numpy import save

    tensors = {
        f"{modality}.{name}": np.ascontiguousarray(array, np.float32)
        for modality, head in heads.by_modality.items()
        if head.matrix is not None
        for name, array in {"matrix": head.matrix, **head.more}.items()
    }
    told = {
        "format": FORMAT,
        "dim": heads.dim,
        "kinds": {str(modality): head.kind for modality, head in heads.by_modality.items()},
        "towers": {str(modality): fingerprint for modality, fingerprint in heads.towers.items()},
        "about": dict(heads.about),
    }
    return bytes(save(tensors, metadata={"heads": json.dumps(told, sort_keys=True)}))


def read_heads(path: Path) -> Heads:
    """What `packed_heads` wrote; also a bare file with one matrix for each modality, under its name."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = (file.metadata() or {}).get("heads")
            tensors = {name: np.ascontiguousarray(file.get_tensor(name), np.float32) for name in file.keys()}  # noqa: SIM118
        return _bare(tensors) if header is None else _told(json.loads(header), tensors)
    except Exception as error:  # safetensors has no common error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Damaged(f"{path} holds no heads: {reason}; train them with `hearsee align heads`") from None


def _bare(tensors: Mapping[str, Vectors]) -> Heads:
    heads = {Modality.named(name): Head(array) for name, array in tensors.items()}
    return Heads(heads, next(iter(tensors.values())).shape[-1] if tensors else 0)


def _told(told: Mapping[str, Any], tensors: Mapping[str, Vectors]) -> Heads:
    if told["format"] != FORMAT:
        raise ValueError(f"format {told['format']}, not {FORMAT}: they need a newer Hearsee")
    arrays: dict[str, dict[str, Vectors]] = {name: {} for name in told["kinds"]}
    for name, array in tensors.items():
        modality, _, own = name.partition(".")
        arrays[modality][own] = array
    heads = {}
    for name, kind in told["kinds"].items():
        mine = arrays[name]
        heads[Modality.named(name)] = Head(mine.pop("matrix", None), mine)
        if heads[Modality.named(name)].kind != kind:
            raise ValueError(f"the {name} head is said to be {kind} and is {heads[Modality.named(name)].kind}")
    towers = {Modality.named(name): str(fingerprint) for name, fingerprint in told["towers"].items()}
    return Heads(heads, int(told["dim"]), towers, told["about"])
