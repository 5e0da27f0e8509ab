"""Things that carry people."""

from __future__ import annotations

from math import cos, pi, sin

from hearsee.toybox.draw.pen import Pen


def _wheel(pen: Pen, x: float, y: float, r: float) -> None:
    pen.circle(x, y, r, "night")
    pen.dot(x, y, r * 0.5, None, "metal")


def boat(pen: Pen) -> None:
    pen.limb([(0.0, 0.4), (0.0, -0.88)], 0.07, "smoke")
    pen.poly([(0.1, -0.84), (0.74 + 0.1 * pen.vary[0], 0.2), (0.1, 0.2)])
    pen.poly([(-0.1, -0.6), (-0.58, 0.2), (-0.1, 0.2)], "white")
    pen.poly([(-0.9, 0.34), (0.92, 0.34), (0.62, 0.78), (-0.56, 0.78)])
    pen.line([(-0.78, 0.46), (0.82, 0.46)], 0.08, "white")
    for x in (-0.64, -0.12, 0.4):
        pen.arc(x, 0.96, 0.26, 0.16, 200, 340, 0.08, "smoke")


def bicycle(pen: Pen) -> None:
    turn = pen.vary[0]
    for x in (-0.54, 0.54):
        pen.arc(x, 0.44, 0.44, 0.44, 0, 360, 0.12, "night")
        for spoke in range(3):
            dx, dy = 0.4 * cos(turn + spoke * pi / 3), 0.4 * sin(turn + spoke * pi / 3)
            pen.line([(x - dx, 0.44 - dy), (x + dx, 0.44 + dy)], 0.03, "smoke")
    frame = [(-0.54, 0.44), (-0.26, -0.22), (0.34, -0.22), (-0.06, 0.44), (-0.54, 0.44)]
    pen.line(frame, 0.17, "body")
    pen.line([(-0.06, 0.44), (-0.32, -0.4)], 0.15, "body")
    pen.line([(0.54, 0.44), (0.3, -0.52)], 0.16, "body")
    pen.line([(0.18, -0.6), (0.34, -0.56), (0.6, -0.66)], 0.1, "night")
    pen.ellipse(-0.34, -0.46, 0.22, 0.09)
    pen.circle(-0.06, 0.44, 0.12)


def car(pen: Pen) -> None:
    roof = 0.06 * pen.vary[0]
    pen.poly([(-0.6, -0.02), (-0.4, -0.5 - roof), (0.28, -0.5 - roof), (0.58, -0.02)])
    pen.shape([(-0.46, -0.04), (-0.32, -0.4 - roof), (-0.08, -0.4 - roof), (-0.08, -0.04)], "white")
    pen.shape([(0.02, -0.04), (0.02, -0.4 - roof), (0.24, -0.4 - roof), (0.42, -0.04)], "white")
    pen.box(-0.92, -0.04, 0.94, 0.46, "body", 0.16)
    pen.dot(0.84, 0.12, 0.09, 0.09, "white")
    pen.line([(-0.02, 0.0), (-0.02, 0.42)], 0.04)
    pen.line([(0.06, 0.12), (0.2, 0.12)], 0.06)
    pen.patch(-0.92, 0.06, -0.82, 0.2, "white")
    _wheel(pen, -0.5, 0.46, 0.28)
    _wheel(pen, 0.52, 0.46, 0.28)


