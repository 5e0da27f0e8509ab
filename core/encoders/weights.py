"""Weights on disk: hashed, and read without ever running what is in them."""

from __future__ import annotations

import hashlib
import json
import re
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
INDEX = ".index.json"  # of a model in several files: model.safetensors.index.json says which tensor is in which
PART = re.compile(r"-\d{3,}-of-\d{3,}$")  # model-00001-of-00003


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
    """The file of weights in a model's folder, or the index of its parts: safetensors first, well-known names first."""
    for pattern in WEIGHTS:
        found = sorted(folder.glob(pattern))
        whole = [path for path in found if not PART.search(path.stem)]
        indexes = sorted(folder.glob(pattern + INDEX))
        known = [path for path in whole if path.stem in PREFERRED]
        if known or indexes or whole:
            return min(known or indexes or whole, key=lambda path: (_stem(path) not in PREFERRED, path.name))
        if found:
            raise NotFound(
                f"{found[0]} is a part of a model, and no *{found[0].suffix}{INDEX} is beside it: fetch both"
            )
    raise NotFound(f"no weights in {folder}: it must hold a file like {', '.join(WEIGHTS)}")


def _stem(path: Path) -> str:
    return Path(path.name.removesuffix(INDEX)).stem


def parts_of(weights: Path) -> dict[Path, list[str]]:
    """The files that hold the tensors, and which each holds where an index says so; none of them is elsewhere."""
    if not weights.name.endswith(INDEX):
        return {weights: []}
    named = read_object(weights).get("weight_map")
    if not isinstance(named, dict) or not named or not all(isinstance(part, str) for part in named.values()):
        raise Damaged(f"{weights} has no weight_map of tensors to files: fetch it again")
    parts: dict[Path, list[str]] = {}
    for tensor, part in named.items():
        parts.setdefault(weights.parent / _name_inside(weights, part), []).append(tensor)
    lost = sorted(part.name for part in parts if not part.is_file())
    if lost:
        raise NotFound(
            f"{weights.parent} lacks {lost[0]}, {len(lost)} of the {len(parts)} parts that {weights.name} names: "
            "fetch the whole folder of the model"
        )
    for part in parts:
        _stays_inside(weights, part)
    return parts


def _name_inside(weights: Path, part: str) -> str:
    kind = Path(weights.name.removesuffix(INDEX)).suffix
    if Path(part).name != part or "\\" in part or "\0" in part or not part.endswith(kind):
        raise Damaged(f"{weights} names {part[:80]!r}, which is no {kind} file beside it: nothing elsewhere is read")
    return part


def _stays_inside(weights: Path, part: Path) -> None:
    """Links may lead to where a hub's cache keeps what its snapshots show, and nowhere else."""
    folder, leads = weights.parent.resolve(), part.resolve()
    allowed = [folder, folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else [folder]
    if leads.parent not in allowed:
        raise Damaged(f"{part} leads out of its folder, to {leads}: put the file itself there")


def fingerprint(folder: Path, weights: Path) -> str:
    """One SHA-256 over everything that a tower reads: weights in all their parts, configuration, tokenizer."""
    beside = [path for pattern in READ for path in folder.rglob(pattern)] if folder != weights else []
    paths = sorted({weights, *parts_of(weights), *beside})
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


def weights_state(weights: Path) -> tuple[State, ...]:
    """As `state_of`, for weights in all their parts."""
    return tuple(state_of(path) for path in sorted({weights, *parts_of(weights)}))


def file_hash(path: Path) -> str:
    """SHA-256 of a file, computed once in a process while its state stays."""
    return _hash(path.resolve(), state_of(path))


@lru_cache(maxsize=256)
def _hash(path: Path, state: State) -> str:  # noqa: ARG001 - part of the cache's key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, from safetensors or a torch checkpoint that holds nothing but tensors, or from all its parts."""
    if not path.name.endswith(INDEX):
        return _read_file(path)
    together: dict[str, Tensor] = {}
    for part, names in parts_of(path).items():
        held = _read_file(part)
        for name in names:
            plain = name if name in held else name.removeprefix("module.")
            if plain not in held:
                raise Damaged(f"{part} lacks {name[:80]!r}, which {path.name} says it holds: fetch both again")
            together[plain] = held[plain]
    return together


def _read_file(path: Path) -> dict[str, Tensor]:
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
