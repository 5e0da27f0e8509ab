"""Does the ingest overlap decoding with encoding, and does its memory stay flat? Ratios of one run on one machine.

`python benchmarks/ingest.py [--json]`. Decoding alone is reading, hashing and decoding in as many processes as the
ingest uses; encoding alone is the towers over the same pieces, prepared beforehand, on every core, as in the ingest.
Starting the processes is part of decoding alone and of the ingest; the library and its commits are the ingest's only.
Asked twice: of toybox items, whose towers take no longer than everything around them, and of photos with a tower of
a size that people use, which is where their time goes; they are prepared as the spaces for real media have it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from hearsee.core.encoders.openclip import open_clip_tower, quiet
from hearsee.core.media import Piece
from hearsee.core.media.prepare import prepare_media
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import Space
from hearsee.indexer.corpus import open_source
from hearsee.indexer.ingest import ingest
from hearsee.indexer.ingest.decoders import Decoders
from hearsee.indexer.ingest.encoding import BATCH
from hearsee.indexer.ingest.reading import Reader
from hearsee.indexer.ingest.work import Read
from hearsee.indexer.writer import Writer
from hearsee.toybox.space import toybox_space
from hearsee.toybox.towers.encoders import WEIGHTS
from hearsee.toybox.write import write_toybox

ITEMS = 6_000  # for the times, so that the first and the last batch, which nothing overlaps, weigh as in real work
PHOTOS, PHOTO_SIZE, PHOTO_MODEL = 400, (640, 480), "ViT-S-32"
SMALL, LARGE = 2_000, 20_000  # for the memory
MOST_TIME, MOST_MEMORY = 1.15, 1.2  # what the figures are held against
AHEAD = 64  # results of the decoding processes that are waited for

Prepared = tuple[Modality, list[Piece]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--data", type=Path, default=Path("build/bench"), help="where the toybox items are kept")
    options.add_argument("--alone", type=Path, help=argparse.SUPPRESS)  # one ingest in a process of its own
    given = options.parse_args()
    if given.alone is not None:
        print(json.dumps(one_ingest(given.alone, given.data)))
        return
    answer = figures(given.data, given.repeats)
    print(json.dumps(answer)) if given.json else show(answer)


def figures(data: Path, repeats: int) -> dict[str, Any]:
    shutil.rmtree(data / "untrained", ignore_errors=True)  # of an older shape, perhaps
    space, weights = weights_of(data)
    small, large = toybox(data, SMALL), toybox(data, LARGE)
    shown, seeing = photos(data / f"photos-{PHOTOS}"), photo_space(data / f"random-{PHOTO_MODEL}")
    memory = {items: alone(folder, data) for items, folder in ((SMALL, small), (LARGE, large))}
    answer: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores",
        "weights": weights,
        "items": ITEMS,
        **overlap(toybox(data, ITEMS), space, repeats),
        "photos": {"items": PHOTOS, "model": PHOTO_MODEL, **overlap(shown, seeing, repeats)},
    }
    for items, one in memory.items():
        answer[f"peak_mib_{items}"] = one["peak_mib"]
        answer[f"items_per_second_{items}"] = one["items_per_second"]
    answer["memory_ratio"] = round(memory[LARGE]["peak_mib"] / memory[SMALL]["peak_mib"], 3)
    return answer


def overlap(folder: Path, space: Space, repeats: int) -> dict[str, Any]:
    """Medians over the repeats, which take turns so that a busy moment hits all three alike."""
    settings = Settings()
    prepared = decode(folder, space, settings)
    encode(prepared[:BATCH], space)  # reads the weights
    taken: dict[str, list[float]] = {"decoding": [], "encoding": [], "ingest": []}
    for _ in range(repeats):
        taken["decoding"].append(timed(lambda: decode(folder, space, settings)))
        taken["encoding"].append(timed(lambda: encode(prepared, space)))
        taken["ingest"].append(timed(lambda: fill(folder, space, settings)))
    seconds = {name: round(median(values), 3) for name, values in taken.items()}
    slower, both = max(seconds["decoding"], seconds["encoding"]), seconds["decoding"] + seconds["encoding"]
    return {
        "seconds": seconds,
        "time_ratio": round(seconds["ingest"] / slower, 3),
        "without_overlap": round(both / slower, 3),  # what the ratio would be; near 1, it proves little
        "gain": round(both / seconds["ingest"], 2),
    }


def decode(folder: Path, space: Space, settings: Settings) -> list[Prepared]:
    reader = Reader([open_source(str(folder), settings.limits)], settings.limits)
    decoders = Decoders(settings.workers, settings.limits)
    waiting: deque[tuple[Modality, Callable[[], list[Piece]]]] = deque()
    prepared: list[Prepared] = []

    def take(most: int) -> None:
        while len(waiting) > most:
            modality, result = waiting.popleft()
            prepared.append((modality, result()))
            if modality is not Modality.TEXT:
                decoders.release(prepared[-1][1])

    for read in reads(reader):
        modality = Modality(getattr(read.found, "modality"))  # noqa: B009  every entry of these folders has one
        if modality is Modality.TEXT:
            pieces = prepare_media(modality, read.raw, space, settings.limits)
            waiting.append((modality, lambda pieces=pieces: pieces))  # type: ignore[misc]
        else:
            waiting.append((modality, decoders.submit(modality, space.tower(modality).preparation, read.raw).result))
        take(AHEAD)
    take(0)
    reader.close()
    decoders.close()
    return prepared


def reads(reader: Reader) -> Iterable[Read]:
    while isinstance(found := reader.channel.get(), list):
        yield from found


def encode(prepared: list[Prepared], space: Space) -> None:
    for modality in Modality:
        pieces = [piece for one, some in prepared for piece in some if one is modality]
        for at in range(0, len(pieces), BATCH):
            space.tower(modality).encode(pieces[at : at + BATCH])


def fill(folder: Path, space: Space, settings: Settings) -> None:
    with tempfile.TemporaryDirectory() as library, Writer.open(Path(library) / "library", space=space) as writer:
        report = ingest(writer, [str(folder)], space, settings)
    assert report.quarantined == 0, report.reasons[0]


def alone(folder: Path, data: Path) -> dict[str, float]:
    """An ingest in a process of its own, so that its peak is its own."""
    command = [sys.executable, __file__, "--alone", str(folder), "--data", str(data)]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def one_ingest(folder: Path, data: Path) -> dict[str, float]:
    space, workers = weights_of(data)[0], [0.0]
    with tempfile.TemporaryDirectory() as library, Writer.open(Path(library) / "library", space=space) as writer:
        report = ingest(writer, [str(folder)], space, Settings(), on_commit=lambda _: workers.append(children_mib()))
    peak = peak_mib(os.getpid()) + max(workers)
    return {"peak_mib": round(peak, 1), "items_per_second": round(report.added / report.seconds, 1)}


def children_mib() -> float:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    return sum(peak_mib(int(child)) for task in tasks for child in (task / "children").read_text().split())


def peak_mib(pid: int) -> float:
    """The most memory that a process ever had resident; getrusage would count what its parent had, too."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def weights_of(data: Path) -> tuple[Space, str]:
    """The shipped towers, or untrained ones of the same shape, which take as long."""
    if all((WEIGHTS / f"{modality}.safetensors").is_file() for modality in Modality):
        return toybox_space(), "shipped"
    folder = data / "untrained"
    if not folder.is_dir():
        from torch import nn

        from hearsee.toybox.towers.models import new_tower
        from hearsee.toybox.towers.weights_file import save_towers

        save_towers(nn.ModuleDict({modality.value: new_tower(modality) for modality in Modality}), folder)
    return toybox_space(folder), "untrained"


