"""A library beside a LanceDB table, end to end: the same vectors with the same metadata, found and shown.

    python benchmarks/ann_library.py [--json] [--points 200000] [--dim 512] [--recall 0.95] [--seconds 2]

Pictures of a made-up joint space (`_joint_space.py`), each with a title, a year, a rating and tags. The library's
recall is set and proved on texts and pictures of its own; LanceDB has its packaged IVF_PQ index and one over the years.
Either side gets queries as vectors and gives the ten best with their metadata as Python objects, for one query and for
64 in a call, with a filter to a tenth and without one; either uses as many threads as it likes. LanceDB is asked as it
comes, and at the quickest settings that reach the recall on queries for tuning, or the best recall where none does.
Speeds are the best of turns in one run, by the clock; processor time is beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from math import sqrt
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._ann_lance import Lance, Look
from benchmarks._ann_peers import install
from benchmarks._joint_space import JointSpace
from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Bitmap, Vectors
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.library import Library
from hearsee.indexer.recall import set_recall
from hearsee.indexer.shards.flat import FlatShard
from hearsee.indexer.shards.tuning import lower_bound, recall_of
from hearsee.indexer.writer import Writer
from hearsee.search.searcher import Searcher

K, BATCH, TURNS, PER_COMMIT = 10, 64, 3, 10_000
TEXTS = 2_000  # in the library, to prove the recall with
TUNING, TESTING = 128, 512  # queries
ROWS, OWN_TEXTS, TO_TUNE, TO_TEST = 1, 12, 2, 3  # draws
ASKING = ("text", "image")
YEARS, SINCE = (1925, 2024), 2015  # the last ten of a hundred
ASKED = 10.0  # times as many queries a second
NPROBES, REFINES = (4, 8, 16, 32, 64, 128, 256, 1024), (None, 5, 10, 20, 50, 100)
Found = NDArray[np.int64]
Ask = Callable[[Vectors, bool], list[list[dict[str, Any]]]]


@dataclass
class Side:
    """One way to ask, and what it did; `ask` gives ids and metadata, filtered or not."""

    name: str
    ask: dict[str, Ask]  # by what asks
    settings: dict[str, str]
    speeds: dict[tuple[str, bool, int], float] = field(default_factory=dict)
    cpu: dict[tuple[str, bool, int], float] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement, in all turns together")
    args = parser.parse_args()
    missing = install(("lancedb",))
    if missing:
        result: dict[str, Any] = {"missing": missing}
    else:
        with tempfile.TemporaryDirectory() as scratch:
            result = compared(Path(scratch), args.points, args.dim, args.recall, args.seconds)
    print(json.dumps(result)) if args.json else show(result)


def compared(scratch: Path, points: int, dim: int, recall: float, seconds: float) -> dict[str, Any]:
    made = JointSpace(dim)
    rows = made.vectors("image", points, ROWS)
    about = described(points)
    space = Space("made-up", dim, {modality: HashEncoder(modality, dim) for modality in Modality})
    told("filling the library")
    ours = costs(lambda: fill(scratch / "library", space, rows, about, made, recall), scratch / "library")
    told("filling and indexing LanceDB's table")
    tables: list[Lance] = []
    theirs = costs(lambda: tables.append(Lance.made(scratch / "lance", rows, about)), scratch / "lance")
    exact = Truth(rows, np.array([one["year"] >= SINCE for one in about]))
    with Searcher(Library.open(scratch / "library", space=space)) as searcher:
        told("tuning LanceDB")
        looks = {a: tuned(tables[0], made.vectors(a, TUNING, TO_TUNE), exact, recall) for a in ASKING}
        plain = dict.fromkeys(ASKING, Look())
        sides = [hearsee(searcher), lance(tables[0], "LanceDB at its defaults", plain)]
        sides.append(lance(tables[0], "LanceDB tuned", looks))
        told("measuring")
        testing = {asking: made.vectors(asking, TESTING, TO_TEST) for asking in ASKING}
        found = measured(sides, testing, exact, seconds, about)
    return {
        "points": points, "dim": dim, "k": K, "batch": BATCH, "set": recall,
        "hearsee": ours, "lancedb": theirs, "rows": found, "figures": figures(found),
    }  # fmt: skip


def told(what: str) -> None:
    print(what, file=sys.stderr)


def described(points: int) -> list[dict[str, Any]]:
    """What is known of each picture; years at random, so that a filter says nothing about what a picture shows."""
    rng = np.random.default_rng(7)
    years, ratings = rng.integers(*YEARS, points, endpoint=True).tolist(), rng.random(points).round(2).tolist()
    words = ["sea", "hill", "town", "night", "snow", "crowd", "red", "old"]
    tags = rng.integers(0, len(words), (points, 2)).tolist()
    return [
        {"title": f"Picture {n}", "year": year, "rating": rating, "tags": [words[a], words[b]]}
        for n, (year, rating, (a, b)) in enumerate(zip(years, ratings, tags, strict=True))
    ]


def costs(make: Callable[[], object], folder: Path) -> dict[str, float]:
    wall, cpu = perf_counter(), process_time()
    make()
    took = {"seconds": round(perf_counter() - wall, 1), "cpu_seconds": round(process_time() - cpu, 1)}
    return took | {"mb_on_disk": round(sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6)}


def fill(
    folder: Path, space: Space, rows: Vectors, about: list[dict[str, Any]], made: JointSpace, recall: float
) -> None:
    texts = made.vectors("text", TEXTS, OWN_TEXTS)
    with Writer.open(folder, space=space) as writer:
        writer.commit(Batch(list(adds(Modality.TEXT, texts, [{}] * TEXTS, 0))))
        for start in range(0, len(rows), PER_COMMIT):
            part = slice(start, start + PER_COMMIT)
            writer.commit(Batch(list(adds(Modality.IMAGE, rows[part], about[part], start))))
        set_recall(writer, recall)


def adds(modality: Modality, rows: Vectors, about: list[dict[str, Any]], start: int) -> Iterator[Add]:
    for number, (row, known) in enumerate(zip(rows, about, strict=True), start):
        uri = f"made-up:{modality}/{number}"
        yield Add(uri, modality, f"{modality} {number}", 1, "made up", row[None, :], [None], metadata=known)


class Truth:
    """What exact search finds among all rows or the allowed ones, and how much of it others found."""

    def __init__(self, rows: Vectors, recent: Bitmap) -> None:
        self._rows = FlatShard.of(rows)
        self._recent = recent

    def recalls(self, asked: Vectors, found: Found, filtered: bool) -> NDArray[np.float64]:
        best = self._rows.nearest(asked, K, self._recent if filtered else None).scores
        wrong = found < 0
        if filtered:
            wrong |= ~self._recent[found]
        scores = np.einsum("qfd,qd->qf", self._rows.take(np.maximum(found, 0)), asked)
        return recall_of(np.where(wrong, -np.inf, scores).astype(np.float32), best, K)


def hearsee(searcher: Searcher) -> Side:
    def asker(asking: str) -> Ask:
        def ask(some: Vectors, filtered: bool) -> list[list[dict[str, Any]]]:
            where = {"year": {"$gte": SINCE}} if filtered else None
            answers = searcher.nearest(some, "image", K, where, asking)
            return [[{"id": int(h.item.uri.rpartition("/")[2]), **h.metadata} for h in hits] for hits in answers]

        return ask

    gallery = searcher.library.snapshot().parts[Modality.IMAGE]
    known = {a: str(getattr(gallery.sources[0].shard_for(Modality(a)), "effort", None) or "exact") for a in ASKING}
    return Side("hearsee", {asking: asker(asking) for asking in ASKING}, known)


def lance(table: Lance, name: str, looks: dict[str, Look]) -> Side:
    def asker(look: Look) -> Ask:
        return lambda some, filtered: table.ask(some, K, look, f"year >= {SINCE}" if filtered else None)

    return Side(name, {a: asker(look) for a, look in looks.items()}, {a: str(look) for a, look in looks.items()})


def tuned(table: Lance, queries: Vectors, exact: Truth, recall: float) -> Look:
    """The quickest that reaches the recall, or what finds most; wider looks than there are partitions say the same."""
    best: tuple[float, Look] = (0.0, Look())
    reached: list[tuple[float, Look]] = []
    for refine, nprobes in product(REFINES, sorted({min(n, table.partitions) for n in NPROBES})):
        look = Look(nprobes, refine)
        start = perf_counter()
        found = ids(table.ask(queries, K, look, None))
        took = perf_counter() - start
        recalls = exact.recalls(queries, found, filtered=False)
        if lower_bound(recalls) >= recall:
            reached.append((took, look))
            break  # wider only takes longer
        best = max(best, (float(recalls.mean()), look), key=lambda one: one[0])
    return min(reached, key=lambda one: one[0])[1] if reached else best[1]


def ids(answers: list[list[dict[str, Any]]]) -> Found:
    found = np.full((len(answers), K), -1, np.int64)
    for row, hits in enumerate(answers):
        found[row, : len(hits)] = [hit["id"] for hit in hits]
    return found


def measured(
    sides: list[Side], testing: dict[str, Vectors], exact: Truth, seconds: float, about: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    for _, asking, filtered, size, side in product(range(TURNS), ASKING, (False, True), (1, BATCH), sides):
        key = (asking, filtered, size)
        speed, cpu = _speed(side.ask[asking], testing[asking], filtered, size, seconds / TURNS)
        side.speeds[key] = max(side.speeds.get(key, 0.0), speed)
        side.cpu[key] = min(side.cpu.get(key, np.inf), cpu)
    rows = []
    for asking, filtered, side in product(ASKING, (False, True), sides):
        answers = side.ask[asking](testing[asking], filtered)
        if any(hit["title"] != about[hit["id"]]["title"] for hits in answers for hit in hits):
            raise SystemExit(f"{side.name} shows another item's metadata: a comparison would mean nothing")
        recalls = exact.recalls(testing[asking], ids(answers), filtered)
        rows.append(
            {
                "system": side.name,
                "queries": asking,
                "filtered": filtered,
                "settings": side.settings[asking],
                "recall": round(float(recalls.mean()), 4),
                "recall_interval": round(1.96 * float(recalls.std()) / sqrt(len(recalls)), 4),
                "qps_single": round(side.speeds[asking, filtered, 1], 1),
                "qps_batch": round(side.speeds[asking, filtered, BATCH], 1),
                "cpu_ms_single": round(1e3 * side.cpu[asking, filtered, 1], 3),
                "cpu_ms_batch": round(1e3 * side.cpu[asking, filtered, BATCH], 3),
            }
        )
    return rows


def _speed(ask: Ask, queries: Vectors, filtered: bool, size: int, seconds: float) -> tuple[float, float]:
    """Queries a second by the clock, and seconds of processor time for each."""
    ask(queries[:size], filtered)
    done, at, wall, cpu = 0, 0, perf_counter(), process_time()
    while perf_counter() - wall < seconds:
        ask(queries[at : at + size], filtered)
        done += size
        at = at + size if at + 2 * size <= len(queries) else 0
    return done / (perf_counter() - wall), (process_time() - cpu) / done


def figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many times as many queries a second as LanceDB, and whether that was at a higher recall."""
    found = []
    ours = {(row["queries"], row["filtered"]): row for row in rows if row["system"] == "hearsee"}
    for row in rows:
        if row["system"] == "hearsee":
            continue
        mine = ours[row["queries"], row["filtered"]]
        times = {what: round(mine[f"qps_{what}"] / row[f"qps_{what}"], 1) for what in ("single", "batch")}
        cpu = {f"cpu_{what}": round(row[f"cpu_ms_{what}"] / mine[f"cpu_ms_{what}"], 1) for what in ("single", "batch")}
        higher = mine["recall"] > row["recall"]
        met = {what: bool(higher and value >= ASKED) for what, value in times.items()}
        name = {"over": row["system"], "queries": row["queries"], "filtered": row["filtered"]}
        found.append({**name, **times, **cpu, "recalls": [mine["recall"], row["recall"]], "met": met})
    return found


