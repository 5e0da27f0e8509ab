"""Musical instruments."""

from __future__ import annotations

from hearsee.toybox.draw.pen import Pen


def bell(pen: Pen) -> None:
    flare = 0.06 * pen.vary[0]
    pen.arc(0, -0.78, 0.16, 0.16, 0, 360, 0.1)
    pen.circle(0.12 * pen.vary[1], 0.72, 0.2, "shade")
    pen.blob(
        [
            (-0.2, -0.64),
            (0.2, -0.64),
            (0.46, -0.3),
            (0.52, 0.2),
            (0.8 + flare, 0.56),
            (0.6, 0.66),
            (-0.6, 0.66),
            (-0.8 - flare, 0.56),
            (-0.52, 0.2),
            (-0.46, -0.3),
        ]
    )
    pen.line([(-0.56, 0.36), (0.56, 0.36)], 0.07)
    pen.arc(0, 0.0, 0.34, 0.52, 180, 250, 0.1, "light")
    pen.line([(-0.66, 0.56), (0.66, 0.56)], 0.07)


def drum(pen: Pen) -> None:
    tall = 0.08 * pen.vary[0]
    pen.ellipse(0, 0.56, 0.76, 0.32, "shade")
    pen.box(-0.76, -0.16 - tall, 0.76, 0.56)
    pen.dot(0, 0.54, 0.72, 0.29, "body")
    for x in (-0.74, -0.37, 0.0, 0.37):
        pen.line([(x, -0.02), (x + 0.18, 0.72), (x + 0.37, -0.02)], 0.06, "white")
    pen.ellipse(0, -0.16 - tall, 0.76, 0.3, "white")
    pen.limb([(-0.88, -0.82), (-0.1, -0.2)], 0.09, "metal")
    pen.limb([(0.88, -0.82), (0.14, -0.24)], 0.09, "metal")
    pen.circle(-0.1, -0.2, 0.1, "metal")
    pen.circle(0.14, -0.24, 0.1, "metal")


def flute(pen: Pen) -> None:
    pen.limb([(-0.9, 0.5), (0.9, -0.5)], 0.22)
    for share in (-0.96, -0.44):
        pen.limb([(0.9 * share, -0.5 * share), (0.9 * share + 0.1, -0.5 * share - 0.055)], 0.26, "metal")
    pen.ellipse(-0.64, 0.33, 0.13, 0.09, "night")
    for hole in range(5):
        share = -0.14 + 0.21 * hole
        pen.circle(0.9 * share, -0.5 * share, 0.08, "white")
    for x, y in ((-0.3, -0.62), (0.22 + 0.1 * pen.vary[0], -0.78)):  # notes: it is blown, not swung
        pen.dot(x, y + 0.2, 0.11, 0.09, "ink")
        pen.line([(x + 0.09, y + 0.2), (x + 0.09, y - 0.14), (x + 0.24, y - 0.04)], 0.06)


def guitar(pen: Pen) -> None:
    pen.limb([(0.1, -0.1), (0.62, -0.66)], 0.16, "metal")
    pen.poly([(0.5, -0.68), (0.72, -0.94), (0.94, -0.74), (0.68, -0.52)], "smoke")
    pen.blob(
        [
            (0.24, -0.26),
            (0.3, 0.06),
            (0.14, 0.26),
            (0.18, 0.62),
            (-0.2, 0.9),
            (-0.66, 0.8),
            (-0.9, 0.4),
            (-0.68, 0.0),
            (-0.26, -0.06),
            (-0.1, -0.3),
        ]
    )
    pen.circle(-0.1, 0.1, 0.2, "night")
    pen.line([(-0.58, 0.3), (-0.3, 0.62)], 0.12)
    pen.line([(-0.46, 0.46), (0.66, -0.7)], 0.05, "white")
    pen.line([(-0.38, 0.54), (0.72, -0.66)], 0.05, "white")
    if pen.vary[0] > 0:
        pen.shape([(0.0, 0.4), (0.14, 0.6), (-0.1, 0.72), (-0.16, 0.58)], "shade")


