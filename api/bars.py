"""Progress bars. Imports rich: commands import this when they are about to show one."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from hearsee.api.terminal import console


class Pace(ProgressColumn):
    """How many a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} {self._unit}/s" if speed else "")


def bars(unit: str = "items", *, quiet: bool = False) -> Progress:
    """Bar, count, pace and time; on stderr, so that a pipe gets results only."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        Pace(unit),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console(stderr=True), disable=quiet)
