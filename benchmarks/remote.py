"""Reading over a network: one thing at a time against fetching ahead, from a web server that takes its time.

    python benchmarks/remote.py [--json] [--files 200] [--latency 0.05] [--rounds 3]

A server in a process of its own answers every request after `--latency` seconds. A table there lists pictures. They are
read one after the other and through `ahead`, in turns; then the table is indexed into a library in the `hash` space, by
both ways in turns too, and what limited the run is asked of its own report.
"""

from __future__ import annotations

import argparse
import http.server
import io
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from hearsee.core.media.limits import Limits
from hearsee.core.settings import Settings
from hearsee.core.space import hash_space
from hearsee.indexer.corpus import Entry, Source, open_source
from hearsee.indexer.corpus.ahead import ahead
from hearsee.indexer.ingest import ingest
from hearsee.indexer.ingest.pace import limiting
from hearsee.indexer.writer import Writer

PIXELS = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before a request is answered")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "web"
        fill(folder, args.files)
        with served(folder, args.latency) as url:
            found = measured(f"{url}/t.jsonl", Path(scratch), args.rounds)
    found = {"files": args.files, "latency_seconds": args.latency, **found}
    print(json.dumps(found)) if args.json else show(found)


def fill(folder: Path, files: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(files):
        out = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (PIXELS, PIXELS, 3), dtype=np.uint8)).save(out, "PNG")
        (folder / f"{number}.png").write_bytes(out.getvalue())
    (folder / "t.jsonl").write_text("".join(json.dumps({"path": f"{number}.png"}) + "\n" for number in range(files)))


class Slow(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *given: Any, latency: float, **more: Any) -> None:
        self._latency = latency
        super().__init__(*given, **more)

    def do_GET(self) -> None:
        time.sleep(self._latency)
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


def serve(folder: Path, latency: float, port: Any) -> None:
    handler = partial(Slow, directory=str(folder), latency=latency)
    http.server.ThreadingHTTPServer.request_queue_size = 128
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        port.send(server.server_address[1])
        server.serve_forever()


@contextmanager
def served(folder: Path, latency: float) -> Iterator[str]:
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, latency, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def measured(url: str, scratch: Path, rounds: int) -> dict[str, Any]:
    took: dict[str, list[float]] = {"one at a time": [], "ahead": []}
    whole: dict[str, list[float]] = {"one at a time": [], "ahead": []}
    limits: dict[str, str] = {}
    for number in range(rounds):
        for way in took:
            took[way].append(read(url, way))
        for way in whole:
            seconds, limits[way] = indexed(url, way, scratch / f"{way}-{number}")
            whole[way].append(seconds)
    reading, indexing = ({way: median(found) for way, found in one.items()} for one in (took, whole))
    return {
        "read_seconds": reading,
        "read_times": reading["one at a time"] / reading["ahead"],
        "index_seconds": indexing,
        "index_times": indexing["one at a time"] / indexing["ahead"],
        "limits": limits,
    }


def read(url: str, way: str) -> float:
    source = open_source(url, Limits())
    began = time.perf_counter()
    entries = ahead(source.entries) if way == "ahead" else source.entries
    sizes = [len(one.read()) for one in entries if isinstance(one, Entry)]
    assert all(sizes)
    return time.perf_counter() - began


def indexed(url: str, way: str, folder: Path) -> tuple[float, str]:
    """Seconds, and the stage that the others waited for."""
    source, space = open_source(url, Limits()), hash_space()
    if way != "ahead":
        source = Source(source.uri, near(source), source.count)
    with Writer.open(folder, space=space) as writer:
        began = time.perf_counter()
        report = ingest(writer, [source], space, Settings(workers=1))
        seconds = time.perf_counter() - began
    stage, share = limiting(report.held)
    return seconds, f"{stage} {100 * share:.0f} %"


def near(source: Source) -> Iterator[Any]:
    """Its entries as if none lay over a network, so that nothing is fetched ahead."""
    for one in source.entries:
        yield replace(one, far=None) if isinstance(one, Entry) else one


def show(found: dict[str, Any]) -> None:
    print(f"{found['files']:,} pictures, each answered after {1000 * found['latency_seconds']:.0f} ms")
    for what in ("read", "index"):
        seconds = found[f"{what}_seconds"]
        said = ", ".join(f"{way} {found['files'] / value:,.0f}/s" for way, value in seconds.items())
        print(f"{what}: {said}: {found[f'{what}_times']:.1f} times")
    print("what the rest waited for: " + ", ".join(f"{way}: {stage}" for way, stage in found["limits"].items()))


if __name__ == "__main__":
    main()
