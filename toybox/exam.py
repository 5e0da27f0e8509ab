"""Held-out groups through the towers, the whole way that a user's media take."""

from __future__ import annotations

from collections.abc import Sequence

from hearsee.core.media.kinds import Media, Picture, Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.toybox.sound import RATE
from hearsee.toybox.write import Group, group


def held_out(groups: int, seed: int = 2_000_000) -> list[Group]:
    """Groups of combinations that no training saw, with a seed that no training uses."""
    return [group(seed, "held-out", index) for index in range(groups)]


def encoded(space: Space, groups: Sequence[Group]) -> dict[str, Vectors]:
    """Shared-space vectors of the groups' pictures, sounds and captions, row by row."""
    return {str(modality): _rows(space, modality, [_media(one, modality) for one in groups]) for modality in Modality}


def _rows(space: Space, modality: Modality, media: Sequence[Media]) -> Vectors:
    """A toybox item is one window, one passage: its first piece is all of it."""
    tower = space.tower(modality)
    prepare = find_preparation(tower.preparation)
    return space.project(modality, tower.encode([prepare(one)[0] for one in media]))


def _media(one: Group, modality: Modality) -> Media:
    match modality:
        case Modality.IMAGE:
            return Picture(one.picture)
        case Modality.AUDIO:
            return Sound(one.samples, RATE)
        case Modality.TEXT:
            return Words(one.caption)
