"""What a person would call an item."""

from __future__ import annotations

from os import fsencode
from pathlib import Path
from typing import TYPE_CHECKING

from hearsee.api.terminal import visible

if TYPE_CHECKING:
    from hearsee.core.item import Item


def name_of(item: Item) -> str:
    """Its words, or where it lies, seen from here."""
    return visible(f"“{item.text}”", 160) if item.text is not None else near(item.uri)


def near(uri: str) -> str:
    """A local URI as a path, relative where it lies below the current folder; others as they are."""
    from hearsee.core.item import local_path

    path = local_path(uri)
    if path is None:
        return visible(uri)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    _, mark, fragment = uri.partition("#")
    return visible(fsencode(shown).decode(errors="replace") + mark + fragment)