def show(result: dict[str, Any]) -> None:
    if "missing" in result:
        return print(f"nothing to compare with: {result['missing']}")
    head = "{points:,} × {dim} with title, year, rating and tags, k = {k}, recall set to {set}"
    print(head.format(**result))
    for name in ("hearsee", "lancedb"):
        print("{}: filled in {seconds} s ({cpu_seconds} CPU s), {mb_on_disk:,} MB on disk".format(name, **result[name]))
    print(f"\n| system | queries | filter | recall | single /s | batches of {BATCH} /s | CPU ms | settings |")
    print("|---|---|---|---|---|---|---|---|")
    for row in result["rows"]:
        print(
            "| {system} | {queries} | {0} | {recall:.4f} ± {recall_interval:.4f} | {qps_single:,.0f} "
            "| {qps_batch:,.0f} | {cpu_ms_single}, {cpu_ms_batch} | {settings} |".format(
                "a tenth" if row["filtered"] else "–", **row
            )
        )
    print(f"\n| over | queries | filter | times as many queries/s: single, batch | at recall | {ASKED:g} asked |")
    print("|---|---|---|---|---|---|")
    for row in result["figures"]:
        met = ", ".join("met" if row["met"][what] else "**missed**" for what in ("single", "batch"))
        recalls = "{:.3f} over {:.3f}".format(*row["recalls"])
        times = "{single}, {batch} (by CPU {cpu_single}, {cpu_batch})".format(**row)
        print(f"| {row['over']} | {row['queries']} | {'a tenth' if row['filtered'] else '–'} | {times} ", end="")
        print(f"| {recalls} | {met} |")
    return None


if __name__ == "__main__":
    main()