def toybox(data: Path, items: int) -> Path:
    folder = data / f"toybox-{items}"
    if not (folder / "items.jsonl").is_file():
        write_toybox(folder, items, seed=1)
    return folder


def photos(folder: Path) -> Path:
    """JPEG files with what a photo costs to decode: soft colours, a few shapes, and grain over them."""
    if (folder / f"{PHOTOS - 1:05}.jpg").is_file():
        return folder
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(PHOTOS):
        soft = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(PHOTO_SIZE)
        draw = ImageDraw.Draw(soft)
        for _ in range(6):
            left, top, wide, tall = (int(value) for value in rng.integers(10, 300, 4))
            colour = tuple(int(value) for value in rng.integers(0, 256, 3))
            draw.ellipse((left, top, left + wide, top + tall), fill=colour)
        grain = rng.normal(0, 8, (PHOTO_SIZE[1], PHOTO_SIZE[0], 3))
        seen = (np.asarray(soft) + grain).clip(0, 255).astype(np.uint8)
        Image.fromarray(seen).save(folder / f"{number:05}.jpg", quality=88)
    return folder


def photo_space(folder: Path) -> Space:
    """A picture tower of full size with random weights, which takes as long as a trained one."""
    if not (folder / "open_clip_model.safetensors").is_file():
        import open_clip
        import torch
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        unread = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1}  # no text is read
        config = open_clip.get_model_config(PHOTO_MODEL) | {"text_cfg": unread}
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
        torch.manual_seed(1)
        with quiet():
            weights = open_clip.create_model(f"local-dir:{folder}", load_weights=False).state_dict()
        kept = {name: value.contiguous() for name, value in weights.items()}
        save_file(kept, folder / "open_clip_model.safetensors")
    tower = open_clip_tower(Modality.IMAGE, model=str(folder), fused=True, draft=2)
    return Space("photos", tower.dim, {Modality.IMAGE: tower})


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def show(answer: dict[str, Any]) -> None:
    table = new_table(f"Ingest of toybox items on {answer['machine']}, {answer['weights']} weights", answer)
    for items in (SMALL, LARGE):
        table.add_row(f"peak memory, {items:,} items", f"{answer[f'peak_mib_{items}']:.0f} MiB", "")
    table.add_row(f"peak memory, {LARGE:,} / {SMALL:,} items", f"{answer['memory_ratio']:.2f}", f"{MOST_MEMORY}")
    Console().print(table)
    seen = answer["photos"]
    Console().print(new_table(f"Photos of {PHOTO_SIZE[0]} px through a random-weight {seen['model']}", seen))


def new_table(title: str, measured: dict[str, Any]) -> Table:
    table = Table(title=title)
    for column in ("figure", "value", "at most"):
        table.add_column(column)
    for name, value in measured["seconds"].items():
        alone = "" if name == "ingest" else " alone"
        table.add_row(f"{name}{alone}, {measured['items']:,} items", f"{value:.2f} s", "")
    table.add_row("ingest / the slower of the two alone", f"{measured['time_ratio']:.2f}", f"{MOST_TIME}")
    table.add_row("one after the other / the slower of the two", f"{measured['without_overlap']:.2f}", "")
    table.add_row("one after the other / ingest", f"{measured['gain']:.2f}", "")
    return table


if __name__ == "__main__":
    main()
