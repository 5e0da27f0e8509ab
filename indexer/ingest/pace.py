"""How fast an ingest goes, what limits it, and how long it will take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

WINDOW_SECONDS = 15.0  # what counts as now: several gatherings of a slow tower


@dataclass(frozen=True)
class Moment:
    """What an ingest tells while it runs."""

    done: int  # items that are through, the last of them not yet committed
    total: int | None  # none where a source cannot say how many it has
    seconds: float  # since the start
    stages: Mapping[str, int]  # items by the stage that they have passed
    held: Mapping[str, float]  # seconds that each stage held up the others
    doing: str = ""  # what goes on when every item is through: it may take long, and no item counts it


Progress: TypeAlias = Callable[[Moment], None]


@dataclass(frozen=True)
class Speed:
    items_per_second: float
    limit: str | None  # the stage that the others wait for most
    share: float  # of the time
    left_seconds: float | None


@dataclass
class Pace:
    """Speed over the last seconds: an unchanged beginning is passed quickly and says nothing about the rest."""

    window_seconds: float = WINDOW_SECONDS
    _moments: deque[Moment] = field(default_factory=deque)

    def at(self, moment: Moment) -> Speed:
        moments = self._moments
        moments.append(moment)
        while len(moments) > 2 and moment.seconds - moments[1].seconds >= self.window_seconds:
            moments.popleft()
        first = moments[0]
        # Nothing came before the first moment, so a run's first speed counts from its start.
        start = first if len(moments) > 1 else Moment(0, None, 0.0, {}, {})
        took = moment.seconds - start.seconds
        speed = (moment.done - start.done) / took if took > 0 else 0.0
        limit, share = limiting({stage: spent - start.held.get(stage, 0.0) for stage, spent in moment.held.items()})
        left = None if moment.total is None or speed <= 0 else max(0, moment.total - moment.done) / speed
        return Speed(speed, limit, share, left)


def limiting(held: Mapping[str, float]) -> tuple[str | None, float]:
    """The stage that held up the others for longest, and its share of the time."""
    total = sum(held.values())
    if total <= 0:
        return None, 0.0
    stage = max(held, key=lambda one: held[one])
    return stage, held[stage] / total
