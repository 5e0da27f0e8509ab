"""From a scene to its picture: how big, how many, where, how clear."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from hearsee.toybox.draw.background import SIDE, Backdrop, backdrop, cast_shadow
from hearsee.toybox.draw.palette import palette
from hearsee.toybox.draw.pen import Pen
from hearsee.toybox.draw.things import DRAWINGS
from hearsee.toybox.scene import Scene

# Pixels from edge to edge of one thing alone and near; several are drawn smaller, so that four fit on one side.
EXTENTS = {"small": 26.0, "medium": 35.5, "large": 48.0}
CROWDING = {1: 1.0, 2: 0.74, 3: 0.605, 4: 0.595}
FAR_SHRINKS = 0.72
CENTRES = {"left": 0.24, "middle": 0.5, "right": 0.76}  # of the picture's width
ROW_REACH = 0.56  # of the picture's width; a wider row would not lie on one side
CANVAS_PIXELS = 104  # of one thing before it is reduced

Offset = tuple[float, float]
# Where things stand, in units of one thing's extent. Rows first: they are taken where they fit.
ROWS: dict[int, tuple[Offset, ...]] = {
    2: ((-0.52, 0.0), (0.52, 0.0)),
    3: ((-1.03, 0.0), (0.0, 0.0), (1.03, 0.0)),
    4: ((-1.53, 0.0), (-0.51, 0.0), (0.51, 0.0), (1.53, 0.0)),
}
CLUSTERS: dict[int, tuple[tuple[Offset, ...], ...]] = {
    1: (((0.0, 0.0),),),
    2: (((-0.24, -1.03), (0.24, 0.0)), ((0.24, -1.03), (-0.24, 0.0)), ((0.06, -1.03), (0.0, 0.0))),
    3: (
        ((0.0, -1.02), (-0.52, 0.0), (0.52, 0.0)),
        ((-0.52, -1.02), (0.52, -1.02), (0.0, 0.0)),
        ((-0.52, -1.02), (-0.52, 0.0), (0.52, 0.0)),
    ),
    4: (
        ((-0.52, -1.02), (0.52, -1.02), (-0.52, 0.0), (0.52, 0.0)),
        ((-0.46, -1.02), (0.56, -1.02), (-0.56, 0.0), (0.46, 0.0)),
        ((-0.52, -1.1), (0.52, -0.98), (-0.52, -0.06), (0.52, 0.06)),
    ),
}


def picture(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """Draw the scene: RGB, 96 by 96; the same scene and generator state give the same picture."""
    u: list[float] = rng.random(56).tolist()
    back = backdrop(u[:16])
    near = scene.distance == "near"
    extent = EXTENTS[scene.size] * CROWDING[scene.count] * (1.0 if near else FAR_SHRINKS) * (0.96 + 0.08 * u[16])
    sprite, reduction = _sprite(scene, extent, back, u[17:32])
    spots = _spots(scene, extent, back.horizon, u[32:40])
    if near:
        for x, y in spots:
            cast_shadow(back, x, y + extent * 0.46, extent)
    for spot, turn, flip in zip(spots, u[40:48], u[48:56], strict=False):
        _place(back.image, sprite, reduction, spot, 14 * (turn - 0.5), flip > 0.5)
    return back.image


def _sprite(scene: Scene, extent: float, back: Backdrop, u: Sequence[float]) -> tuple[Image.Image, int]:
    """One thing on a transparent canvas, so many times too large."""
    near = scene.distance == "near"
    reduction = max(2, round(CANVAS_PIXELS / extent))
    jitter = [2 * share - 1 for share in u]
    paints = palette(scene.colour, None if near else back.haze, jitter[:4])
    outline = (0.3 + extent * 0.026) * (1.0 + 0.2 * jitter[4]) * (1.0 if near else 0.6)
    pen = Pen(extent * reduction / 2, outline * reduction, paints, jitter[5:13], 1 + 0.09 * jitter[13])
    DRAWINGS[scene.thing](pen)
    return pen.canvas, reduction


def _spots(scene: Scene, extent: float, horizon: int, u: Sequence[float]) -> list[Offset]:
    """The middle of each thing, in pixels; the whole group stays inside the picture."""
    row = ROWS.get(scene.count)
    if row is not None and scene.count * extent * 1.03 <= ROW_REACH * SIDE and u[0] < 0.5:
        offsets = row
    else:
        kinds = CLUSTERS[scene.count]
        offsets = kinds[int(u[1] * len(kinds))]
    xs, ys = [x * extent for x, _ in offsets], [y * extent for _, y in offsets]
    half = extent * 0.49
    centre = SIDE * CENTRES[scene.side] + 5 * (u[2] - 0.5) - sum(xs) / len(xs)
    centre = min(max(centre, half - min(xs)), SIDE - half - max(xs))
    if scene.distance == "near":
        floor = SIDE - 3 - 6 * u[3]
    else:
        floor = max(horizon + 6 + 6 * u[3], extent * 0.5 - min(ys) + half)
    floor -= extent * 0.48
    wobble = 0.05 * extent
    return [(centre + x, floor + y - wobble * u[4 + place]) for place, (x, y) in enumerate(zip(xs, ys, strict=True))]


def _place(image: Image.Image, sprite: Image.Image, reduction: int, spot: Offset, tilt: float, flip: bool) -> None:
    if flip:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    small = sprite.rotate(tilt).reduce(reduction)  # nearest pixels, then averaged: smooth and cheap
    image.paste(small, (round(spot[0] - small.width / 2), round(spot[1] - small.height / 2)), small)
