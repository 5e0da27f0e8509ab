"""Groups of the toybox, in memory and as a folder of pictures, sounds and captions."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hearsee.core.errors import BadInput
from hearsee.toybox.draw import picture
from hearsee.toybox.scene import Scene
from hearsee.toybox.sound import flac, sound
from hearsee.toybox.splits import SPLITS, combinations, draw_scene
from hearsee.toybox.words import caption

MODALITIES = ("image", "audio", "text")  # the rows of a group, in this order
STREAMS = ("scene", "picture", "sound", "caption")
SHARD = 1000  # files in one folder, when there are more than that

Progress = Callable[[int, int], None]  # groups done, groups in all


@dataclass(frozen=True)
class Group:
    """One scene, shown three ways."""

    scene: Scene
    picture: NDArray[np.uint8]  # (96, 96, 3), RGB
    samples: NDArray[np.float32]  # (frames, 2), left and right
    caption: str
    language: str


def group(seed: int, split: str, index: int) -> Group:
    """The group of this seed, split and index, whatever was generated before it."""
    scene = scene_of(seed, split, index)
    text, language = caption(scene, stream(seed, split, index, "caption"))
    pixels = np.asarray(picture(scene, stream(seed, split, index, "picture")))
    return Group(scene, pixels, sound(scene, stream(seed, split, index, "sound")), text, language)


def scene_of(seed: int, split: str, index: int) -> Scene:
    """What the group shows, without drawing or playing it."""
    return draw_scene(split, stream(seed, split, index, "scene"))


def stream(seed: int, split: str, index: int, use: str) -> np.random.Generator:
    """The generator that one group keeps for one use, independent of all others."""
    combinations(split)  # refuses an unknown split
    if seed < 0 or index < 0:
        raise BadInput(f"seed {seed} and index {index} must be 0 or more")
    return np.random.default_rng([seed, SPLITS.index(split), index, STREAMS.index(use)])


def write_toybox(
    folder: Path, items: int, seed: int, split: str = "held-out", progress: Progress | None = None
) -> Path:
    """Writes exactly `items` items, three to a group, and returns the table that names them, written last."""
    if items < 1:
        raise BadInput(f"items is {items}: ask for 1 or more")
    groups = -(-items // len(MODALITIES))
    table, unfinished = folder / "items.jsonl", folder / "items.jsonl.part"
    folder.mkdir(parents=True, exist_ok=True)
    table.unlink(missing_ok=True)  # an old table must not name half-written files
    left = items
    with unfinished.open("w", encoding="utf-8") as lines:
        for index in range(groups):
            wanted = MODALITIES[:left]
            for row in _write_group(folder, seed, split, index, wanted, sharded=groups > SHARD):
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            left -= len(wanted)
            if progress is not None:
                progress(index + 1, groups)
        lines.flush()
        os.fsync(lines.fileno())
    unfinished.replace(table)
    return table


def _write_group(
    folder: Path, seed: int, split: str, index: int, wanted: tuple[str, ...], *, sharded: bool
) -> Iterator[dict[str, Any]]:
    """Writes the wanted files of one group and yields their rows."""
    one = group(seed, split, index)
    truth = {"group": f"toybox-{split}-{seed}-{index:06d}", **one.scene.attributes(), "split": split}
    shard = f"{index // SHARD:03d}/" if sharded else ""
    if "image" in wanted:
        path = f"images/{shard}{index:06d}.png"
        yield {"modality": "image", "path": _put(folder, path, png(one.picture)), **truth}
    if "audio" in wanted:
        path = f"sounds/{shard}{index:06d}.flac"
        yield {"modality": "audio", "path": _put(folder, path, flac(one.samples)), **truth}
    if "text" in wanted:
        yield {"modality": "text", "text": one.caption, "language": one.language, **truth}


def png(pixels: NDArray[np.uint8]) -> bytes:
    """The picture as PNG, packed quickly rather than tightly."""
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG", compress_level=1)
    return packed.getvalue()


def _put(folder: Path, path: str, content: bytes) -> str:
    """Writes the file and returns its path inside the folder."""
    target = folder / path
    try:
        target.write_bytes(content)
    except FileNotFoundError:  # the first of its folder
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path
