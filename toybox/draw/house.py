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
    pen.box(-0.64, -0.92, 0.64, 0.92, "white")
    pen.box(-0.5, -0.8, 0.5, 0.92)
    tops = ((-0.34, 0.34),) if pen.vary[0] > 0 else ((-0.34, -0.06), (0.06, 0.34))
    for x0, x1, y0, y1 in (*((x0, x1, -0.62, -0.16) for x0, x1 in tops), (-0.34, 0.34, 0.26, 0.74)):
        pen.patch(x0, y0, x1, y1, "shade")
        pen.line([(x0, y1), (x0, y0), (x1, y0)], 0.06, "edge")
    pen.circle(0.34, 0.04, 0.1, "white")


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
    level = -0.5 + 0.12 * pen.vary[0]
    pen.limb([(0, 0.2), (0, 0.8)], 0.13)
    pen.ellipse(0, 0.82, 0.46, 0.11)
    pen.blob([(-0.5, -0.9), (-0.6, -0.4), (-0.4, 0.12), (0, 0.3), (0.4, 0.12), (0.6, -0.4), (0.5, -0.9)], "white")
    pen.blob([(-0.56, level), (-0.52, -0.16), (-0.32, 0.14), (0, 0.26), (0.32, 0.14), (0.52, -0.16), (0.56, level)])
    pen.ellipse(0, level, 0.55, 0.11, "light")
    pen.arc(0, -0.9, 0.48, 0.07, 0, 360, 0.05)
    pen.line([(-0.36, -0.24), (-0.26, 0.0)], 0.08, "light")


def hammer(pen: Pen) -> None:
    pen.limb([(-0.46, 0.88), (0.12, -0.5)], 0.24)
    pen.limb([(-0.46, 0.88), (-0.26, 0.4)], 0.3)
    for x, y in ((-0.4, 0.7), (-0.33, 0.54)):
        pen.line([(x - 0.12, y - 0.05), (x + 0.12, y + 0.05)], 0.05)
    pen.poly([(-0.36, -0.84), (0.42, -0.5), (0.3, -0.18), (-0.48, -0.52)], "metal")
    claw = 0.06 * pen.vary[0]
    pen.poly([(0.38, -0.52), (0.74, -0.42), (0.96, -0.04 + claw), (0.62, -0.16), (0.28, -0.18)], "metal")
    pen.poly([(-0.36, -0.96), (-0.2, -0.88), (-0.48, -0.3), (-0.64, -0.38)], "smoke")


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
            pen.patch(x, y, x + 0.17, y + 0.16, "white")
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
    swing = 0.22 * pen.vary[0]
    pen.line([(0, -0.66), (0, -0.86)], 0.08)
    pen.circle(0, -0.86, 0.1, "white")
    for side in (-1, 1):
        hand = 0.34 + side * swing
        pen.limb([(0.46 * side, 0.06), (0.74 * side, hand)], 0.14, "metal")
        pen.circle(0.78 * side, hand, 0.15)
        pen.box(min(0.08 * side, 0.4 * side), 0.5, max(0.08 * side, 0.4 * side), 0.9, "metal")
        pen.box(min(0.46 * side, 0.64 * side), -0.52, max(0.46 * side, 0.64 * side), -0.3, "metal")
    pen.box(-0.5, -0.04, 0.5, 0.62, "body", 0.06)
    pen.box(-0.5, -0.72, 0.5, -0.1, "body", 0.1)
    for side in (-1, 1):
        pen.dot(0.23 * side, -0.48, 0.15, None, "white")
        pen.dot(0.23 * side, -0.48, 0.07, None, "night")
    pen.patch(-0.26, -0.26, 0.26, -0.17, "white")
    pen.box(-0.28, 0.12, 0.28, 0.44, "white")
    pen.dot(-0.12, 0.28, 0.08, None, "night")
    pen.dot(0.12, 0.28, 0.08, None, "smoke")


def saw(pen: Pen) -> None:
    teeth = [(0.96 - 0.14 * tooth, (0.3 if tooth % 2 else 0.5) + 0.012 * tooth) for tooth in range(8)]
    pen.poly([(-0.3, -0.44), (0.96, 0.06), *teeth, (-0.3, 0.56)], "metal")
    pen.line([(-0.1, -0.2), (0.8, 0.14)], 0.04, "white")
    pen.blob(
        [
            (-0.26, -0.5),
            (-0.2, 0.0),
            (-0.26, 0.62),
            (-0.56, 0.66),
            (-0.92, 0.46),
            (-0.86, 0.1),
            (-0.96, -0.26),
            (-0.66, -0.5),
        ]
    )
    pen.ellipse(-0.56, 0.08, 0.18, 0.26 + 0.03 * pen.vary[0], "white")
    pen.dot(-0.32, -0.3, 0.05)
    pen.dot(-0.32, 0.46, 0.05)


def siren(pen: Pen) -> None:
    for angle in (200, 235, 270, 305, 340):
        dx, dy = cos(angle * pi / 180), sin(angle * pi / 180)
        pen.line([(dx * 0.66, 0.1 + dy * 0.74), (dx * 0.92, 0.1 + dy * 1.0)], 0.1, "body")
    pen.box(-0.48, -0.1, 0.48, 0.6)
    pen.pie(0, -0.06, 0.48, 0.48, 180, 360)
    pen.patch(-0.43, -0.12, 0.43, 0.5, "body")
    pen.ellipse(0.1 * pen.vary[0], 0.16, 0.16, 0.28, "white")
    pen.line([(-0.32, -0.1), (-0.32, 0.42)], 0.08, "light")
    pen.box(-0.74, 0.56, 0.74, 0.88, "smoke", 0.1)


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
