"""Texts as pairs that nobody brings: read by a space's text tower, and by that of the model that sees or hears.

Where pictures go through CLIP and texts through another model, CLIP's own text tower says about where a caption's
picture would lie; so a list of names or captions is worth something before any picture of them is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hearsee.core.encoders import Encoder
from hearsee.core.encoders.table import make_tower
from hearsee.core.errors import BadInput, NotFound
from hearsee.core.media.kinds import Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.presets import placed_options, read_preset
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.align.first import Anchors

BOTH = ("open_clip", "clap")  # models that read as well as they see or hear, into one space
BLOCK = 256  # texts read at once


def text_anchors(space: Space, texts: Sequence[str], say: Callable[[str], None] = lambda _: None) -> Anchors:
    """Backbone rows by modality, row i of each for text i; of a text too long for a tower its beginning."""
    twins = _twins(space)
    mine = space.tower(Modality.TEXT)
    found = {Modality.TEXT.value: _read(mine, texts)}
    for modality, twin in twins.items():
        found[modality.value] = _read(twin, texts)
        say(f"{len(texts):,} anchors read by {mine.contract.tower} and by {twin.contract.tower}")
    return found


def _twins(space: Space) -> dict[Modality, Encoder]:
    """Text towers of the models that see and hear, where they are not the one that the space reads with."""
    try:
        towers = read_preset(space.name).towers
    except NotFound:
        towers = {}
    own = space.tower(Modality.TEXT).contract.fingerprint
    found: dict[Modality, Encoder] = {}
    for modality, (name, options) in towers.items():
        if modality is not Modality.TEXT and name in BOTH:
            twin = make_tower(name, Modality.TEXT, placed_options(space.name, options))
            if twin.contract.fingerprint != own:
                found[modality] = twin
    if not found:
        raise BadInput(
            f"--anchors: no model of space {space.name!r} reads texts in a way of its own beside the space's text "
            "tower; anchors help where pictures go through CLIP, or sounds through CLAP, and texts through another"
        )
    return found


def _read(tower: Encoder, texts: Sequence[str]) -> Vectors:
    prepare = find_preparation(tower.preparation)
    blocks = [
        tower.encode([prepare(Words(text))[0] for text in texts[start : start + BLOCK]])
        for start in range(0, len(texts), BLOCK)
    ]
    return np.concatenate(blocks)
