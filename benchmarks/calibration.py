"""Whether chances come true, and whether "nothing close" is said when it should be: `python benchmarks/calibration.py`.

Held-out groups of the toybox, five seeds. Each library lacks eight things; it is calibrated on its own items, then
asked with pictures, sounds and captions that it does not hold: of scenes that it does (answerable), of things that it
lacks (absent), and of things that it has, but not in that count, size, side, distance or colour (harder).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.writer import Writer
from hearsee.search import Searcher, open_library
from hearsee.search.answer import Hit
from hearsee.search.calibration.chance import by_chance
from hearsee.search.calibration.evidence import background
from hearsee.search.calibration.fit import calibrate
from hearsee.search.calibration.population import Questions, hits_of
from hearsee.search.calibration.reliability import calibration_error, reliability
from hearsee.search.calibration.stored import save_calibration
from hearsee.search.evaluate.ranks import NONE, ItemPoints
from hearsee.search.fusion import EncodedPart
from hearsee.search.judged import with_chances
from hearsee.search.stored import live_points
from hearsee.search.tokens import EncodedQuery
from hearsee.toybox.exam import encoded
from hearsee.toybox.measure import SHARED
from hearsee.toybox.scene import HEARD, SEEN, THINGS, Scene
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers.encoders import WEIGHTS
from hearsee.toybox.write import group

FIRST_SEED = 9_000_000
ABSENT_THINGS = 8
TURNS = 5
LUCK_DRAWS = 200
ASKED = 100  # questions of each sort, pair and seed
KEPT = {"image": 1.0, "audio": 0.5, "text": 0.3}  # share of the groups whose item a lopsided library holds
RIGHT = SHARED | {"image->image": SEEN, "text->text": SEEN, "audio->audio": HEARD}
GOALS = {"error": 0.05, "lost": 0.05, "told": 0.90, "share": 0.1, "milliseconds": 1.0}

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """One seed's groups as vectors, and which of them the library holds."""

    scenes: tuple[Scene, ...]
    vectors: Mapping[str, Vectors]
    held: Rows
    fresh: Rows  # of things that the library has
    absent: Rows

    def labels(self, keys: Sequence[str]) -> Rows:
        known: dict[tuple[object, ...], int] = {}
        return np.array([known.setdefault(tuple(getattr(s, key) for key in keys), len(known)) for s in self.scenes])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--groups", type=int, default=1500, help="made for each seed; the library holds about 900")
    options.add_argument("--weights", type=Path, default=WEIGHTS)
    options.add_argument("--data", type=Path, default=Path("build/bench"), help="where encoded groups are kept")
    given = options.parse_args()
    space = toybox_space(given.weights)
    seeds = [one_seed(space, made(space, FIRST_SEED + seed, given.groups, given.data)) for seed in range(given.seeds)]
    answer = {
        "machine": f"{os.cpu_count()} x {platform.machine()}",
        "groups": given.groups,
        "goals": GOALS,
        "seeds": seeds,
        "summary": summary(seeds),
    }
    print(json.dumps(answer)) if given.json else show(answer["summary"])


def made(space: Space, seed: int, groups: int, data: Path) -> World:
    """Groups of a seed, encoded once for these weights."""
    path = data / f"calibration-{space.fingerprint[:12]}-{seed}-{groups}.npz"
    if not path.is_file():
        drawn = [group(seed, "held-out", index) for index in range(groups)]
        path.parent.mkdir(parents=True, exist_ok=True)
        described = json.dumps([one.scene.attributes() for one in drawn])
        np.savez(path, scenes=np.array(described), **encoded(space, drawn))  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as file:
        scenes = tuple(Scene(**one) for one in json.loads(str(file["scenes"])))
        vectors = {modality.value: file[modality.value] for modality in Modality}
    lacking = np.random.default_rng(seed).choice(THINGS, ABSENT_THINGS, replace=False)
    absent = np.isin([scene.thing for scene in scenes], lacking)
    present = np.flatnonzero(~absent)
    library = present[: round(0.72 * len(present))]
    return World(scenes, vectors, library, present[len(library) :], np.flatnonzero(absent))


