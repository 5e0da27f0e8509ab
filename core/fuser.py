"""What was learned about fusing in a space: a file of weights that says in which space it was learned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.attention import start_weights
from hearsee.core.errors import Damaged, Refused
from hearsee.core.modality import Modality

FILE = "fusion.safetensors"  # in the space's folder, and in the folder of a library with its own
FORMAT = "1"
ATTENTIONS = ("additive", "dot")
EARLY = "early"

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Learned:
    """Weights by method and name, and the fingerprint of the space that they were learned in."""

    space: str
    dim: int
    weights: Mapping[str, Arrays]  # additive, dot: as core.attention names them; early: "project"
    about: Mapping[str, Any] = field(default_factory=dict)  # how they were trained


def start_projection(dim: int) -> NDArray[np.float32]:
    """(wanted, part's modality, d, d): before training each part stays as it is."""
    kinds = len(Modality)
    return np.tile(np.eye(dim, dtype=np.float32), (kinds, kinds, 1, 1))


def packed(learned: Learned) -> bytes:
    """The content of the file; float16 loses nothing that matters."""
    from safetensors.numpy import save

    tensors = {
        f"{method}.{name}": np.ascontiguousarray(array, np.float16)
        for method, arrays in learned.weights.items()
        for name, array in arrays.items()
    }
    about = {"format": FORMAT, "space": learned.space, "dim": str(learned.dim), "about": json.dumps(learned.about)}
    return bytes(save(tensors, metadata=about))


def read_learned(path: Path, space: str, dim: int) -> Learned:
    """The weights of fusion, refused where they were learned in another space, or are not what they should be."""
    rng = np.random.default_rng(0)
    expected: dict[str, Arrays] = {kind: start_weights(kind, dim, rng) for kind in ATTENTIONS}
    expected[EARLY] = {"project": start_projection(dim)}
    return read_weights(path, space, dim, expected, "hearsee align fusion")


def read_weights(path: Path, space: str, dim: int, expected: Mapping[str, Arrays], command: str) -> Learned:
    """Weights with the names and shapes that are expected; `command` trains them again."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
            tensors = {name: np.asarray(file.get_tensor(name), np.float32) for name in file.keys()}  # noqa: SIM118
        about = json.loads(told.get("about", "{}"))
    except Exception as error:  # safetensors has no common error
        raise Damaged(f"{path} holds no {path.stem} weights ({error}): train them with `{command}`") from None
    if told.get("format") != FORMAT or told.get("space") != space:
        raise Refused(
            f"{path} was learned in space {str(told.get('space'))[:12]}, this is {space[:12]}: it means nothing "
            f"here; train again with `{command}`"
        )
    weights: dict[str, dict[str, NDArray[np.float32]]] = {}
    for name, tensor in tensors.items():
        method, _, own = name.partition(".")
        weights.setdefault(method, {})[own] = tensor
    _check(path, weights, expected)
    return Learned(space, dim, weights, about)


def _check(path: Path, weights: Mapping[str, Arrays], expected: Mapping[str, Arrays]) -> None:
    for method, arrays in weights.items():
        shapes = {name: array.shape for name, array in expected.get(method, {}).items()}
        if {name: array.shape for name, array in arrays.items()} != shapes:
            raise Damaged(f"{path}: the weights of {method!r} have other names or shapes: train them again")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise Damaged(f"{path}: the weights of {method!r} are not all finite: train them again")
