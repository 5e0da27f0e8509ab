"""A pen that draws a thing in its own coordinates: -1 to 1 on both axes, y down, standing on y = 0.9."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

Point = tuple[float, float]
Paint = tuple[int, int, int, int]
Palette = dict[str, Paint]

CURVE_STEPS = 6  # straight pieces between two points of a blob
CANVAS = 1.22  # canvas side over the thing's side: room for tilt and outline


@lru_cache(maxsize=1)
def _spline() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Catmull-Rom weights, (steps, 4): the curve runs through every point it is given."""
    t = np.arange(CURVE_STEPS)[:, None] / CURVE_STEPS
    powers = np.hstack([np.ones_like(t), t, t**2, t**3])
    return powers @ (np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2)


@lru_cache(maxsize=1024)
def smooth(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The closed curve through these points; remembered, as most outlines do not vary."""
    corners = np.array(points)
    around = np.stack([np.roll(corners, shift, axis=0) for shift in (1, 0, -1, -2)], axis=1)  # (points, 4, 2)
    return tuple((float(x), float(y)) for x, y in (_spline() @ around).reshape(-1, 2))


class Pen:
    """Draws one thing on a transparent canvas."""

    def __init__(self, radius: float, edge: float, palette: Palette, vary: Sequence[float], stretch: float) -> None:
        """Take the thing's radius and outline in canvas pixels, its paints, floats in -1..1, and x over y."""
        side = int(2 * radius * CANVAS) + 1
        self.canvas = Image.new("RGBA", (side, side))
        self.vary = vary
        self._ink = palette
        self._edge = max(1, round(edge))
        self._middle = side / 2
        self._kx = radius * min(1.0, stretch)
        self._ky = radius * min(1.0, 1 / stretch)
        self._draw = ImageDraw.Draw(self.canvas)

    def _box(self, x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
        cx, cy = self._middle + x * self._kx, self._middle + y * self._ky
        dx, dy = rx * self._kx, ry * self._ky
        return (cx - dx, cy - dy, cx + dx, cy + dy)

    def _map(self, points: Sequence[Point]) -> list[Point]:
        m, kx, ky = self._middle, self._kx, self._ky
        return [(m + x * kx, m + y * ky) for x, y in points]

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: str = "body") -> None:
        """Fill and outline an ellipse by its centre and radii."""
        self._draw.ellipse(self._box(x, y, rx, ry), self._ink[fill], self._ink["edge"], self._edge)

    def circle(self, x: float, y: float, r: float, fill: str = "body") -> None:
        self.ellipse(x, y, r, r, fill)

    def dot(self, x: float, y: float, rx: float, ry: float | None = None, fill: str = "ink") -> None:
        """Fill an ellipse without an outline."""
        self._draw.ellipse(self._box(x, y, rx, rx if ry is None else ry), self._ink[fill])

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: str = "body", corner: float = 0.0) -> None:
        """Fill and outline a rectangle, its corners rounded by `corner`."""
        m, kx, ky = self._middle, self._kx, self._ky
        where = (m + x0 * kx, m + y0 * ky, m + x1 * kx, m + y1 * ky)
        if corner:
            self._draw.rounded_rectangle(where, corner * min(kx, ky), self._ink[fill], self._ink["edge"], self._edge)
        else:
            self._draw.rectangle(where, self._ink[fill], self._ink["edge"], self._edge)

    def patch(self, x0: float, y0: float, x1: float, y1: float, fill: str = "ink") -> None:
        """Fill a rectangle without an outline."""
        m, kx, ky = self._middle, self._kx, self._ky
        self._draw.rectangle((m + x0 * kx, m + y0 * ky, m + x1 * kx, m + y1 * ky), self._ink[fill])

    def poly(self, points: Sequence[Point], fill: str = "body") -> None:
        """Fill and outline a polygon."""
        corners = self._map(points)
        self._draw.polygon(corners, self._ink[fill])
        self._draw.line([*corners, corners[0], corners[1]], self._ink["edge"], self._edge)

    def shape(self, points: Sequence[Point], fill: str = "ink") -> None:
        """Fill a polygon without an outline."""
        self._draw.polygon(self._map(points), self._ink[fill])

    def blob(self, points: Sequence[Point], fill: str = "body") -> None:
        """Fill and outline the smooth closed curve through these points."""
        self.poly(smooth(tuple(points)), fill)

    def line(self, points: Sequence[Point], width: float = 0.05, fill: str = "ink") -> None:
        self._draw.line(self._map(points), self._ink[fill], max(1, round(width * self._kx)))

    def limb(self, points: Sequence[Point], width: float, fill: str = "body") -> None:
        """Draw a thick line with an outline: a leg, a neck, a handle."""
        ends = self._map(points)
        inner = max(1, round(width * self._kx))
        self._draw.line(ends, self._ink["edge"], inner + 2 * self._edge, joint="curve" if len(ends) > 2 else None)
        self._draw.line(ends, self._ink[fill], inner, joint="curve" if len(ends) > 2 else None)

    def arc(
        self, x: float, y: float, rx: float, ry: float, start: float, end: float, width: float = 0.05, fill: str = "ink"
    ) -> None:
        """Draw part of an ellipse's line, in degrees clockwise from the right."""
        self._draw.arc(self._box(x, y, rx, ry), start, end, self._ink[fill], max(1, round(width * self._kx)))

    def pie(self, x: float, y: float, rx: float, ry: float, start: float, end: float, fill: str = "body") -> None:
        """Fill and outline a slice of an ellipse, in degrees clockwise from the right."""
        self._draw.pieslice(self._box(x, y, rx, ry), start, end, self._ink[fill], self._ink["edge"], self._edge)

    def eye(self, x: float, y: float, r: float) -> None:
        self._draw.ellipse(self._box(x, y, r, r), self._ink["white"])
        self._draw.ellipse(self._box(x + r * 0.2, y, r * 0.6, r * 0.6), self._ink["night"])