def one_seed(space: Space, world: World) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        with filled(Path(folder) / "whole", space, world, lambda _: world.held, RIGHT) as whole:
            pairs = {pair: one_pair(whole, world, pair) for pair in RIGHT}
            default = told(whole, world, "text", ["image", "audio"], world.labels(HEARD))
            spent = {
                "one": milliseconds(whole, world, ["text"]),
                "three": milliseconds(whole, world, [*map(str, Modality)]),
            }
        rng = np.random.default_rng(0)
        kept = {m: world.held[rng.random(len(world.held)) < share] for m, share in KEPT.items()}
        by_heard = {f"{asking}->{answering}": HEARD for asking in Modality for answering in Modality}
        with filled(Path(folder) / "lopsided", space, world, lambda modality: kept[modality], by_heard) as lopsided:
            mixed = {asking.value: shares(lopsided, world, asking.value, kept) for asking in Modality}
    return {"pairs": pairs, "text->image,audio": default, "mixed": mixed, "milliseconds": spent}


def filled(
    folder: Path, space: Space, world: World, rows: Callable[[str], Rows], right: Mapping[str, Sequence[str]]
) -> Searcher:
    """A calibrated library of these rows of the world."""
    with Writer.open(folder, space=space) as writer:
        for modality in Modality:
            adds = [_add(world, modality, int(row)) for row in rows(modality.value)]
            writer.commit(Batch(adds))
        searcher = open_library(folder, space=space)
        save_calibration(writer, calibrate(searcher, relevant_by=right))
    return searcher


def _add(world: World, modality: Modality, row: int) -> Add:
    name = f"{modality.value}:{row}"
    content = sha256(name.encode()).hexdigest()
    about = world.scenes[row].attributes()
    return Add(
        name, modality, content, 1, "toybox:", world.vectors[modality.value][row][None], [None],
        group=str(row), metadata=about,
    )  # fmt: skip


def one_pair(searcher: Searcher, world: World, pair: str) -> dict[str, Any]:
    """Errors by held-out folds and by fresh questions, and who is told that nothing is close."""
    asking, answering = pair.split("->")
    fitted = searcher._chances.calibration().pairs.get(pair)  # type: ignore[union-attr]
    if fitted is None:
        return {}
    labels = world.labels(RIGHT[pair])
    snapshot = searcher.library.snapshot()
    gallery = ItemPoints.of(*live_points(snapshot, Modality(answering)))
    behind = background(snapshot, Modality(answering))
    answerable = world.fresh[np.isin(labels[world.fresh], labels[world.held])]
    assert behind is not None
    asked = Questions(
        world.vectors[asking][answerable],
        labels[answerable],
        np.full((len(answerable), 1), NONE),
        np.full(len(answerable), NONE),
    )
    hits = hits_of(asked, gallery, labels[world.held], behind)  # ids ascend as rows do
    chances = fitted.chances(hits.evidence(fitted.evidence), hits.first)
    first = hits.first & hits.answerable
    return {
        "held_out_error": fitted.error,
        "error": calibration_error(chances, hits.truth),
        "best_hits": [chances[hits.first].tolist(), hits.truth[hits.first].tolist()],
        "r@1": float(hits.truth[first].mean()),
        "method": fitted.method,
        **told(searcher, world, asking, [answering], labels),
    }


def told(searcher: Searcher, world: World, asking: str, wanted: list[str], labels: Rows) -> dict[str, Any]:
    """Shares of each sort of questions that are answered "nothing close", by the whole search but for the encoding."""
    held = np.isin(labels, labels[world.held])
    sorts = {
        "lost": world.fresh[held[world.fresh]],
        "told": world.absent,
        "told_harder": world.fresh[~held[world.fresh]],
    }
    found: dict[str, Any] = {}
    for name, rows in sorts.items():
        said = [
            searcher.search(token=kept(searcher, world, [asking], row), wanted=wanted).nothing_close
            for row in rows[:ASKED]
        ]
        found |= {name: float(np.mean([bool(one) for one in said])) if said else None, f"{name}_asked": len(said)}
    return found