def train(pen: Pen) -> None:
    puff = 0.05 * pen.vary[0]
    pen.circle(0.3, -0.84, 0.13 + puff, "white")
    pen.circle(0.52, -0.68, 0.12, "white")
    pen.poly([(0.46, -0.16), (0.4, -0.52), (0.78, -0.52), (0.7, -0.16)], "shade")
    pen.box(-0.86, -0.54, -0.16, 0.46)
    pen.box(-0.94, -0.66, -0.08, -0.5, "shade")
    pen.patch(-0.7, -0.38, -0.32, -0.04, "white")
    pen.box(-0.2, -0.16, 0.8, 0.46, "body", 0.12)
    pen.ellipse(0.16, -0.2, 0.14, 0.14, "shade")
    pen.line([(0.14, -0.1), (0.14, 0.4)], 0.06, "white")
    pen.line([(0.48, -0.1), (0.48, 0.4)], 0.06, "white")
    pen.poly([(0.76, 0.4), (0.96, 0.8), (0.6, 0.8)], "smoke")
    pen.dot(0.8, 0.08, 0.09, None, "white")
    for x, r in ((-0.58, 0.28), (0.04, 0.22), (0.44, 0.22)):
        _wheel(pen, x, 0.88 - r, r)
    pen.line([(-0.58, 0.62), (0.44, 0.66)], 0.07, "metal")


def plane(pen: Pen) -> None:
    pen.poly([(-0.86, -0.02), (-0.94, -0.6), (-0.7, -0.6), (-0.42, -0.06)])
    pen.poly([(0.06, -0.1), (-0.2, -0.62), (0.02, -0.62), (0.42, -0.1)], "shade")
    pen.blob(
        [(-0.92, 0.0), (-0.6, -0.18), (0.3, -0.22), (0.76, -0.12), (0.96, 0.1), (0.74, 0.24), (0.2, 0.26), (-0.5, 0.18)]
    )
    pen.poly([(0.24, 0.06), (-0.46, 0.72), (-0.2, 0.72), (0.56, 0.12)], "light")
    pen.poly([(-0.66, 0.0), (-0.94, 0.28), (-0.78, 0.28), (-0.42, 0.04)], "light")
    for x in (-0.32, -0.1, 0.12, 0.34):
        pen.dot(x, -0.07, 0.065, None, "white")
    pen.shape([(0.6, -0.1), (0.76, -0.08), (0.88, 0.04), (0.64, 0.04)], "white")
    if pen.vary[0] > 0:
        pen.line([(-0.9, -0.5), (-0.72, -0.5)], 0.1, "white")


def helicopter(pen: Pen) -> None:
    spin = 0.16 * pen.vary[0]
    pen.poly([(-0.1, -0.2), (-0.84, -0.16), (-0.84, 0.0), (-0.1, 0.22)])
    pen.poly([(-0.78, -0.08), (-0.96, -0.44), (-0.8, -0.44), (-0.66, -0.1)], "shade")
    pen.arc(-0.86, -0.1, 0.18, 0.18, 0, 360, 0.05, "smoke")
    pen.line([(0.24, -0.3), (0.24, -0.62)], 0.1)
    pen.limb([(-0.66 - spin, -0.6 + spin / 3), (0.98 - abs(spin), -0.6 - spin / 3)], 0.08, "metal")
    for x in (0.06, 0.46):
        pen.line([(x, 0.4), (x - 0.02, 0.74)], 0.06)
    pen.limb([(-0.24, 0.76), (0.74, 0.76), (0.88, 0.64)], 0.07, "smoke")
    pen.blob(
        [
            (-0.28, 0.0),
            (-0.06, -0.32),
            (0.34, -0.38),
            (0.74, -0.16),
            (0.84, 0.2),
            (0.56, 0.44),
            (0.04, 0.46),
            (-0.22, 0.28),
        ]
    )
    pen.pie(0.36, 0.1, 0.4, 0.38, 270, 360, "white")
    pen.box(-0.04, -0.14, 0.24, 0.12, "white", 0.05)


def balloon(pen: Pen) -> None:
    sway = 0.14 * pen.vary[0]
    pen.line([(0.0, 0.44), (sway, 0.56), (-sway, 0.72), (sway / 2, 0.94)], 0.05, "smoke")
    pen.poly([(-0.13, 0.5), (0.13, 0.5), (0, 0.32)])
    pen.blob(
        [(0, -0.92), (0.46, -0.76), (0.64, -0.3), (0.44, 0.14), (0, 0.4), (-0.44, 0.14), (-0.64, -0.3), (-0.46, -0.76)]
    )
    pen.dot(-0.28, -0.5, 0.12, 0.2, "white")
