"""The tour itself: write a toybox, fill a library from it, ask, and measure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from hearsee.api.answers import hit_row
from hearsee.api.demo.questions import HITS, Question, questions
from hearsee.core.errors import BadInput
from hearsee.core.settings import Settings
from hearsee.core.space import Space
from hearsee.indexer.corpus import open_source
from hearsee.indexer.ingest import ingest
from hearsee.indexer.writer import Writer
from hearsee.search import Hit, Searcher, open_library
from hearsee.search.evaluate import evaluate
from hearsee.toybox.measure import SHARED
from hearsee.toybox.write import write_toybox

SEED = 20
MARK = "demo.json"  # says that the folder is the demo's own, and what lies in it

Progress = Callable[[str, int, int | None], None]  # what is going on, done, in all


@dataclass(frozen=True)
class Found:
    question: Question
    hits: list[Hit]
    milliseconds: float

    def as_dict(self) -> dict[str, Any]:
        hits = [{**hit_row(hit), "right": self.question.answered_by(hit.metadata)} for hit in self.hits]
        return {
            "name": self.question.name,
            "asked": dict(self.question.asked),
            "command": self.question.command,
            "right": dict(self.question.right),
            "wrong": dict(self.question.wrong),
            "hits": hits,
            "milliseconds": self.milliseconds,
        }


@dataclass(frozen=True)
class Tour:
    folder: Path
    space: str
    counts: dict[str, int]  # items by modality
    indexed: dict[str, Any]  # what the ingest did
    searches: list[Found]
    recall: dict[str, dict[str, float]]  # "text->image": recall@1, @5, @10
    seconds: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        return {
            "recall": self.recall,
            "relevant": {direction: list(keys) for direction, keys in SHARED.items()},
            "searches": [found.as_dict() for found in self.searches],
            "items": self.counts,
            "indexed": self.indexed,
            "seconds": self.seconds,
            "space": self.space,
            "folder": str(self.folder),
        }


def take_tour(folder: Path, space: Space, items: int, settings: Settings, progress: Progress) -> Tour:
    """Everything, in order; what a tour before this one left in the folder is used again."""
    if items < 3:
        raise BadInput(f"--items is {items}: three make a group, so ask for 3 or more")
    seconds: dict[str, float] = {}
    started = perf_counter()
    _prepare(folder, space, items, progress)
    seconds["toybox"] = perf_counter() - started
    indexed = _fill(folder, space, settings, progress)
    seconds["index"] = perf_counter() - started - sum(seconds.values())
    with open_library(folder / "library", space=space, settings=settings) as searcher:
        searches = _ask(searcher, progress)
        seconds["search"] = perf_counter() - started - sum(seconds.values())
        recall = _measure(searcher, progress)
        counts = {str(name): int(count) for name, count in searcher.library.catalog.stats()["items"].items()}
    seconds["evaluate"] = perf_counter() - started - sum(seconds.values())
    seconds["all"] = perf_counter() - started
    return Tour(folder, space.name, counts, indexed, searches, recall, seconds)


def _prepare(folder: Path, space: Space, items: int, progress: Progress) -> None:
    """Write the toybox, unless it lies there already; start a new library where towers or items are other ones."""
    mark, toybox = folder / MARK, folder / "toybox"
    meant = {"items": items, "seed": SEED, "space": space.fingerprint}
    if mark.is_file():
        if mark.read_text() == json.dumps(meant) and (toybox / "items.jsonl").is_file():
            return
        for old in (toybox, folder / "library"):
            shutil.rmtree(old, ignore_errors=True)
    elif folder.is_dir() and any(folder.iterdir()):
        raise BadInput(f"{folder} holds other things: name an empty or new folder with --dir")
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text("{}")
    write_toybox(toybox, items, SEED, progress=lambda done, total: progress("Drawing and playing", done, total))
    mark.write_text(json.dumps(meant))


def _fill(folder: Path, space: Space, settings: Settings, progress: Progress) -> dict[str, Any]:
    source = open_source(str(folder / "toybox"), settings.limits)
    total = sum(1 for _ in (folder / "toybox" / "items.jsonl").open())
    with Writer.open(folder / "library", space=space) as writer:
        report = ingest(
            writer,
            [source],
            space,
            settings,
            progress=lambda moment: progress("Indexing", moment.done, total),
        )
    return report.as_json()


def _ask(searcher: Searcher, progress: Progress) -> list[Found]:
    found = []
    asked = questions(searcher.library)
    for number, question in enumerate(asked, 1):
        answer = searcher.search(**question.asked, k=HITS)
        found.append(Found(question, answer.hits, answer.timings["total_ms"]))
        progress("Searching", number, len(asked))
    return found


def _measure(searcher: Searcher, progress: Progress) -> dict[str, dict[str, float]]:
    report = evaluate(
        searcher,
        directions=list(SHARED),
        relevant_by=SHARED,
        progress=lambda name, done, total: progress(f"Measuring {name}", done, total),
    )
    cuts = ("recall@1", "recall@5", "recall@10")
    return {
        name: {cut: direction.metrics[cut].value for cut in cuts} | {"queries": direction.queries}
        for name, direction in report.directions.items()
    }
