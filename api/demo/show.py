"""The tour as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from hearsee.api.demo.questions import Question
from hearsee.api.demo.tour import Found, Tour
from hearsee.api.names import name_of
from hearsee.api.terminal import table, visible
from hearsee.toybox.measure import SHARED

_SHOWN = ("thing", "count", "size", "side", "distance", "colour")


def show(tour: Tour, out: Console) -> None:
    for found in tour.searches:
        _show_search(found, out)
    _show_recall(tour, out)


def _show_search(found: Found, out: Console) -> None:
    question = found.question
    out.print()
    out.print(Text(question.name.capitalize(), style="bold"), Text(f"   {found.milliseconds:.0f} ms", style="dim"))
    command = question.command.replace(f"{Path.cwd()}/", "")
    out.print(Text(f"$ {visible(command)}", style="dim"), soft_wrap=True)
    rows = [
        (
            hit.rank,
            f"{hit.score:.3f}",
            Text("✓", "green") if question.answered_by(hit.metadata) else Text("·", "dim"),
            hit.item.modality.value,
            name_of(hit.item) if hit.item.text is not None else hit.item.uri.rsplit("/", 1)[-1],
            _attributes(hit.metadata),
        )
        for hit in found.hits
    ]
    columns = ("#", "score", "", "what", "item", "shows")
    out.print(table(f"✓ is {_meant(question)}", columns, rows, right=(0, 1)))


def _meant(question: Question) -> str:
    parts = [f"{key} {value}" for key, value in question.right.items()]
    return ", ".join(parts + [f"{key} not {value}" for key, value in question.wrong.items()])


def _attributes(metadata: Mapping[str, Any]) -> str:
    return " ".join(str(metadata[key]) for key in _SHOWN if key in metadata)


def _show_recall(tour: Tour, out: Console) -> None:
    cuts = ("recall@1", "recall@5", "recall@10")
    rows = [
        (
            direction.replace("->", " → "),
            *(_shaded(values[cut]) for cut in cuts),
            f"{values['queries']:,.0f}",
        )
        for direction, values in tour.recall.items()
    ]
    columns = ("direction", *cuts, "questions")
    out.print()
    out.print(table("How often a right answer is among the first 1, 5 and 10", columns, rows, right=(1, 2, 3, 4)))
    for shared in dict.fromkeys(SHARED[direction] for direction in tour.recall):
        where = ", ".join(name.replace("->", " → ") for name in tour.recall if SHARED[name] == shared)
        out.print(Text(f"{where}: right is the same {', '.join(shared)}", style="dim"))
    items = ", ".join(f"{count:,} {kind}" for kind, count in tour.counts.items())
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in tour.seconds.items() if name != "all")
    out.print(Text(f"{items}; {tour.indexed['encoded']:,} points encoded now; {steps}", style="dim"))


def _shaded(value: float) -> Text:
    return Text(f"{value:.3f}", style="green" if value >= 0.9 else "yellow" if value >= 0.5 else "red")
