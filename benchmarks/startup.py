"""How long the command line takes to answer from a cold process, and how much of that is importing torch.

`python benchmarks/startup.py [--json]`. Each figure is the median of fresh processes; the disk is cached, as it is
for a person's second command. Shares are ratios of one run on one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

ITEMS = 10_000
HELP_SECONDS, SEARCH_SECONDS = 0.5, 5.0  # what the figures are held against
HEARSEE = Path(sys.executable).parent / "hearsee"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("HEARSEE")}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--items", type=int, default=ITEMS)
    options.add_argument("--space", default="toybox")
    options.add_argument("--data", type=Path, default=Path("build/bench"), help="where toybox and library are kept")
    given = options.parse_args()
    library = filled(given.data, given.items, given.space)
    answer = figures(library, given.items, given.space, given.repeats)
    print(json.dumps(answer)) if given.json else show(answer)


def filled(data: Path, items: int, space: str) -> Path:
    """A library of so many toybox items; one that lies there already is brought up to date."""
    toybox, library = data / f"toybox-{items}", data / f"library-{space}-{items}"
    if not (toybox / "items.jsonl").is_file():
        run("toybox", toybox, "--items", items, "--json")
    run("index", toybox, "--library", library, "--space", space, "--json")
    return library


def figures(library: Path, items: int, space: str, repeats: int) -> dict[str, Any]:
    search = [str(HEARSEE), "search", "two bells far away", "--library", str(library), "--json"]
    times = {
        "python": spent([sys.executable, "-c", "pass"], repeats),
        "help": spent([HEARSEE, "--help"], repeats),
        "import_torch": spent([sys.executable, "-c", "import torch"], repeats),
        "search": spent(search, repeats),
    }
    answer = json.loads(run(*search[1:]))
    return {
        "items": items,
        "space": space,
        "repeats": repeats,
        "seconds": times,
        "torch_share_of_search": (times["import_torch"] - times["python"]) / times["search"],
        "search_without_start_ms": answer["timings"]["total_ms"],
        "within": {"help": times["help"] < HELP_SECONDS, "search": times["search"] < SEARCH_SECONDS},
    }


def spent(command: Sequence[str | Path], repeats: int) -> float:
    """Median wall-clock seconds of a process; the first one warms the disk's cache and is not counted."""
    taken = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
        taken.append(time.perf_counter() - started)
    return median(taken[1:])


def run(*args: object) -> str:
    command = [str(HEARSEE), *map(str, args)]
    return subprocess.check_output(command, text=True, env=ENVIRONMENT)


def show(answer: dict[str, Any]) -> None:
    table = Table(title=f"Cold starts, {answer['items']:,} items in space {answer['space']}")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    for name, seconds in answer["seconds"].items():
        table.add_row(name.replace("_", " "), f"{seconds:.2f}")
    console = Console()
    console.print(table)
    console.print(f"importing torch is {answer['torch_share_of_search']:.0%} of a search from a cold start")


if __name__ == "__main__":
    main()
