"""Things found about the house."""

from __future__ import annotations

from math import cos, pi, sin

from hearsee.toybox.draw.pen import Pen


def ball(pen: Pen) -> None:
    pen.circle(0, 0.1, 0.8)
    if pen.vary[0] > 0:
        pen.pie(0, 0.1, 0.8, 0.8, 60, 120, "white")
        pen.pie(0, 0.1, 0.8, 0.8, 180, 240, "white")
        pen.pie(0, 0.1, 0.8, 0.8, 300, 360, "white")
        pen.circle(0, 0.1, 0.2)
    else:
        pen.arc(-0.9, 0.1, 0.7, 0.8, -56, 56, 0.12, "white")
        pen.arc(0.9, 0.1, 0.7, 0.8, 124, 236, 0.12, "white")
        pen.line([(-0.78, 0.1), (0.78, 0.1)], 0.12, "white")
    pen.arc(0, 0.1, 0.8, 0.8, 0, 360, 0.07, "edge")


def camera(pen: Pen) -> None:
    pen.box(-0.3, -0.62, 0.34, -0.3, "shade", 0.08)
    pen.box(-0.74, -0.5, -0.46, -0.34, "metal")
    pen.box(-0.92, -0.42, 0.92, 0.66, "body", 0.16)
    pen.patch(-0.88, -0.2, 0.88, -0.1, "white")
    pen.circle(0, 0.14, 0.44, "white")
    pen.circle(0, 0.14, 0.32, "night")
    pen.dot(0, 0.14, 0.17, None, "smoke")
    pen.dot(-0.1, 0.04, 0.08, None, "white")
    pen.box(0.54, -0.34, 0.8, -0.2, "white" if pen.vary[0] > 0 else "metal")


def clock(pen: Pen) -> None:
    pen.line([(-0.4, 0.6), (-0.58, 0.88)], 0.16)
    pen.line([(0.4, 0.6), (0.58, 0.88)], 0.16)
    pen.circle(-0.46, -0.66, 0.26)
    pen.circle(0.46, -0.66, 0.26)
    pen.line([(0, -0.6), (0, -0.88)], 0.12)
    pen.circle(0, 0.1, 0.76)
    pen.circle(0, 0.1, 0.54, "white")
    for hour in range(0, 12, 3):
        dx, dy = cos(hour * pi / 6), sin(hour * pi / 6)
        pen.line([(dx * 0.4, 0.1 + dy * 0.4), (dx * 0.5, 0.1 + dy * 0.5)], 0.07, "night")
    long, short = pi * pen.vary[0], pi * pen.vary[1]
    pen.line([(0, 0.1), (0.4 * cos(long), 0.1 + 0.4 * sin(long))], 0.07, "night")
    pen.line([(0, 0.1), (0.26 * cos(short), 0.1 + 0.26 * sin(short))], 0.1, "night")


def door(pen: Pen) -> None:
    pen.box(-0.62, -0.92, 0.62, 0.92, "white")
    pen.box(-0.48, -0.8, 0.48, 0.92)
    if pen.vary[0] > 0:
        pen.box(-0.34, -0.66, 0.34, -0.14, "shade")
    else:
        pen.box(-0.34, -0.66, -0.05, -0.14, "shade")
        pen.box(0.05, -0.66, 0.34, -0.14, "shade")
    pen.box(-0.34, 0.16, 0.34, 0.72, "shade")
    pen.circle(0.34, 0.02, 0.1, "white")


def fan(pen: Pen) -> None:
    turn = pi * pen.vary[0] / 4
    pen.limb([(0, 0.3), (0, 0.8)], 0.14)
    pen.ellipse(0, 0.82, 0.5, 0.12)
    pen.circle(0, -0.22, 0.7, "white")
    for blade in range(3):
        angle = turn + blade * 2 * pi / 3
        tip = (0.34 * cos(angle), -0.22 + 0.34 * sin(angle))
        pen.circle(tip[0], tip[1], 0.27)
    pen.arc(0, -0.22, 0.7, 0.7, 0, 360, 0.12, "body")
    pen.arc(0, -0.22, 0.44, 0.44, 0, 360, 0.03, "smoke")
    for ray in range(4):
        dx, dy = 0.62 * cos(ray * pi / 4 + 0.4), 0.62 * sin(ray * pi / 4 + 0.4)
        pen.line([(-dx, -0.22 - dy), (dx, -0.22 + dy)], 0.03, "smoke")
    pen.circle(0, -0.22, 0.15, "shade")


