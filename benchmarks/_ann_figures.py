"""What was asked of shards, as ratios within one run, and where somebody else is ahead."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean
from typing import Any

HNSWLIB, SCANN, LANCEDB = "hnswlib M16", "scann tree+AH2", "lancedb IVF_PQ as packaged"
HNSWLIB_BYTES = 2_197  # a vector, as it was asked
SPEEDS = {"single": "qps_single", "batches": "qps_batch"}
ASKING = ("text", "image")
# what is asked, of which queries, over whom, which speed, at least how many times
OVER = (
    ("batches of text queries over hnswlib", "text", HNSWLIB, "qps_batch", 3),
    ("batches of text queries over scann", "text", SCANN, "qps_batch", 1.5),
    ("single text queries over hnswlib", "text", HNSWLIB, "qps_single", 1.2),
    ("batches of picture queries over hnswlib", "image", HNSWLIB, "qps_batch", 1.8),
    ("single text queries over LanceDB, vectors alone", "text", LANCEDB, "qps_single", 10),
    ("batches of text queries over LanceDB, vectors alone", "text", LANCEDB, "qps_batch", 10),
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    what: str
    value: float
    asked: float | None  # none: nobody asked for it
    most: bool = False  # asked is the most, not the least
    right: bool = True  # what else has to hold
    reached: bool | None = None  # where the value alone does not say so

    @property
    def verdict(self) -> str:
        if self.asked is None:
            return "–"
        enough = self.value <= self.asked if self.most else self.value >= self.asked
        met = self.right and (enough if self.reached is None else self.reached)
        return f"at {'most' if self.most else 'least'} {self.asked:g}: {'met' if met else '**missed**'}"


def figures(rows: list[Row], ours: str, recall: float) -> list[Figure]:
    """Of one run; those whose peer was not there are left out."""
    found = []
    for threads in sorted({row["threads"] for row in rows}):
        by = {(row["system"], row["queries"]): row for row in rows if row["threads"] == threads}
        reached = all(by[ours, asking]["recall"] + by[ours, asking]["recall_interval"] >= recall for asking in ASKING)
        for what, asking, peer, speed, least in OVER:
            mine, theirs = by[ours, asking], by.get((peer, asking))
            if theirs is None:
                continue
            higher = peer != LANCEDB or mine["recall"] > theirs["recall"]
            told = f"{what}, {threads} thread{'' if threads == 1 else 's'}"
            asked = least if threads == 1 else None
            found.append(Figure(told, mine[speed] / theirs[speed], asked, right=reached and higher))
    first = {(row["system"], row["queries"]): row for row in reversed(rows)}
    text = first[ours, "text"]
    if (HNSWLIB, "text") in first:
        cpu = text["build_cpu_seconds"] / first[HNSWLIB, "text"]["build_cpu_seconds"]
        found.append(Figure("build over hnswlib's, CPU seconds", cpu, 0.15, most=True))
    size = text["bytes_per_vector"] / HNSWLIB_BYTES
    found.append(Figure(f"bytes a vector over hnswlib's {HNSWLIB_BYTES:,}", size, 0.55, most=True))
    for asking in ASKING:
        row = first[ours, asking]
        enough = row["recall"] + row["recall_interval"] >= recall
        found.append(Figure(f"recall of {asking} queries, within its interval", row["recall"], recall, reached=enough))
    return found


def exact_figures(result: list[Row]) -> list[Figure]:
    """Exact search over IndexFlatIP: the least of the batches asked about."""
    some = [row["ratio"] for row in result if 16 <= row["batch"] <= 200]
    ends = [row["ratio"] for row in result if row["batch"] in (1, 256)]
    same = all(row["same_ids"] == 1 for row in result)
    return [
        Figure("exact search over IndexFlatIP, batches of 16 to 200", min(some), 4, right=same),
        Figure("exact search over IndexFlatIP, one query and 256", min(ends), 0.95, right=same),
    ]


def library_figures(result: dict[str, Any]) -> list[Figure]:
    """From end to end over LanceDB, as `ann_library.py` found it."""
    return [
        Figure(
            f"{what} {row['queries']} queries{' with a filter' if row['filtered'] else ''} "
            f"end to end with metadata over {row['over']} (recall {row['recalls'][0]:.2f}, {row['recalls'][1]:.2f})",
            row[key], 10, right=row["recalls"][0] > row["recalls"][1],
        )
        for row in result.get("figures", ())
        for what, key in (("single", "single"), ("batches of", "batch"))
    ]  # fmt: skip


def ahead(rows: list[Row], ours: str) -> list[str]:
    """Where a peer answers more queries a second than our choice, at a recall that is not lower by an interval."""
    found: dict[str, list[str]] = {}
    mine = {(row["queries"], row["threads"]): row for row in rows if row["system"] == ours}
    for row in rows:
        own = mine[row["queries"], row["threads"]]
        higher = row["recall"] + row["recall_interval"] + own["recall_interval"] >= own["recall"]
        if row["system"].startswith("hearsee") or not higher:
            continue
        for what, speed in SPEEDS.items():
            if row[speed] > own[speed]:
                asked = (
                    f"{what} of {row['queries']} queries" if what == "batches" else f"single {row['queries']} queries"
                )
                threads = f"{row['threads']} thread{'' if row['threads'] == 1 else 's'}"
                told = f"{asked}, {threads} ({row[speed] / own[speed]:.2f} times as many)"
                found.setdefault(row["system"], []).append(told)
    return [f"{peer} is ahead of {ours} on {'; '.join(places)}" for peer, places in found.items()]


def show_figures(runs: list[list[Figure]]) -> None:
    """One line a figure; of several runs their mean, with the lowest and the highest."""
    print("\n| figure | reached | asked |\n|---|---|---|")
    for same in zip(*runs, strict=True):
        values = [one.value for one in same]
        told = f"{mean(values):.2f}" + (f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else "")
        verdicts = list(dict.fromkeys(one.verdict for one in same))
        missed = sum("missed" in one.verdict for one in same)
        verdict = (
            verdicts[0]
            if len(verdicts) == 1
            else f"{verdicts[0].partition(':')[0]}: **missed** by {missed} of {len(same)}"
        )
        print(f"| {same[0].what} | {told} | {verdict} |")
