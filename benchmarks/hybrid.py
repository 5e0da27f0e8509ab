"""nDCG@10 with late fusion and words beside vectors, each off and on: `python benchmarks/hybrid.py [--json]`.

Each seed makes a library of toybox groups that no training saw: every picture has a numbered file name, a part of them
also a caption and an invoice number. Questions are new captions of the groups, names of files, and numbers. A picture
is worth the attributes it shares with the question's scene if it shows the same thing, else nothing; a name or a
number is worth its one item.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.writer import Writer
from hearsee.search import Searcher, open_library
from hearsee.search.evaluate.gain import ndcg
from hearsee.toybox.exam import encoded, held_out
from hearsee.toybox.scene import Scene
from hearsee.toybox.space import toybox_space
from hearsee.toybox.words import caption
from hearsee.toybox.write import Group, stream

K = 10
DEPTH = 100
SHARED = ("thing", "count", "size", "side", "distance", "colour")
SEED = 3_000_000
RESAMPLES = 1000
Order: TypeAlias = list[int]  # ids of pictures, best first


@dataclass(frozen=True)
class Question:
    words: str
    sound: int  # item id of the group's sound
    gains: dict[int, float]


@dataclass(frozen=True)
class World:
    searcher: Searcher
    questions: dict[str, list[Question]]  # by kind


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    options.add_argument("--groups", type=int, default=400, help="of each seed")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument(
        "--captioned", type=float, nargs="*", default=[0.0, 0.5], help="shares of pictures with captions"
    )
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    rows = [row for share in given.captioned for row in figures(given.groups, given.seeds, share)]
    if given.json:
        print(json.dumps({"metric": f"nDCG@{K}", "groups": given.groups, "seeds": given.seeds, "rows": rows}))
    else:
        show(rows, given.groups, given.seeds)


def figures(groups: int, seeds: int, captioned: float) -> Iterator[dict[str, Any]]:
    """A row for each kind of question and each way to answer it, over all seeds together."""
    found: dict[tuple[str, str], list[float]] = {}
    spent: dict[tuple[str, str], list[float]] = {}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            world = made(Path(folder), groups, SEED + seed, captioned)
            with world.searcher:
                for (kind, way), questions, answer in ways(world):
                    for question in questions:
                        started = time.perf_counter()
                        order = answer(question)
                        spent.setdefault((kind, way), []).append((time.perf_counter() - started) * 1e3)
                        found.setdefault((kind, way), []).append(ndcg(order, question.gains, K))
    for (kind, way), values in found.items():
        low, high = interval(np.array(values))
        about = {"questions": len(values), "captioned": captioned, "median_ms": float(np.median(spent[kind, way]))}
        yield {"kind": kind, "way": way, "ndcg": float(np.mean(values)), "low": low, "high": high, **about}


def ways(world: World) -> Iterator[tuple[tuple[str, str], list[Question], Callable[[Question], Order]]]:
    def ask(question: Question, *, lexical: bool = False, k: int = K, **parts: Any) -> Order:
        del question
        return [hit.item.id for hit in world.searcher.search(wanted="image", k=k, lexical=lexical, **parts).hits]

    def late(question: Question) -> Order:
        lists = [ask(question, k=DEPTH, text=question.words), ask(question, k=DEPTH, like=question.sound)]
        return by_reciprocal_rank(lists)

    for kind, questions in world.questions.items():
        yield (kind, "vectors"), questions, lambda q: ask(q, text=q.words)
        yield (kind, "vectors + words"), questions, lambda q: ask(q, text=q.words, lexical=True)
    asked = world.questions["captions"]
    yield ("caption and sound", "one search (mean)"), asked, lambda q: ask(q, text=q.words, like=q.sound)
    yield ("caption and sound", "late (two lists merged)"), asked, late


def by_reciprocal_rank(lists: Sequence[Order]) -> Order:
    earned: dict[int, float] = {}
    for order in lists:
        for rank, item in enumerate(order, 1):
            earned[item] = earned.get(item, 0.0) + 1 / (60 + rank)
    return sorted(earned, key=lambda item: (-earned[item], item))


def made(folder: Path, count: int, seed: int, captioned: float) -> World:
    """A library of pictures and sounds, and questions that are answered by its pictures."""
    groups, vectors = encoded_groups(count, seed)
    space = toybox_space()
    rng = np.random.default_rng(seed)
    numbers = rng.choice(np.arange(1000, 10_000), count, replace=False).tolist()
    told = rng.random(count) < captioned
    adds = []
    for at, group in enumerate(groups):
        text = said(group.scene, seed, at, "caption") if told[at] else None
        words = f"{text} (invoice {numbers[at]})" if text else None
        adds.append(add(f"file:///pictures/IMG_{at:04d}.png", Modality.IMAGE, vectors["image"][at], words))
        adds.append(add(f"file:///sounds/REC_{at:04d}.flac", Modality.AUDIO, vectors["audio"][at], None))
    with Writer.open(folder / "library", space=space) as writer:
        writer.commit(Batch(adds))
        writer.build_shards()
    searcher = open_library(folder / "library", space=space)
    known = searcher.library.catalog.find([one.uri for one in adds])
    ids = [known[one.uri].id for one in adds]
    return World(searcher, asked(groups, ids, numbers, told.tolist(), seed))


@cache
def encoded_groups(count: int, seed: int) -> tuple[list[Group], dict[str, Vectors]]:
    groups = held_out(count, seed)
    return groups, encoded(toybox_space(), groups)


def asked(
    groups: Sequence[Group], ids: Sequence[int], numbers: Sequence[int], told: Sequence[bool], seed: int
) -> dict[str, list[Question]]:
    pictures, sounds = ids[::2], ids[1::2]
    questions: dict[str, list[Question]] = {"captions": [], "names": [], "names in a sentence": []}
    for at, group in enumerate(groups):
        gains = {item: worth(group.scene, other.scene) for item, other in zip(pictures, groups, strict=True)}
        gains = {item: gain for item, gain in gains.items() if gain}
        one = {pictures[at]: 1.0}
        questions["captions"].append(Question(said(group.scene, seed, at, "sound"), sounds[at], gains))
        questions["names"].append(Question(f"IMG_{at:04d}", sounds[at], one))
        sentence = f"the {group.scene.thing} of IMG_{at:04d}, please"
        questions["names in a sentence"].append(Question(sentence, sounds[at], one))
        if told[at]:
            questions.setdefault("numbers", []).append(Question(f"invoice {numbers[at]}", sounds[at], one))
    return questions


def said(scene: Scene, seed: int, index: int, use: str) -> str:
    """Two uses, two captions: what is asked is not what is written beside the picture."""
    return caption(scene, stream(seed + 7_000_000, "held-out", index, use))[0]


def worth(scene: Scene, other: Scene) -> float:
    """How many attributes two scenes share, if they show the same thing."""
    return float(sum(getattr(scene, name) == getattr(other, name) for name in SHARED) * (scene.thing == other.thing))


def add(uri: str, modality: Modality, vector: Vectors, words: str | None) -> Add:
    return Add(uri, modality, uri, 1, "benchmark:", vector[None], [None], caption=words)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over questions."""
    rng = np.random.default_rng(0)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def show(rows: Sequence[dict[str, Any]], groups: int, seeds: int) -> None:
    table = Table(title=f"nDCG@{K} over {seeds} libraries of {groups} held-out groups, with 95 % intervals")
    for column in ("captioned", "questions", "answered by", f"nDCG@{K}", "asked", "median ms"):
        table.add_column(column, justify="left" if column in ("questions", "answered by") else "right")
    for row in rows:
        figure = f"{row['ndcg']:.3f} ({row['low']:.3f}–{row['high']:.3f})"
        cells = (f"{row['captioned']:.0%}", row["kind"], row["way"], figure, f"{row['questions']:,}")
        table.add_row(*cells, f"{row['median_ms']:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