def glass(pen: Pen) -> None:
    level = -0.3 + 0.16 * pen.vary[0]
    pen.limb([(0, 0.2), (0, 0.8)], 0.11, "metal")
    pen.ellipse(0, 0.82, 0.44, 0.1, "metal")
    pen.blob(
        [(-0.48, -0.9), (-0.56, -0.36), (-0.36, 0.12), (0, 0.28), (0.36, 0.12), (0.56, -0.36), (0.48, -0.9)], "white"
    )
    pen.blob([(-0.5, level), (-0.46, -0.1), (-0.28, 0.12), (0, 0.22), (0.28, 0.12), (0.46, -0.1), (0.5, level)])
    pen.ellipse(0, level, 0.5, 0.1, "light")
    pen.arc(0, -0.9, 0.46, 0.07, 0, 360, 0.05)


def hammer(pen: Pen) -> None:
    pen.limb([(-0.5, 0.86), (0.1, -0.5)], 0.2)
    pen.limb([(-0.5, 0.86), (-0.34, 0.5)], 0.24, "shade")
    pen.poly([(-0.42, -0.74), (0.36, -0.4), (0.26, -0.16), (-0.5, -0.5)], "metal")
    pen.poly([(0.34, -0.44), (0.68, -0.36), (0.94, -0.06), (0.6, -0.12), (0.26, -0.14)], "metal")
    pen.poly([(-0.44, -0.86), (-0.32, -0.8), (-0.52, -0.36), (-0.64, -0.42)], "smoke")


def kettle(pen: Pen) -> None:
    pen.arc(0, -0.26, 0.48, 0.5, 180, 360, 0.14, "ink")
    pen.poly([(0.4, 0.34), (0.66, -0.06), (0.82, -0.22), (0.94, -0.1), (0.7, 0.6)])
    pen.blob(
        [(-0.4, -0.24), (0.4, -0.24), (0.66, 0.2), (0.7, 0.7), (0.5, 0.86), (-0.5, 0.86), (-0.7, 0.7), (-0.66, 0.2)]
    )
    pen.ellipse(0, -0.22, 0.4, 0.1, "shade")
    pen.circle(0, -0.36, 0.1, "night")
    pen.arc(-0.1, 0.3, 0.42, 0.44, 160, 240, 0.09, "light")
    puff = 0.06 * pen.vary[0]
    pen.line([(0.86, -0.34), (0.78, -0.48 - puff), (0.9, -0.62), (0.8, -0.8)], 0.07, "smoke")


def keyboard(pen: Pen) -> None:
    pen.line([(0.3, -0.4), (0.34, -0.64), (0.1 + 0.2 * pen.vary[0], -0.8)], 0.06, "smoke")
    pen.box(-0.94, -0.42, 0.94, 0.56, "body", 0.12)
    for row, y in enumerate((-0.28, -0.02)):
        for key in range(6):
            x = -0.82 + 0.27 * key + 0.05 * row
            pen.patch(x, y, x + 0.19, y + 0.18, "white")
    for x0, x1 in ((-0.82, -0.58), (-0.46, 0.42), (0.56, 0.82)):
        pen.patch(x0, 0.24, x1, 0.42, "white")


def phone(pen: Pen) -> None:
    if pen.vary[0] > 0:
        pen.box(-0.5, -0.92, 0.5, 0.92, "body", 0.16)
        pen.patch(-0.36, -0.66, 0.36, 0.06, "white")
        pen.line([(-0.12, -0.8), (0.12, -0.8)], 0.06)
        for row in range(3):
            for column in (-0.25, 0.0, 0.25):
                pen.dot(column, 0.26 + 0.2 * row, 0.09, 0.07, "white")
        return
    pen.poly([(-0.3, -0.3), (0.3, -0.3), (0.76, 0.8), (-0.76, 0.8)])
    pen.circle(0, 0.3, 0.36, "white")
    for hole in range(8):
        pen.dot(0.25 * cos(hole * pi / 4), 0.3 + 0.25 * sin(hole * pi / 4), 0.07, None, "night")
    pen.blob(
        [
            (-0.92, -0.2),
            (-0.86, -0.56),
            (-0.5, -0.76),
            (0.5, -0.76),
            (0.86, -0.56),
            (0.92, -0.2),
            (0.54, -0.2),
            (0.44, -0.42),
            (-0.44, -0.42),
            (-0.54, -0.2),
        ]
    )