def kept(searcher: Searcher, world: World, asking: Sequence[str], row: int) -> str:
    parts = tuple(EncodedPart(Modality(one), 1.0, False, world.vectors[one][row]) for one in asking)
    token = searcher._tokens.keep(EncodedQuery(parts, tuple(asking), ("",) * len(parts), frozenset()))
    assert token is not None
    return token


def shares(searcher: Searcher, world: World, asking: str, kept_rows: Mapping[str, Rows]) -> dict[str, dict[str, float]]:
    """Each modality's share of the first places, as many as there are relevant items, by four ways to merge."""
    labels = world.labels(HEARD)
    counts = {way: dict.fromkeys(kept_rows, 0) for way in ("oracle", "cosine", "centred", "chance")}
    snapshot = searcher.library.snapshot()
    for row in world.fresh:
        right = {modality: int((labels[rows] == labels[row]).sum()) for modality, rows in kept_rows.items()}
        total = sum(right.values())
        if not total:
            continue
        target = world.vectors[asking][row][None]
        parts = [EncodedPart(Modality(asking), 1.0, False, target[0])]
        scales = searcher._chances.scales(snapshot, parts, dict.fromkeys(Modality, target), searcher.fusion).by_modality
        assert scales is not None
        near = {modality: snapshot.parts[modality].nearest(target, total)[0] for modality in Modality}
        behind = {modality: background(snapshot, modality) for modality in Modality}
        means = {modality: float(one.level(target)[0][0]) for modality, one in behind.items() if one is not None}
        ways = {"cosine": _merged(near, dict.fromkeys(Modality, 0.0)), "centred": _merged(near, means)}
        ways["chance"] = [place[1] for place in by_chance(near, scales)]
        owner = {place[1]: modality.value for modality, places in near.items() for place in places}
        for modality, count in right.items():
            counts["oracle"][modality] += count
        for way, ids in ways.items():
            for item in ids[:total]:
                counts[way][owner[item]] += 1
    return {way: {m: n / sum(by.values()) for m, n in by.items()} for way, by in counts.items()}


def _merged(near: Mapping[Modality, list[tuple[float, int, int]]], level: Mapping[Modality, float]) -> list[int]:
    ranked = [(place[0] - level[modality], place[1]) for modality, places in near.items() for place in places]
    return [item for _, item in sorted(ranked, reverse=True)]


def milliseconds(searcher: Searcher, world: World, asking: Sequence[str]) -> float:
    """What fusing and calibrating add to a query for pictures and sounds that is made of these parts.

    Targets, levels and curves, the merge, a chance for each hit; one part is not fused. The best of several turns, as
    other work on the machine stretches some; the median over questions.
    """
    times = []
    for row in world.fresh[:100]:
        parts = [EncodedPart(Modality(one), 1.0, False, world.vectors[one][row]) for one in asking]
        hits = searcher.search(token=kept(searcher, world, asking, row), wanted="image,audio").hits
        times.append(min(_added(searcher, parts, hits) for _ in range(TURNS)))
    return median(times)


def _added(searcher: Searcher, parts: Sequence[EncodedPart], hits: Sequence[Hit]) -> float:
    snapshot = searcher.library.snapshot()
    began = time.perf_counter()
    targets = {one: searcher.fusion.fuse(parts, one)[None] for one in (Modality.IMAGE, Modality.AUDIO)}
    fused = time.perf_counter()
    near = {modality: snapshot.parts[modality].nearest(target, 10)[0] for modality, target in targets.items()}
    found = time.perf_counter()
    scales = searcher._chances.scales(snapshot, parts, targets, searcher.fusion).by_modality
    assert scales is not None
    by_chance(near, scales)
    with_chances(hits, scales)
    return (time.perf_counter() - found + fused - began) * 1e3


