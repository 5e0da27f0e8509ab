"""Weights on disk: hashed, and read without ever running what is in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hearsee.core.errors import Damaged, NotFound
from hearsee.core.models import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

READ = ("*.json", "*.txt", "*.model")  # what else a tower reads beside its weights
PREFERRED = ("open_clip_model", "open_clip_pytorch_model", "model", "pytorch_model")


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file that may hold anything."""
    if not path.is_file():
        raise NotFound(f"{path.parent} holds no {path.name}: fetch the whole folder of the model")
    try:
        held = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path} is not JSON ({_short(error)}): fetch it again") from None
    if not isinstance(held, dict):
        raise Damaged(f"{path} holds {type(held).__name__}, not an object: fetch it again")
    return held


def weights_file(folder: Path) -> Path:
    """The file of weights in a model's folder: safetensors before anything else, well-known names first."""
    for pattern in WEIGHTS:
        found = sorted(folder.glob(pattern))
        if found:
            return min(found, key=lambda path: (path.stem not in PREFERRED, path.name))
    raise NotFound(f"no weights in {folder}: it must hold a file like {', '.join(WEIGHTS)}")


def fingerprint(folder: Path, weights: Path) -> str:
    """One SHA-256 over everything that a tower reads: weights, configuration, tokenizer."""
    paths = (
        sorted({weights, *(path for pattern in READ for path in folder.rglob(pattern))})
        if folder != weights
        else [weights]
    )
    return combined([(path.name, file_hash(path)) for path in paths])


def combined(named: Sequence[tuple[str, str]]) -> str:
    if len(named) == 1:
        return named[0][1]
    return hashlib.sha256("\n".join(f"{name} {digest}" for name, digest in sorted(named)).encode()).hexdigest()


State: TypeAlias = tuple[int, int]


def state_of(path: Path) -> State:
    """Size and time of the last change: another file under an old name is read anew."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def file_hash(path: Path) -> str:
    """SHA-256 of a file, computed once in a process while its state stays."""
    return _hash(path.resolve(), state_of(path))


@lru_cache(maxsize=256)
def _hash(path: Path, state: State) -> str:  # noqa: ARG001 - part of the cache's key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or from a torch checkpoint that holds nothing but tensors."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except SafetensorError as error:
        raise Damaged(f"{path} is not a safetensors file ({_short(error)}): fetch it again") from None
    except Exception as error:  # the restricted unpickler raises nearly anything on hostile bytes
        raise Damaged(
            f"{path} holds more than tensors or is damaged, nothing in it was run ({_short(error)}): "
            "fetch the model's .safetensors file instead"
        ) from None
    return _tensors(held, path)


def _tensors(held: object, path: Path) -> dict[str, Tensor]:
    import torch

    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    if not isinstance(held, dict) or not held:
        raise Damaged(f"{path} holds {type(held).__name__}, not tensors by name: fetch the model's .safetensors file")
    tensors = {str(name).removeprefix("module."): value for name, value in held.items()}
    strange = next((name for name, value in tensors.items() if not isinstance(value, torch.Tensor)), None)
    if strange is not None:
        raise Damaged(
            f"{path} holds {type(tensors[strange]).__name__} as {strange[:60]!r}, not a tensor: it is no model"
        )
    return tensors


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