def violin(pen: Pen) -> None:
    pen.limb([(-0.1, -0.3), (-0.1, -0.8)], 0.12, "night")
    pen.circle(-0.1, -0.82, 0.12)
    pen.blob(
        [
            (-0.1, -0.44),
            (0.2, -0.38),
            (0.28, -0.12),
            (0.1, 0.1),
            (0.14, 0.24),
            (0.36, 0.44),
            (0.3, 0.78),
            (-0.1, 0.9),
            (-0.5, 0.78),
            (-0.56, 0.44),
            (-0.34, 0.24),
            (-0.3, 0.1),
            (-0.48, -0.12),
            (-0.4, -0.38),
        ]
    )
    pen.shape([(-0.17, -0.5), (-0.03, -0.5), (-0.01, 0.2), (-0.19, 0.2)], "night")
    pen.shape([(-0.22, 0.56), (0.02, 0.56), (-0.02, 0.84), (-0.18, 0.84)], "night")
    pen.arc(-0.34, 0.28, 0.1, 0.16, 270, 90, 0.05)
    pen.arc(0.14, 0.28, 0.1, 0.16, 90, 270, 0.05)
    pen.line([(-0.26, 0.44), (0.06, 0.44)], 0.07, "white")
    lean = 0.1 * pen.vary[0]
    pen.limb([(0.5, 0.88), (0.78 + lean, -0.88)], 0.06, "smoke")
    pen.line([(0.38, 0.84), (0.66 + lean, -0.88)], 0.05, "white")


def trumpet(pen: Pen) -> None:
    pen.box(-0.5, 0.02, 0.34, 0.52, "white", 0.24)
    pen.box(-0.36, 0.18, 0.22, 0.36, "white", 0.1)
    pen.limb([(-0.86, 0.02), (0.5, 0.02)], 0.16)
    pen.limb([(-0.44, 0.46), (0.3, 0.46)], 0.12)
    pen.arc(-0.4, 0.24, 0.24, 0.26, 90, 270, 0.13, "body")
    pen.arc(0.26, 0.24, 0.24, 0.26, 270, 90, 0.13, "body")
    pen.blob([(0.3, -0.08), (0.64, -0.14), (0.9, -0.52), (0.96, 0.02), (0.9, 0.56), (0.64, 0.18), (0.3, 0.12)])
    pen.ellipse(0.9, 0.02, 0.08, 0.5, "shade")
    pen.box(-0.96, -0.1, -0.8, 0.14, "metal")
    press = 0.06 * pen.vary[0]
    for key, x in enumerate((-0.3, -0.08, 0.14)):
        pen.limb([(x, -0.3 + (press if key == 1 else 0)), (x, 0.56)], 0.12)
        pen.ellipse(x, -0.34 + (press if key == 1 else 0), 0.1, 0.06, "metal")


def whistle(pen: Pen) -> None:
    pen.arc(-0.66, -0.42, 0.22, 0.22, 0, 360, 0.08)
    pen.poly([(-0.3, -0.42), (0.92, -0.42), (0.92, -0.06), (0.1, 0.02)])
    pen.circle(-0.22, 0.14, 0.58)
    pen.shape([(-0.3, -0.38), (0.88, -0.38), (0.88, -0.1), (0.1, -0.02)], "body")
    pen.poly([(0.1, -0.44), (0.4, -0.44), (0.3, -0.18), (0.16, -0.18)], "night")
    pen.circle(-0.22, 0.14, 0.26, "light")
    pen.circle(-0.22 + 0.06 * pen.vary[0], 0.18, 0.13, "white")
    pen.line([(0.66, -0.4), (0.66, -0.08)], 0.05)
    for x, lean in ((0.06, -0.08), (0.26, 0.0), (0.46, 0.1)):  # its sound
        pen.line([(x, -0.58), (x + lean, -0.86)], 0.07)


def piano(pen: Pen) -> None:
    pen.poly([(-0.8, -0.16), (-0.74, -0.9), (-0.1, -0.72), (0.3, -0.3), (0.84, -0.16)], "light")
    pen.line([(0.3, -0.16), (0.06, -0.6)], 0.06)
    for x in (-0.7, 0.12, 0.74):
        pen.limb([(x, 0.3), (x, 0.86)], 0.13, "shade")
    pen.box(-0.92, -0.18, 0.92, 0.36, "body", 0.06)
    pen.patch(-0.82, 0.1, 0.82, 0.44, "white")
    for key in range(1, 9):
        x = -0.82 + key * 0.182
        pen.line([(x, 0.1), (x, 0.44)], 0.03, "smoke")
        if key not in (3, 7):
            pen.patch(x - 0.05, 0.1, x + 0.05, 0.3, "night")
    pen.line([(0.12, 0.62), (0.12, 0.84)], 0.08, "smoke" if pen.vary[0] > 0 else "metal")