def summary(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over seeds with the extremes, and the widest gap of a modality's share from the oracle's."""
    pairs: dict[str, Any] = {}
    for pair in [*RIGHT, "text->image,audio"]:
        rows: list[dict[str, Any]] = [row for seed in seeds if (row := seed["pairs"].get(pair) or seed.get(pair))]
        names = [name for name, value in rows[0].items() if isinstance(value, float)] if rows else []
        pairs[pair] = {name: _spread([row[name] for row in rows if row[name] is not None]) for name in names}
        if best := [row["best_hits"] for row in rows if "best_hits" in row]:
            pairs[pair] |= best_hits(*(np.concatenate([one[at] for one in best]) for at in (0, 1)))
        for name in ("lost", "told", "told_harder"):
            pairs[pair][f"{name}_asked"] = sum(row.get(f"{name}_asked", 0) for row in rows)
    mixed = {
        way: {asking: _gap(seeds, asking, way) for asking in map(str, Modality)}
        for way in ("cosine", "centred", "chance")
    }
    spent = {parts: _spread([seed["milliseconds"][parts] for seed in seeds]) for parts in ("one", "three")}
    return {"pairs": pairs, "widest_gap": mixed, "milliseconds": spent}


def best_hits(said: NDArray[np.float64], true: NDArray[np.bool_]) -> dict[str, Any]:
    """Over the best hits of all seeds together: of few hits the error is large even where every chance is true."""
    rng = np.random.default_rng(0)
    luck = [calibration_error(said, rng.random(len(said)) < said) for _ in range(LUCK_DRAWS)]
    error = calibration_error(said, true)
    return {
        "first_error": {"mean": error, "low": error, "high": error},
        "first_luck": {"mean": float(np.mean(luck)), "low": min(luck), "high": float(np.quantile(luck, 0.95))},
        "first_asked": len(said),
        "first_table": [one.as_dict() for one in reliability(said, true)],
    }


def _gap(seeds: Sequence[Mapping[str, Any]], asking: str, way: str) -> float:
    """The modality whose mean share lies furthest from the oracle's mean share."""
    mean = {
        one: {m: float(np.mean([seed["mixed"][asking][one][m] for seed in seeds])) for m in KEPT}
        for one in (way, "oracle")
    }
    return max(abs(mean[way][m] - mean["oracle"][m]) for m in KEPT)


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "low": min(values), "high": max(values)} if values else {}


def show(found: Mapping[str, Any]) -> None:
    columns = {
        "held_out_error": "held-out error", "error": "fresh error", "first_error": "best hits' error",
        "first_luck": "by luck", "r@1": "R@1",
        "told": "absent told", "lost": "answerable told", "told_harder": "harder told",
    }  # fmt: skip
    table = Table(
        title="Chances and `nothing close`: mean over seeds (lowest–highest); best hits: of all seeds together, and "
        "the error that true chances would show (lowest–95 %)"
    )
    for name in ("pair", *columns.values()):
        table.add_column(name, justify="left" if name == "pair" else "right")
    for pair, row in found["pairs"].items():
        table.add_row(pair, *(_cell(row.get(name)) for name in columns))
    console = Console(width=220)
    console.print(table)
    shown = Table(title="Best hits: said, true (how many), by tenth of chance")
    for name in ("pair", *(f"{low}-{low + 10} %" for low in range(0, 100, 10))):
        shown.add_column(name)
    for pair, row in found["pairs"].items():
        bins = {
            round(10 * one["low"]): f"{one['said']:.2f}, {one['true']:.2f} ({one['hits']})"
            for one in row.get("first_table", ())
        }
        shown.add_row(pair, *(bins.get(tenth, "") for tenth in range(10)))
    console.print(shown)
    mixed = Table(title="Mixed lists: widest gap of a kind's share from the oracle's, by what asks")
    for name in ("merged by", *map(str, Modality)):
        mixed.add_column(name)
    for way, gaps in found["widest_gap"].items():
        mixed.add_row(way, *(f"{gap:.3f}" for gap in gaps.values()))
    console.print(mixed)
    for parts, spent in found["milliseconds"].items():
        console.print(f"fusing and calibrating add {_cell(spent)} ms to a query of {parts} for pictures and sounds")


def _cell(value: Mapping[str, float] | None) -> str:
    if value and value["low"] == value["high"]:
        return f"{value['mean']:.3f}"
    return f"{value['mean']:.3f} ({value['low']:.3f}–{value['high']:.3f})" if value else "–"


if __name__ == "__main__":
    main()
