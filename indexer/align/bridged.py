"""The space that a bridge makes: the towers of one, the sounds of another, and the head between them, in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hearsee.core.errors import BadInput
from hearsee.core.head import FILE, Heads, packed_heads
from hearsee.core.media.kinds import Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.presets import DESCRIPTION, Preset
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.files import make_folder, publish
from hearsee.indexer.library import Library
from hearsee.indexer.segments import read_segment

BLOCK = 256  # captions read at once
MOST = 50_000  # vectors of a library: more change no middle
FEWEST = 20  # fewer have none


def read_texts(space: Space, captions: Sequence[str], say: Callable[[int], None] = lambda _: None) -> Vectors:
    """The captions in the space, as unit rows; of a caption too long for the tower its beginning."""
    tower = space.tower(Modality.TEXT)
    prepare = find_preparation(tower.preparation)
    blocks = []
    for start in range(0, len(captions), BLOCK):
        pieces = [prepare(Words(caption))[0] for caption in captions[start : start + BLOCK]]
        blocks.append(space.project(Modality.TEXT, tower.encode(pieces)))
        say(min(start + BLOCK, len(captions)))
    return np.concatenate(blocks)


def library_vectors(library: Library, space: Space, modality: Modality) -> Vectors | None:
    """Vectors of a library's media where the space's own tower made them; no media are read."""
    theirs = library.catalog.towers().get(modality)
    if theirs is None or theirs.fingerprint != space.tower(modality).contract.fingerprint:
        return None
    rows = [
        read_segment(library.folder, segment)
        for segment in library.catalog.view().segments
        if segment.modality == modality
    ]
    return space.project(modality, np.concatenate(rows)[:MOST].astype(np.float32)) if rows else None


def library_media(library: Library, spaces: tuple[Space, Space]) -> tuple[Vectors, Vectors | None]:
    """The library's sounds in the first space, and its pictures in the second where it has any that are of it."""
    sounds = library_vectors(library, spaces[0], Modality.AUDIO)
    if sounds is None or len(sounds) < FEWEST:
        held = 0 if sounds is None else len(sounds)
        raise BadInput(
            f"library {library.folder} holds {held} points of sounds that the tower of space {spaces[0].name!r} made: "
            f"a middle needs {FEWEST}; leave --library out, or index sounds with that tower"
        )
    pictures = library_vectors(library, spaces[1], Modality.IMAGE) if Modality.IMAGE in spaces[1].towers else None
    return sounds, pictures if pictures is not None and len(pictures) >= FEWEST else None


def check_spaces(one: Preset, other: Preset) -> None:
    """The one must hear and read, the other must read."""
    for preset, needed in ((one, (Modality.TEXT, Modality.AUDIO)), (other, (Modality.TEXT,))):
        missing = [str(modality) for modality in needed if modality not in preset.towers]
        if missing:
            raise BadInput(
                f"space {preset.name!r} has no tower for {' and '.join(missing)}: a bridge leads from a space of texts "
                "and sounds, such as clap, into one of texts and pictures, such as clip"
            )


def check_heads(space: Space) -> None:
    """The bridge takes the place of the sounds' head, so texts and sounds must agree as their towers give them."""
    for modality in (Modality.TEXT, Modality.AUDIO):
        if space.head(modality).matrix is not None:
            raise BadInput(
                f"space {space.name!r} has a head for {modality}: a bridge leads from a space whose towers agree "
                "without heads, such as clap"
            )


def write_space(out: Path, presets: tuple[Preset, Preset], spaces: tuple[Space, Space], heads: Heads) -> None:
    """`space.json` and its heads: the second space, with the sounds of the first."""
    one, other = presets
    described = {
        "name": heads_name(presets),
        "about": f"{other.name} with the sounds of {one.name}, carried over by a bridge that was trained on captions",
        "dim": other.dim,
        "towers": {**other.about["towers"], str(Modality.AUDIO): one.about["towers"][str(Modality.AUDIO)]},
        "aligned": sorted(str(modality) for modality in other.aligned - {Modality.AUDIO}),
        "megabytes": sum(int(preset.about.get("megabytes") or 0) for preset in presets),
        "languages": other.about.get("languages", []),
        **{key: [*other.about.get(key, []), *one.about.get(key, [])] for key in ("weights", "data", "figures")},
        "reason": "trained by `hearsee align bridge`",
    }
    kept = {modality: spaces[1].head(modality) for modality in other.towers}
    whole = {**{m: head for m, head in kept.items() if head.matrix is not None}, **heads.by_modality}
    make_folder(out)
    publish(out, FILE, lambda sink: sink.write(packed_heads(replace(heads, by_modality=whole))))
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    publish(out, DESCRIPTION, lambda sink: sink.write(text.encode()))


def heads_name(presets: tuple[Preset, Preset]) -> str:
    return f"{presets[1].name}-{presets[0].name}"