def robot(pen: Pen) -> None:
    wave = 0.3 * pen.vary[0]
    pen.line([(0, -0.6), (0, -0.86)], 0.07)
    pen.circle(0, -0.86, 0.09, "white")
    pen.limb([(-0.46, 0.06), (-0.8, 0.3 - wave)], 0.13, "metal")
    pen.limb([(0.46, 0.06), (0.8, 0.3 + wave)], 0.13, "metal")
    pen.box(-0.34, 0.5, -0.1, 0.9, "metal")
    pen.box(0.1, 0.5, 0.34, 0.9, "metal")
    pen.box(-0.46, -0.06, 0.46, 0.58, "body", 0.06)
    pen.box(-0.4, -0.68, 0.4, -0.12, "body", 0.08)
    for side in (-1, 1):
        pen.circle(0.19 * side, -0.46, 0.12, "white")
        pen.dot(0.19 * side, -0.46, 0.06, None, "night")
        pen.circle(0.84 * side, 0.32 + side * wave, 0.12)
    pen.patch(-0.22, -0.28, 0.22, -0.2, "white")
    pen.box(-0.26, 0.1, 0.26, 0.4, "white")
    pen.dot(-0.12, 0.25, 0.07, None, "night")
    pen.dot(0.12, 0.25, 0.07, None, "smoke")


def saw(pen: Pen) -> None:
    teeth = [(0.94 - 0.16 * tooth, (0.28 if tooth % 2 else 0.44) + 0.01 * tooth) for tooth in range(8)]
    pen.poly([(-0.2, -0.3), (0.94, 0.08), *teeth, (-0.28, 0.44)], "metal")
    pen.blob([(-0.16, -0.42), (-0.14, 0.56), (-0.5, 0.6), (-0.9, 0.44), (-0.94, -0.14), (-0.66, -0.42)])
    pen.ellipse(-0.54, 0.08, 0.2, 0.25 + 0.03 * pen.vary[0], "white")


def siren(pen: Pen) -> None:
    for angle in (200, 235, 270, 305, 340):
        dx, dy = cos(angle * pi / 180), sin(angle * pi / 180)
        pen.line([(dx * 0.66, 0.1 + dy * 0.74), (dx * 0.92, 0.1 + dy * 1.0)], 0.1, "body")
    pen.box(-0.48, -0.1, 0.48, 0.6)
    pen.pie(0, -0.06, 0.48, 0.48, 180, 360)
    pen.patch(-0.43, -0.12, 0.43, 0.5, "body")
    pen.ellipse(0.1 * pen.vary[0], 0.16, 0.16, 0.28, "white")
    pen.line([(-0.32, -0.1), (-0.32, 0.42)], 0.08, "light")
    pen.box(-0.74, 0.52, 0.74, 0.88, "night", 0.1)


def tap(pen: Pen) -> None:
    pen.limb([(-0.3, -0.5), (-0.3, -0.78)], 0.12, "metal")
    pen.limb([(-0.66, -0.82), (0.06, -0.82)], 0.14, "shade")
    pen.poly(
        [
            (-0.94, -0.3),
            (0.2, -0.3),
            (0.5, -0.18),
            (0.62, 0.1),
            (0.62, 0.3),
            (0.24, 0.3),
            (0.2, 0.14),
            (0.1, 0.08),
            (-0.94, 0.08),
        ]
    )
    pen.ellipse(-0.3, -0.36, 0.24, 0.18)
    pen.box(-0.96, -0.42, -0.8, 0.2, "metal")
    pen.box(0.18, 0.24, 0.68, 0.38, "metal")
    drop = 0.08 * pen.vary[0]
    pen.blob([(0.43, 0.46 + drop), (0.56, 0.72 + drop), (0.43, 0.88 + drop / 4), (0.3, 0.72 + drop)], "light")
