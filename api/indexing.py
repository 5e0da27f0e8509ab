"""How far an indexing has come: a bar in a terminal, a line now and then elsewhere; on stderr either way."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from hearsee.indexer.ingest.pace import Moment, Progress, Speed

LINE_SECONDS = 10.0  # between two lines where there is no terminal


@contextmanager
def shown_progress(*, quiet: bool = False) -> Iterator[Progress]:
    """What to give to `ingest` as its progress."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield lines(sys.stderr)


def lines(out: TextIO, clock: Callable[[], float] = time.monotonic) -> Progress:
    """A plain line every ten seconds."""
    from hearsee.indexer.ingest.pace import Pace

    pace, told = Pace(), clock()

    def tell(moment: Moment) -> None:
        nonlocal told
        if moment.doing:
            if moment.seconds >= LINE_SECONDS:  # nobody wonders what a short run does
                print(moment.doing, file=out, flush=True)
            return
        speed = pace.at(moment)
        if clock() - told >= LINE_SECONDS:
            told = clock()
            print(line(moment, speed), file=out, flush=True)

    return tell


def line(moment: Moment, speed: Speed) -> str:
    of = "" if moment.total is None else f" of {moment.total:,}"
    return f"{moment.done:,}{of} items, {said_of(moment, speed)}"


def said_of(moment: Moment, speed: Speed) -> str:
    """Such as "21 items/s, encode limits (93 %), 0:03:10 left"."""
    if not moment.done:
        return "the first are on their way"
    said = [f"{speed.items_per_second:,.{0 if speed.items_per_second >= 10 else 1}f} items/s"]
    if speed.limit is not None:
        said.append(f"{speed.limit} limits ({100 * speed.share:.0f} %)")
    if speed.left_seconds is not None and moment.total != moment.done:
        said.append(f"{clock_time(speed.left_seconds)} left")
    return ", ".join(said)


def clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from hearsee.api.terminal import console
    from hearsee.indexer.ingest.pace import Pace

    columns = (
        TextColumn("Indexing"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
    )
    pace, said = Pace(), ""
    with Progress(*columns, console=console(stderr=True)) as shown:
        task = shown.add_task("loading what encodes", total=None)
        shown.live.transient = True  # until there is something to tell: an error should stand alone

        def tell(moment: Moment) -> None:
            nonlocal said
            shown.live.transient = False
            said = said if moment.doing else said_of(moment, pace.at(moment))
            shown.update(task, completed=moment.done, total=moment.total, description=moment.doing or said)

        yield tell
        shown.update(task, total=shown.tasks[task].completed, description=said)
