"""Weather, water and fire."""

from __future__ import annotations

from math import cos, pi, sin

from hearsee.toybox.draw.pen import Pen


def _cloud(pen: Pen, y: float) -> None:
    puffs = ((-0.52, 0.06, 0.32), (0.54, 0.04, 0.34), (-0.2, -0.16, 0.36), (0.22, -0.2, 0.4))
    for x, rise, r in puffs:
        pen.circle(x, y + rise, r)
    pen.box(-0.66, y + 0.06, 0.7, y + 0.38, "body", 0.16)
    for x, rise, r in puffs:
        pen.dot(x, y + rise, r - 0.07, None, "body")
    pen.arc(-0.2, y - 0.12, 0.24, 0.24, 190, 280, 0.07, "light")


def rain(pen: Pen) -> None:
    slant = 0.12 + 0.06 * pen.vary[0]
    for row, y in enumerate((0.22, 0.62)):
        for step in range(4):
            x = -0.54 + 0.36 * step + 0.12 * row
            pen.limb([(x, y), (x - slant, y + 0.24)], 0.1)
    _cloud(pen, -0.36)


def thunder(pen: Pen) -> None:
    kink = 0.08 * pen.vary[0]
    pen.poly(
        [(0.12, -0.1), (-0.34 + kink, 0.42), (-0.04, 0.42), (-0.26, 0.94), (0.44, 0.26), (0.12, 0.26), (0.42, -0.1)],
        "white",
    )
    _cloud(pen, -0.4)


def fire(pen: Pen) -> None:
    lick = 0.14 * pen.vary[0]
    pen.limb([(-0.68, 0.84), (0.66, 0.66)], 0.15, "smoke")
    pen.limb([(-0.66, 0.66), (0.68, 0.84)], 0.15, "smoke")
    pen.poly(
        [
            (-0.42, 0.72),
            (-0.66, 0.34),
            (-0.6, -0.06),
            (-0.42, -0.4),
            (-0.3, -0.04),
            (-0.16, -0.5),
            (0.02 + lick, -0.94),
            (0.18, -0.5),
            (0.26, -0.16),
            (0.44, -0.48),
            (0.62, -0.04),
            (0.66, 0.34),
            (0.42, 0.72),
        ]
    )
    pen.shape(
        [
            (-0.26, 0.68),
            (-0.36, 0.36),
            (-0.2, 0.1),
            (-0.1, 0.24),
            (0.04 + lick / 2, -0.22),
            (0.2, 0.2),
            (0.34, 0.1),
            (0.36, 0.4),
            (0.24, 0.68),
        ],
        "light",
    )
    pen.shape([(-0.12, 0.68), (-0.16, 0.5), (0.02, 0.18), (0.16, 0.5), (0.12, 0.68)], "white")


def firework(pen: Pen) -> None:
    turn = pen.vary[0] * pi / 12
    pen.line([(0.02, 0.94), (0.08, 0.5), (0, -0.1)], 0.06, "smoke")
    for ray in range(12):
        angle = turn + ray * pi / 6
        reach = 0.86 if ray % 2 else 0.62
        dx, dy = cos(angle), sin(angle) * 0.9
        pen.line([(dx * 0.2, -0.1 + dy * 0.2), (dx * reach * 0.84, -0.1 + dy * reach * 0.84)], 0.11, "body")
        pen.circle(dx * reach, -0.1 + dy * reach, 0.1, "body" if ray % 2 else "light")
    pen.dot(0, -0.1, 0.16, None, "white")


def wave(pen: Pen) -> None:
    curl = 0.05 * pen.vary[0]
    pen.blob(
        [
            (-0.94, 0.88),
            (-0.9, 0.4),
            (-0.62, 0.1),
            (-0.44, -0.4),
            (0.0, -0.82),
            (0.52, -0.8),
            (0.86, -0.42),
            (0.82, -0.02 + curl),
            (0.62, 0.0),
            (0.6, -0.3),
            (0.32, -0.44),
            (0.1, -0.24),
            (0.1, 0.2),
            (0.4, 0.5),
            (0.92, 0.44),
            (0.94, 0.88),
        ]
    )
    pen.arc(0.26, 0.06, 0.62, 0.66, 130, 280, 0.09, "light")
    pen.line([(-0.78, 0.7), (-0.4, 0.56), (0, 0.72), (0.4, 0.66), (0.8, 0.72)], 0.09, "white")
    for x, y, r in (
        (-0.12, -0.76, 0.11),
        (0.16, -0.86, 0.12),
        (0.46, -0.82, 0.13),
        (0.74, -0.62, 0.13),
        (0.86, -0.34, 0.13),
        (0.8, -0.04, 0.12),
        (0.62, 0.06, 0.1),
    ):
        pen.dot(x, y, r, None, "white")
    pen.dot(0.5, 0.28, 0.08, None, "body")
    pen.dot(0.78, 0.22, 0.06, None, "body")
