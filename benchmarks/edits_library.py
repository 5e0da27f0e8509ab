"""What a library's own metadata teach about edits and steering away: `python benchmarks/edits_library.py [--json]`.

Each seed's library holds toybox groups of the train split: pictures, sounds, captions and what is written of them,
nothing else of the toybox. What `hearsee align edits --library` learns from it is held against what answers where
nothing was learned, and against the weights that ship: on a fifth of the library that nothing was learned from, in the
library's words ("red", "count 2"), and on held-out combinations in the toybox's own ("crimson", "a pair of").
Edits: how often the right one comes first. Steering away: of the first ten hits, the share of what else was asked for,
nothing of a hit that has what is not wanted. 95 % intervals of the gain.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hearsee.core.edits import EDIT, FILE, WITHOUT, read_edits
from hearsee.core.fuser import Arrays
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.indexer.align.edits import EditsRecipe, learn_edits
from hearsee.indexer.align.facts import Facts
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from hearsee.search.evaluate.edited import verdicts
from hearsee.search.evaluate.facts import library_facts, parted
from hearsee.search.evaluate.learning import SHARES
from hearsee.toybox.edits import toybox_facts
from hearsee.toybox.exam import encoded
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers.encoders import WEIGHTS
from hearsee.toybox.write import group

LIBRARY, HELD_OUT = 10_000_000, 11_000_000  # seeds that nothing else uses
CHUNK = 250
ROLES = {EDIT: "edits", WITHOUT: "steering away"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--groups", type=int, default=1500, help="of each library")
    options.add_argument("--pairs", type=int, default=250, help="of held-out things, for each seed")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--steps", type=int, default=EditsRecipe.steps)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    space = toybox_space(WEIGHTS)
    shipped = read_edits(WEIGHTS / FILE, space.fingerprint, space.dim).weights
    rows = []
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            rows += one_seed(space, Path(folder) / "library", shipped, given, seed)
    answer = {
        "machine": f"{os.cpu_count()} x {platform.machine()}",
        "groups": given.groups,
        "seeds": given.seeds,
        "rows": rows,
        "summary": summary(rows),
    }
    print(json.dumps(answer)) if given.json else show(answer)


def one_seed(
    space: Space, folder: Path, shipped: Mapping[str, Arrays], given: argparse.Namespace, seed: int
) -> list[dict[str, Any]]:
    """Learned from one library; each row is a role, on some things, over what would answer otherwise."""
    fill(folder, space, given.groups, LIBRARY + seed)
    with Library.open(folder) as library:
        train, check, judged = parted(library_facts(library), SHARES)
    began = time.perf_counter()
    recipe = EditsRecipe(seed=seed, steps=given.steps)
    learned = learn_edits(space, train, check, recipe, lambda line: print(line, file=sys.stderr, flush=True)).weights
    seconds = time.perf_counter() - began
    fresh = toybox_facts(space, "held-out", given.pairs, HELD_OUT + seed)
    asked: Sequence[tuple[str, Facts]] = (("its own held-out things", judged), ("new combinations, other words", fresh))
    return [
        {"seed": seed, "on": where, "over": over, "train_seconds": seconds, **asdict(one), "better": one.better}
        for where, facts in asked
        for over, now in (("nothing learned", {}), ("what ships", shipped))
        for one in verdicts(facts, now, learned).values()
    ]


def fill(folder: Path, space: Space, groups: int, seed: int) -> None:
    """A library of toybox groups with their metadata, as an ingest would leave it."""
    with Writer.open(folder, space=space) as writer:
        for start in range(0, groups, CHUNK):
            made = [group(seed, "train", at) for at in range(start, min(start + CHUNK, groups))]
            vectors = encoded(space, made)
            adds = []
            for modality in Modality:
                for at, (one, row) in enumerate(zip(made, vectors[modality.value], strict=True), start):
                    name = f"{modality.value}:{at}"
                    content = sha256(name.encode()).hexdigest()
                    about = one.scene.attributes()
                    adds.append(
                        Add(name, modality, content, 1, "toybox:", row[None], [None], group=str(at), metadata=about)
                    )
            writer.commit(Batch(adds))


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means over seeds; the widest interval of any."""
    found = []
    for key in dict.fromkeys((row["role"], row["on"], row["over"]) for row in rows):
        mine = [row for row in rows if (row["role"], row["on"], row["over"]) == key]

        def mean(name: str, mine: Sequence[Mapping[str, Any]] = mine) -> float:
            return float(sum(row[name] for row in mine) / len(mine))

        found.append(
            dict(zip(("role", "on", "over"), key, strict=True))
            | {name: mean(name) for name in ("before", "after")}
            | {"gain": mean("after") - mean("before"), "low": min(row["low"] for row in mine)}
            | {"high": max(row["high"] for row in mine), "live": sum(row["better"] for row in mine)}
            | {"questions": sum(row["questions"] for row in mine), "seconds": mean("train_seconds")}
        )
    return found


def show(answer: Mapping[str, Any]) -> None:
    title = f"Learned from the metadata of {answer['groups']:,} groups; means over {answer['seeds']} libraries"
    table = Table(title=title)
    for column in ("what", "on", "over", "questions", "before", "learned", "gain (widest interval)", "goes live"):
        table.add_column(column)
    for row in answer["summary"]:
        table.add_row(
            ROLES[row["role"]], row["on"], row["over"], f"{row['questions']:,}", f"{row['before']:.3f}",
            f"{row['after']:.3f}", f"{row['gain']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})",
            f"{row['live']} of {answer['seeds']}",
        )  # fmt: skip
    console = Console(width=180)
    console.print(table)
    console.print(f"learning took {answer['summary'][0]['seconds']:.0f} s a library")


if __name__ == "__main__":
    main()
