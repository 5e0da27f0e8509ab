"""From bytes to pieces: decode, then run the tower's preparation; the same for indexing and for queries."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from hearsee.core.errors import BadInput, BadMedia, HearseeError
from hearsee.core.media.decode import decode
from hearsee.core.media.kinds import Media, Piece, Preparation, Shrink, Sound
from hearsee.core.media.limits import Limits
from hearsee.core.media.magic import is_film
from hearsee.core.modality import Modality

if TYPE_CHECKING:
    from hearsee.core.space import Space


@functools.cache
def find_preparation(name: str) -> Preparation:
    """Import the function that `package.module:function` names; options may follow as `?{"size": 224}`."""
    path, asked, options = name.partition("?")
    module, _, function = path.partition(":")
    try:
        found: Preparation = getattr(importlib.import_module(module), function)
        return functools.partial(found, **json.loads(options)) if asked else found
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise BadInput(f"preparation {name!r} cannot be imported: {error}") from None


@functools.cache
def find_shrink(name: str) -> Shrink | None:
    """What a preparation with the option `draft` lets decoders leave out: `shrink` beside its function."""
    path, _, options = name.partition("?")
    if '"draft"' not in options:
        return None
    return find_preparation(f"{path.partition(':')[0]}:shrink?{options}")  # type: ignore[return-value]


@functools.cache
def takes_blocks(name: str) -> bool:
    """Whether a preparation reads a sound by slices, from front to back: the constant BLOCKS beside it says so."""
    return bool(getattr(importlib.import_module(name.partition(":")[0]), "BLOCKS", False))


@functools.cache
def find_each(name: str) -> Callable[[Media], Iterable[Piece]]:
    """A preparation, or what makes its pieces one by one: `each_sound` beside a function `sound`."""
    path, asked, options = name.partition("?")
    module, _, function = path.partition(":")
    if hasattr(importlib.import_module(module), f"each_{function}"):
        return find_preparation(f"{module}:each_{function}{asked}{options}")
    return find_preparation(name)


def prepare(preparation: str, modality: Modality, raw: bytes, limits: Limits, track: str | None = None) -> list[Piece]:
    """Decode bytes within the limits and cut them into pieces; BadMedia says what is wrong with them.

    `track` names the preparation of a film's sound, whose pieces follow those of its pictures.
    """
    return list(prepared(preparation, modality, raw, limits, track))


def prepared(
    preparation: str, modality: Modality, raw: bytes, limits: Limits, track: str | None = None
) -> Iterator[Piece]:
    """The same, piece by piece as they are decoded: what is wrong may be said after some of them."""
    if len(raw) > limits.max_file_bytes:
        raise BadMedia(f"{len(raw):,} bytes, the limit is {limits.max_file_bytes:,}")
    if not raw:
        raise BadMedia("an empty text" if modality is Modality.TEXT else "an empty file")
    find_preparation(preparation)  # one that is missing is not the media's fault
    film = modality is Modality.IMAGE and is_film(raw)
    media = None if film else decode(modality, raw, limits, find_shrink(preparation), takes_blocks(preparation))
    made = False
    try:
        for piece in find_each(preparation)(media) if media is not None else _of_film(preparation, track, raw, limits):
            if np.asarray(piece.data).dtype.kind not in "biuf":
                made = False
                break
            made = True
            yield piece
        if takes_blocks(preparation):
            _finish(media)
    except (HearseeError, MemoryError):
        raise
    except Exception as error:
        raise BadMedia(f"cannot be prepared for its tower: {type(error).__name__}: {error}") from error
    if not made:
        raise BadMedia(f"preparation {preparation!r} made nothing of it that a tower can take")


def _of_film(preparation: str, track: str | None, raw: bytes, limits: Limits) -> Iterator[Piece]:
    from hearsee.core.media.films import Film

    try:
        film, see = Film(raw, limits), find_preparation(preparation)
        for picture, span in film.frames():
            yield from (Piece(piece.data, span) for piece in see(picture))
        if track is not None and (heard := film.sound(takes_blocks(track))) is not None:
            for piece in find_each(track)(heard):
                yield Piece(piece.data, piece.span, Modality.AUDIO)
            _finish(heard)
    except (HearseeError, MemoryError):
        raise
    except Exception as error:  # hostile bytes leave the library's objects half made
        raise BadMedia("damaged: the film contradicts itself") from error


def _finish(media: Media | None) -> None:
    if isinstance(media, Sound) and (finish := getattr(media.samples, "finish", None)) is not None:
        finish()


def prepare_media(modality: Modality, raw: bytes, space: Space, limits: Limits) -> list[Piece]:
    return prepare(space.tower(modality).preparation, modality, raw, limits)
