"""What a space has learned about edits ("this picture, but blue") and steering away, and how an answer tells of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hearsee.core.edits import FILE, read_edits
from hearsee.core.errors import HearseeError
from hearsee.core.fuser import Learned
from hearsee.core.space import Space
from hearsee.search.fusion.blend import EncodedPart

log = logging.getLogger(__name__)


def find_edits(folder: Path, space: Space, *, shipped: bool = True) -> Learned | None:
    """For each role the library's own weights, else its space's; what was learned elsewhere is refused and named."""
    found = None
    for place in (space.fusion if shipped else None, folder):
        if place is not None and (place / FILE).is_file():
            try:
                own = read_edits(place / FILE, space.fingerprint, space.dim)
            except HearseeError as error:
                log.warning("%s", error)
                continue
            found = own if found is None else replace(own, weights={**found.weights, **own.weights})
    return found


def said(parts: Sequence[EncodedPart]) -> str:
    """How edits and negative parts were dealt with, to follow a plan's words; nothing where there are none."""
    told = ""
    for name, plainly, mine in (
        ("edited", "by adding the words", [part for part in parts if part.edit]),
        ("steered away", "by a fixed rule", [part for part in parts if part.negative]),
    ):
        if mine:
            learned = all(part.rule is not None for part in mine)
            told += f"; {name} {'as learned' if learned else f'{plainly}, since this space has learned nothing better'}"
    return told
