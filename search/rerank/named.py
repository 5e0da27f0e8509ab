"""Finding a reranker: the one that a space brings, or an image-text model in a folder or on a hub."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from threading import Lock

from hearsee.core.errors import BadInput, NotFound
from hearsee.core.space import Space
from hearsee.search.rerank import Reranker

BLIP = "blip"  # short for the image-text model that most people mean


class Rerankers:
    """Makes each reranker once; what it needs is loaded with the first thing that it reads."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._made: dict[str, Reranker] = {}
        self._lock = Lock()

    def find(self, asked: str | bool) -> tuple[str, Reranker]:
        """By name, or the space's own (True): what to call it, and the reranker."""
        name = self._space.name if asked is True else str(asked)
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return name, self._made[name]

    def _make(self, name: str) -> Reranker:
        if name == self._space.name and self._space.reranker is not None:
            return made(self._space.reranker)
        if name == BLIP:
            return _image_text(name)
        for entry in entry_points(group="hearsee.spaces"):
            if entry.name == name:
                space: Space = entry.load()()
                if space.reranker is not None:
                    return made(space.reranker)
        if "/" in name or Path(name).is_dir():
            return _image_text(name)
        if name == self._space.name:
            raise BadInput(f"space {name!r} brings no reranker: name one, such as {' or '.join(reranker_names())}")
        raise NotFound(
            f"no reranker is named {name!r}: use {' or '.join(reranker_names())}, or the folder of a BLIP model"
        )


def made(described: str) -> Reranker:
    """What a space says: `package.module:function` that makes it, or the folder or hub name of an image-text model."""
    module, _, function = described.partition(":")
    if not function:
        return _image_text(described)
    make: Callable[[], Reranker] = getattr(importlib.import_module(module), function)
    return make()


def _image_text(name: str) -> Reranker:
    from hearsee.search.rerank.image_text import DEFAULT, ImageTextReranker  # brings what prepares pictures

    return ImageTextReranker(DEFAULT if name == BLIP else name)


def reranker_names() -> list[str]:
    """Names that need no folder; a space's entry is loaded to ask it, which reads no weights."""
    brought = [entry.name for entry in entry_points(group="hearsee.spaces") if entry.load()().reranker is not None]
    return [*sorted(brought), BLIP]
