"""Spaces described as data: which towers, how large, under which licences, how good, and why."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hearsee.core.encoders import Encoder
from hearsee.core.encoders.table import make_tower
from hearsee.core.encoders.weights import read_object
from hearsee.core.errors import Damaged, HearseeError, NotFound
from hearsee.core.head import FILE as HEADS
from hearsee.core.head import Head, read_heads
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
DESCRIPTION = "space.json"  # what a preset is called in a folder of one's own
DEFAULT = "clip-clap"  # for a user's own media


@dataclass(frozen=True)
class Preset:
    """One description; `towers` is empty where a package brings the space itself."""

    name: str
    dim: int
    towers: Mapping[Modality, tuple[str, Mapping[str, Any]]]  # a tower's name and its options
    aligned: frozenset[Modality]  # which can be compared without a trained head
    free: bool  # whether all weights may be used commercially
    about: Mapping[str, Any]  # the whole description, for people

    @property
    def licences(self) -> str:
        return "; ".join(f"{part['what']}: {part['licence']}" for part in self.about["weights"])


def preset_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_preset(name: str) -> Preset:
    """A preset of the package, or a space in a folder of one's own (its path)."""
    path = FOLDER / f"{name}.json" if name in preset_names() else Path(name).expanduser() / DESCRIPTION
    if not path.is_file():
        raise NotFound(
            f"no space is named {name!r}: known are {', '.join(preset_names())}, or a folder with {DESCRIPTION}"
        )
    return _parsed(path)


def _parsed(path: Path) -> Preset:
    held = read_object(path)
    try:
        towers = {Modality.named(m): (str(t["tower"]), dict(t.get("options", {}))) for m, t in held["towers"].items()}
        aligned = frozenset(Modality.named(modality) for modality in held.get("aligned", ()))
        free = all(bool(part["free"]) for part in held.setdefault("weights", []))
        if not isinstance(held["dim"], int) or not 0 < held["dim"] < 2**16:
            raise ValueError(f"dim is {held['dim']!r}")
        if not isinstance(held.get("reranker", ""), str) or ":" in held.get("reranker", ""):  # no code, only a model
            raise ValueError(f"reranker is {held['reranker']!r}")
        return Preset(str(held["name"]), held["dim"], towers, aligned, free, held)
    except (KeyError, TypeError, ValueError, AttributeError, HearseeError) as error:
        raise Damaged(f"{path} does not describe a space: {error!r}") from None


def preset_space(name: str, environ: Mapping[str, str] | None = None) -> Space:
    """The space of a preset: its weights found, not yet read; warns of what its user should know."""
    preset = read_preset(name)
    if not preset.towers:
        raise NotFound(f"space {name!r} is brought by another package, which is not installed")
    if not preset.free:  # before they are looked for: whoever is to fetch them should know
        logger.warning("space %s uses weights that are not free for every use: %s", name, preset.licences)
    # open_clip takes seconds to import before it knows which weights it wants: what else is missing is told before.
    quick_first = sorted(preset.towers.items(), key=lambda one: one[1][0] == "open_clip")
    made = {
        modality: make_tower(tower, modality, placed_options(name, options))
        for modality, (tower, options) in quick_first
    }
    towers = {modality: made[modality] for modality in preset.towers}
    trained = find_heads(name, os.environ if environ is None else environ)
    heads = {modality: _head(preset, modality, tower, trained) for modality, tower in towers.items()}
    alone = sorted(towers.keys() - preset.aligned - trained.keys())
    if alone:
        logger.warning(
            "%s in space %s can be compared with nothing else before heads are trained", ", ".join(alone), name
        )
    # A library keeps this name and looks the space up by it again, from wherever it is opened.
    found_by = preset.name if name in preset_names() else str(Path(name).expanduser().resolve())
    return Space(found_by, preset.dim, towers, heads, reranker=preset.about.get("reranker"))


def placed_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a tower; a path that begins with ./ lies in the space's own folder, wherever that was moved to."""
    folder = Path(name).expanduser().resolve()
    inside = name not in preset_names() and folder.is_dir()
    return {
        key: str(folder / value) if inside and isinstance(value, str) and value.startswith("./") else value
        for key, value in options.items()
    }


def find_heads(name: str, environ: Mapping[str, str]) -> dict[Modality, Head]:
    """Trained heads by modality: in the space's own folder, or under HEARSEE_MODELS in `spaces/NAME`."""
    folders = [Path(name).expanduser()] if name not in preset_names() else []
    folders += [
        Path(root).expanduser() / "spaces" / name
        for root in filter(None, environ.get("HEARSEE_MODELS", "").split(os.pathsep))
    ]
    for folder in folders:
        if (folder / HEADS).is_file():
            return dict(read_heads(folder / HEADS).by_modality)
    return {}


def _head(preset: Preset, modality: Modality, tower: Encoder, trained: Mapping[Modality, Head]) -> Head:
    if modality in trained:
        problem = trained[modality].problem(tower.dim, preset.dim)
        if problem is not None:
            raise Damaged(f"the {modality} head of space {preset.name!r} does not fit: {problem}")
        return trained[modality]
    return Head(None if tower.dim == preset.dim else start_matrix(tower.dim, preset.dim))


def start_matrix(backbone: int, shared: int) -> Vectors:
    """In place of a head before one is trained: cosines inside a modality stay (padded), or nearly (random signs)."""
    if backbone <= shared:
        return np.eye(backbone, shared, dtype=np.float32)
    signs = np.random.default_rng(0).integers(0, 2, (backbone, shared))  # whole numbers: the same bits on every machine
    return np.asarray((2 * signs - 1) / np.sqrt(shared), np.float32)


def describe_spaces() -> list[dict[str, Any]]:
    """A row for each preset, for people; nothing is looked for, fetched or loaded."""
    return [_row(read_preset(name)) for name in sorted(preset_names(), key=lambda name: (name != DEFAULT, name))]


def _row(preset: Preset) -> dict[str, Any]:
    kept = ("about", "megabytes", "languages", "weights", "data", "figures", "reason")
    towers = {
        str(m): " ".join(
            [tower, *(value if isinstance(value, str) else f"{name}={value}" for name, value in given.items())]
        )
        for m, (tower, given) in preset.towers.items()
    }
    return {
        "name": preset.name,
        "default": preset.name == DEFAULT,
        "dim": preset.dim,
        "towers": towers,
        "aligned": sorted(preset.aligned),
        "free": preset.free,
        **{key: preset.about.get(key) for key in kept},
    }
