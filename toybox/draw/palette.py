"""The ten colours as paints: one body colour a picture, its shades, and neutrals that leave no doubt which it is."""

from __future__ import annotations

from collections.abc import Sequence

from hearsee.toybox.draw.pen import Paint, Palette

Colour = tuple[float, float, float]

BODIES: dict[str, Colour] = {
    "red": (214, 30, 36),
    "orange": (246, 134, 16),
    "yellow": (248, 214, 34),
    "green": (48, 156, 62),
    "blue": (38, 96, 214),
    "purple": (126, 54, 178),
    "pink": (250, 134, 188),
    "brown": (122, 74, 38),
    "grey": (146, 148, 151),
    "black": (34, 34, 38),
}
NEUTRALS: dict[str, Colour] = {
    "white": (250, 250, 248),
    "metal": (206, 210, 214),
    "smoke": (112, 116, 122),
    "night": (32, 32, 38),
}
HAZE_SHARE = 0.34  # how much of a far thing is sky: red stays red (not pink) and black stays darker than grey


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The first colour with this share of the second in it."""
    keep = 1 - share
    return (
        first[0] * keep + second[0] * share,
        first[1] * keep + second[1] * share,
        first[2] * keep + second[2] * share,
    )


def rgb(colour: Colour) -> tuple[int, int, int]:
    """Whole numbers that Pillow takes, cut to 0..255."""
    red, green, blue = (min(255, max(0, int(part))) for part in colour)
    return red, green, blue


def palette(colour: str, haze: Colour | None, jitter: Sequence[float]) -> Palette:
    """Paints for one thing; a far one has `haze`, the sky's colour, in every paint. Jitter is four floats in -1..1."""
    named = BODIES[colour]
    lift = 1 + 0.07 * jitter[3]
    body = (named[0] * lift + 7 * jitter[0], named[1] * lift + 7 * jitter[1], named[2] * lift + 7 * jitter[2])
    if colour in ("grey", "black"):  # no hue to be mistaken for another
        body = (named[0] * lift, named[1] * lift, named[2] * lift)
    dark = colour == "black"
    paints: dict[str, Colour] = {
        **NEUTRALS,
        "body": body,
        "shade": mix(body, (96, 96, 102), 0.4) if dark else mix(body, (20, 16, 24), 0.14),
        "light": mix(body, (255, 255, 255), 0.28),
        # Black on black shows nothing: a black thing is outlined and detailed in grey.
        "edge": (104, 104, 112) if dark else mix(body, (18, 14, 22), 0.62),
        "ink": (168, 168, 174) if dark else mix(body, (18, 14, 22), 0.82),
    }
    share = HAZE_SHARE if haze else 0.0
    return {name: paint(mix(value, haze, share) if haze else value) for name, value in paints.items()}


def paint(colour: Colour) -> Paint:
    """An opaque paint."""
    return (*rgb(colour), 255)
