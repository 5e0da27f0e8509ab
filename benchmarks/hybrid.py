"""What words beside vectors, merged lists and a second look do to nDCG@10: `python benchmarks/hybrid.py [--json]`.

Libraries of held-out toybox groups, one for each seed. A share of the pictures carries a caption and an invoice number;
questions say the same in other words. A picture is worth as many of the attributes that a question says as it has, if
it shows the thing that is asked for; only one has the name or the number that is asked for.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
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
from hearsee.toybox.lessons import short_captions
from hearsee.toybox.scene import SEEN, Scene
from hearsee.toybox.space import toybox_space
from hearsee.toybox.words import caption
from hearsee.toybox.write import Group, png, stream

K = 10
SEED = 3_000_000
RESAMPLES = 1000
Asked: TypeAlias = dict[str, Any]  # what is given to a search
# What is switched on; every question is asked in each of the ways of its kind.
PLAIN: Asked = {"lexical": False}
WORDS: dict[str, Asked] = {
    "vectors": PLAIN,
    "+ exact names (as it comes)": {},
    "+ all words": {"lexical": True},
}
LOOKED: dict[str, Asked] = WORDS | {"+ second look": PLAIN | {"rerank": True}}
MERGED: dict[str, Asked] = {
    "one search (what won)": PLAIN,
    "one search (mean)": PLAIN | {"fusion": "mean"},
    "late (two lists merged)": PLAIN | {"fusion": "late"},
    "one search, second look": PLAIN | {"rerank": True},
}
KINDS: dict[str, dict[str, Asked]] = {
    "captions": LOOKED,
    "short captions": LOOKED,
    "names": WORDS,
    "names in a sentence": WORDS | {"+ exact names, second look": {"rerank": True}},
    "numbers": WORDS,
    "caption and sound": MERGED,
}


@dataclass(frozen=True)
class Question:
    words: str
    gains: Mapping[int, float]  # by item
    sound: int | None = None  # an item that asks, too

    @property
    def parts(self) -> Asked:
        return {"text": self.words} | ({} if self.sound is None else {"like": self.sound})


@dataclass(frozen=True)
class World:
    searcher: Searcher
    questions: dict[str, list[Question]]  # by kind


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    options.add_argument("--groups", type=int, default=200, help="of each seed")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--questions", type=int, default=200, help="of each kind and seed")
    options.add_argument("--captioned", type=float, default=0.5, help="the share of pictures with captions")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    rows = list(figures(given.groups, given.seeds, given.questions, given.captioned))
    about = {"groups": given.groups, "seeds": given.seeds, "captioned": given.captioned}
    print(json.dumps({"metric": f"nDCG@{K}", **about, "rows": rows})) if given.json else show(rows, about)


def figures(groups: int, seeds: int, limit: int, captioned: float) -> Iterator[dict[str, Any]]:
    """A row for each kind of question and each way to answer it, over all seeds together."""
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            world = made(Path(folder), groups, SEED + seed, captioned)
            with world.searcher:
                world.searcher.search(text="a bell", rerank=True, wanted="image")  # loads what the first would wait for
                for kind, questions in world.questions.items():
                    for question in questions[:limit]:
                        for way, switches in KINDS[kind].items():
                            found.setdefault((kind, way), []).append(answered(world.searcher, question, switches))
    for (kind, way), values in found.items():
        gains, firsts, spent = np.array(values).T
        low, high = interval(gains)
        about = {"questions": len(values), "median_ms": float(np.median(spent))}
        yield {
            "kind": kind,
            "way": way,
            "ndcg": gains.mean(),
            "low": low,
            "high": high,
            "first": firsts.mean(),
            **about,
        }


def answered(searcher: Searcher, question: Question, switches: Asked) -> tuple[float, float, float]:
    """nDCG@10, whether the first hit is one of the best there are, and milliseconds."""
    started = time.perf_counter()
    answer = searcher.search(wanted="image", k=K, **question.parts, **switches)
    spent = (time.perf_counter() - started) * 1e3
    order = [hit.item.id for hit in answer.hits]
    first = question.gains.get(order[0], 0.0) == max(question.gains.values())
    return ndcg(order, question.gains, K), float(first), spent


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
        path = folder / f"IMG_{at:04d}.png"
        path.write_bytes(png(group.picture))  # the second look reads it
        adds.append(add(path.as_uri(), Modality.IMAGE, vectors["image"][at], words))
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
    questions: dict[str, list[Question]] = {kind: [] for kind in KINDS}
    for at, group in enumerate(groups):

        def worths(attributes: Sequence[str], scene: Scene = group.scene) -> dict[int, float]:
            gains = {item: worth(scene, other.scene, attributes) for item, other in zip(pictures, groups, strict=True)}
            return {item: gain for item, gain in gains.items() if gain}

        words, one = said(group.scene, seed, at, "sound"), {pictures[at]: 1.0}
        short, spoken = short_captions([group.scene], stream(seed + 7_000_000, "held-out", at, "scene"), clumsy=False)
        questions["captions"].append(Question(words, worths(SEEN)))
        questions["caption and sound"].append(Question(words, worths(SEEN), sounds[at]))
        attributes = [name for name, there in zip(SEEN, spoken[0], strict=True) if there]
        questions["short captions"].append(Question(short[0], worths(attributes)))
        questions["names"].append(Question(f"IMG_{at:04d}", one))
        questions["names in a sentence"].append(Question(f"the {group.scene.thing} of IMG_{at:04d}, please", one))
        if told[at]:
            questions["numbers"].append(Question(f"invoice {numbers[at]}", one))
    return {kind: some for kind, some in questions.items() if some}


def said(scene: Scene, seed: int, index: int, use: str) -> str:
    """Two uses, two captions: what is asked is not what is written beside the picture."""
    return caption(scene, stream(seed + 7_000_000, "held-out", index, use))[0]


def worth(scene: Scene, other: Scene, attributes: Sequence[str]) -> float:
    """How many of the attributes two scenes share, if they show the same thing or nobody named it."""
    alike = "thing" not in attributes or scene.thing == other.thing
    return float(sum(getattr(scene, name) == getattr(other, name) for name in attributes) * alike)


def add(uri: str, modality: Modality, vector: Vectors, words: str | None) -> Add:
    return Add(uri, modality, uri, 1, "benchmark:", vector[None], [None], caption=words)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over questions."""
    rng = np.random.default_rng(0)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def show(rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    title = f"{about['seeds']} libraries of {about['groups']} held-out groups, {about['captioned']:.0%} captioned"
    table = Table(title=f"{title}: nDCG@{K} with 95 % intervals")
    for column in ("questions", "answered by", f"nDCG@{K}", "best first", "asked", "median ms"):
        table.add_column(column, justify="left" if column in ("questions", "answered by") else "right")
    for row in rows:
        figure = f"{row['ndcg']:.3f} ({row['low']:.3f}–{row['high']:.3f})"
        cells = (row["kind"], row["way"], figure, f"{row['first']:.3f}", f"{row['questions']:,}")
        table.add_row(*cells, f"{row['median_ms']:.1f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
