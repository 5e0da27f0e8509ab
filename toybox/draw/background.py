"""A pale sky over a pale ground, with hills, streaks and pebbles that are never mistaken for a thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from hearsee.toybox.draw.palette import Colour, mix, rgb

SIDE = 96  # pixels, of the square picture
SKIES: tuple[Colour, ...] = ((206, 222, 236), (224, 226, 230), (232, 224, 214), (212, 226, 224), (226, 218, 228))
GROUNDS: tuple[Colour, ...] = ((206, 208, 190), (214, 204, 186), (198, 206, 198), (212, 210, 208), (196, 200, 206))
Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.float32]]
WHITE: Colour = (255, 255, 255)
GREY: Colour = (120, 124, 128)


@dataclass(frozen=True)
class Backdrop:
    image: Image.Image
    haze: Colour
    shadow: tuple[int, int, int]
    horizon: int  # pixels from the top


@lru_cache(maxsize=1)
def _grain() -> Pixels:
    """One fixed sheet of paper grain, twice the picture's size; each picture shows another part of it."""
    coarse = np.random.default_rng(0).standard_normal((SIDE, SIDE, 1)).astype(np.float32)
    return np.kron(coarse, np.ones((2, 2, 1), np.float32)) * 1.6


def backdrop(u: Sequence[float]) -> Backdrop:
    """Draw the background from 16 floats in 0..1."""
    sky = SKIES[int(u[0] * len(SKIES))]
    ground = mix(GROUNDS[int(u[1] * len(GROUNDS))], sky, 0.25 * u[2])
    horizon = int(SIDE * (0.4 + 0.1 * u[3]))
    rows = np.empty((SIDE, 1, 3), np.float32)
    rows[:horizon, 0] = np.linspace(mix(sky, WHITE, 0.3 * u[4]), mix(sky, WHITE, 0.3), horizon)
    rows[horizon:, 0] = np.linspace(mix(ground, sky, 0.3), mix(ground, GREY, 0.16 * u[5]), SIDE - horizon)
    across, down = int(u[6] * SIDE), int(u[7] * SIDE)
    pixels = rows + _grain()[down : down + SIDE, across : across + SIDE]
    if u[8] > 0.25:
        _raise_hills(pixels, mix(ground, sky, 0.5), horizon, u[9:12])
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    _clutter(ImageDraw.Draw(image), sky, ground, horizon, u[12:])
    return Backdrop(image, mix(sky, WHITE, 0.15), rgb(mix(ground, (70, 72, 80), 0.42)), horizon)


def _raise_hills(pixels: Pixels, colour: Colour, horizon: int, u: Sequence[float]) -> None:
    """Blend a row of low hills over the sky's foot."""
    across = np.arange(SIDE, dtype=np.float32) / SIDE
    height = 3 + 5 * u[2]
    ridge = height * (1 + 0.7 * np.sin(6.3 * (across + u[0])) + 0.5 * np.sin((9 + 8 * u[1]) * across + 9 * u[1]))
    top = horizon - 20
    rows = np.arange(top, horizon, dtype=np.float32)[:, None]
    cover = (rows - (horizon - 1 - ridge)).clip(0, 1)[:, :, None]  # (20, side, 1): soft along the ridge
    band = pixels[top:horizon]
    band += cover * (np.asarray(colour, np.float32) - band)


def _clutter(draw: ImageDraw.ImageDraw, sky: Colour, ground: Colour, horizon: int, u: Sequence[float]) -> None:
    """Thin streaks of cloud and pebbles one pixel high."""
    if u[0] > 0.4:
        streak = rgb(mix(sky, WHITE, 0.6))
        for place in (u[1], u[2]):
            x, y = (1 - place) * 70, 4 + place * 20
            draw.line((x, y, x + 26, y), streak, 1)
            draw.line((x + 6, y + 2, x + 34, y + 2), streak, 1)
    pebble = rgb(mix(ground, GREY, 0.25))
    deep = SIDE - horizon - 8
    for step in range(int(u[3] * 9)):
        x, y = SIDE * ((u[2] * 7 + step * 0.381) % 1), horizon + 6 + deep * ((u[1] * 5 + step * 0.618) % 1)
        draw.line((x, y, x + 1, y), pebble, 1)


@lru_cache(maxsize=1)
def _soft_disc() -> Image.Image:
    """How dark a shadow is, from its middle to its rim."""
    line = np.linspace(-1, 1, 64)
    inside = 1 - np.hypot(line[None, :], line[:, None])
    return Image.fromarray((inside * 640).clip(0, 255).astype(np.uint8))


def cast_shadow(back: Backdrop, x: float, y: float, extent: float) -> None:
    """Lay the shadow of a thing so large, standing here, on the ground."""
    mask = _soft_disc().resize((max(4, round(extent * 0.96)), max(2, round(extent * 0.2))), Image.Resampling.BILINEAR)
    back.image.paste(back.shadow, (round(x - mask.width / 2), round(y - mask.height / 2)), mask)
