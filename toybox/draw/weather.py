"""Weather, water and fire."""

from __future__ import annotations

from math import cos, pi, sin

from hearsee.toybox.draw.pen import Pen


def _cloud(pen: Pen, y: float) -> None:
    puffs = ((-0.52, 0.06, 0.32), (0.54, 0.04, 0.34), (-0.2, -0.16, 0.36), (0.22, -0.2, 0.4))
    for x, rise, r in puffs:
        pen.circle(x, y + rise, r)
    pen.box(-0.68, y + 0.04, 0.72, y + 0.38, "body", 0.16)
    pen.dot(0.0, y + 0.06, 0.66, 0.24, "body")
    for x, rise, r in puffs:
        pen.dot(x, y + rise, r - 0.07, None, "body")
    pen.arc(-0.2, y - 0.12, 0.24, 0.24, 190, 280, 0.07, "light")


def rain(pen: Pen) -> None:
    slant = 0.1 + 0.06 * pen.vary[0]
    for x, y in ((-0.46, 0.12), (0.02, 0.12), (0.5, 0.12), (-0.28, 0.54), (0.2, 0.54), (0.64, 0.5)):
        pen.poly([(x + slant, y), (x + 0.1, y + 0.24), (x, y + 0.34), (x - 0.11, y + 0.22)])
    _cloud(pen, -0.36)


def thunder(pen: Pen) -> None:
    kink = 0.06 * pen.vary[0]
    pen.poly(
        [(0.06, -0.1), (-0.4 + kink, 0.46), (-0.06, 0.46), (-0.24, 0.94), (0.46, 0.28), (0.14, 0.28), (0.44, -0.1)],
        "white",
    )
    pen.line([(-0.5, 0.08), (-0.66 + kink, 0.34), (-0.52, 0.36), (-0.68, 0.62)], 0.07)
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
        reach = 0.84 if ray % 2 else 0.6
        dx, dy = cos(angle), sin(angle) * 0.92
        ax, ay = -0.11 * dy, 0.11 * dx
        tip = (dx * reach, -0.08 + dy * reach)
        outer = (tip[0] + dx * 0.1, tip[1] + dy * 0.1)
        pen.shape([(0, -0.08), (tip[0] + ax, tip[1] + ay), outer, (tip[0] - ax, tip[1] - ay)], "body")
        if ray % 2:
            pen.line([(dx * 0.3, -0.08 + dy * 0.3), (dx * 0.6, -0.08 + dy * 0.6)], 0.03, "edge")
        else:
            pen.dot(dx * 0.84, -0.08 + dy * 0.8, 0.07, None, "body")
    pen.dot(0, -0.08, 0.15, None, "white")


def wave(pen: Pen) -> None:
    curl = 0.05 * pen.vary[0]
    crest = [(-0.06, -0.66), (0.16, -0.8), (0.44, -0.8), (0.7, -0.66), (0.84, -0.4), (0.8, -0.12), (0.64, 0.0)]
    for x, y in crest:  # foam
        pen.circle(x, y + curl, 0.13, "white")
    pen.blob(
        [
            (-0.94, 0.9), (-0.94, 0.5), (-0.66, 0.24), (-0.46, -0.22), (-0.06, -0.66), (0.4, -0.7), (0.72, -0.4 + curl),
            (0.66, -0.1 + curl), (0.46, -0.32), (0.18, -0.26), (0.08, 0.04), (0.2, 0.36), (0.54, 0.5), (0.94, 0.46),
            (0.94, 0.9),
        ]
    )  # fmt: skip
    pen.arc(0.3, 0.06, 0.54, 0.56, 120, 262, 0.1, "light")
    pen.arc(0.3, 0.06, 0.72, 0.76, 130, 250, 0.08, "shade")
    for x in (-0.7, -0.3, 0.1, 0.5):
        pen.arc(x, 0.66, 0.22, 0.14, 10, 170, 0.08, "white")
    for x, y, r in ((0.36, 0.14, 0.07), (0.6, 0.24, 0.08), (0.84, 0.14, 0.06)):
        pen.dot(x, y, r, None, "white")
