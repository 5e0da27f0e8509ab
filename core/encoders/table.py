"""Towers by name: this package's own, imported when asked for, and others' through the entry-point group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from hearsee.core.encoders import Encoder
from hearsee.core.errors import BadInput, NotFound
from hearsee.core.modality import Modality

GROUP = "hearsee.towers"
Factory: TypeAlias = Callable[..., Encoder]  # (modality, **options): the options of a preset's tower

TOWERS: Mapping[str, str] = {
    "clap": "hearsee.core.encoders.clap:clap_tower",
    "hash": "hearsee.core.encoders.hash:HashEncoder",
    "onnx": "hearsee.core.encoders.onnx_file:onnx_tower",
    "open_clip": "hearsee.core.encoders.openclip:open_clip_tower",
    "transformers": "hearsee.core.encoders.transformers_tower:backbone_tower",
}


def tower_names() -> list[str]:
    return sorted({*TOWERS, *(entry.name for entry in entry_points(group=GROUP))})


def find_tower(name: str) -> Factory:
    """The factory of the towers called `name`; the library it stands on is not imported yet."""
    if name in TOWERS:
        module, _, function = TOWERS[name].partition(":")
        found: Factory = getattr(import_module(module), function)
        return found
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            loaded: Factory = entry.load()
            return loaded
    raise NotFound(f"no tower is named {name!r}: known are {', '.join(tower_names())}")


def make_tower(name: str, modality: Modality, options: Mapping[str, Any]) -> Encoder:
    factory = find_tower(name)
    try:
        return factory(modality, **options)
    except TypeError as error:
        raise BadInput(f"tower {name!r} cannot be made with options {sorted(options)}: {error}") from None
