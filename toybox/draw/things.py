"""Which function draws which thing."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from hearsee.toybox.draw import animals, critters, house, instruments, vehicles, weather
from hearsee.toybox.draw.pen import Pen
from hearsee.toybox.scene import THINGS

Drawing = Callable[[Pen], None]
SHELVES = (animals, critters, house, instruments, vehicles, weather)


def _find(thing: str) -> Drawing:
    shelves: list[ModuleType] = [shelf for shelf in SHELVES if hasattr(shelf, thing)]
    (shelf,) = shelves  # a thing is drawn in exactly one place
    drawing: Drawing = getattr(shelf, thing)
    return drawing


DRAWINGS: dict[str, Drawing] = {thing: _find(thing) for thing in THINGS}
