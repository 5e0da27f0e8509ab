"""How near does indexing photos come to the bare model, and how far ahead of sentence-transformers is it?

`python benchmarks/pipeline.py [--rounds 3] [--json]`: one table of ratios within one run on one machine. The photos are
JPEG files of 640 px made here; weights are random and of the same shape for everybody. Timed, taking turns:

- bare: open_clip's `encode_image` on tensors that were decoded, resized and normalised beforehand, batches of 32;
- Hearsee: `ingest` from the files into a new library, with all that belongs to it: starting the decoding processes,
  hashing, decoding, encoding, committing, building shards;
- sentence-transformers: its `encode` on the same files, in an environment of its own (made on first use in build/bench,
  from the package index), its model loaded and warmed up before.

Once with ViT-B/32, where the model is the limit, and once with a small tower, where decoding is. Hearsee's pictures
are prepared as the spaces for real media have it (fused, draft 2; decoded by simplejpeg, where the extra `fast` is
there). Beside it stand two settings that one may choose, with the lowest cosine of their vectors with the plain ones:
multiplying in bfloat16 (twice as fast on a CPU that has it, far slower on others), and for the small tower a decoding
that keeps one pixel, not two, for each one wanted (draft 1). They are held against nothing, for the others compute in
float32; random weights hardly tell pictures apart, and through trained ones draft 1 turns real photos by more than
the 0.999 that is allowed. Under the table stands what a picture costs in CPU time, all told and step by step. `--gpu`
asks instead what share of the GPU's own bf16 rate ViT-B/32 and ViT-L/14 reach through the pipeline, where there is a
GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hearsee.core.encoders.device import pixels
from hearsee.core.encoders.openclip import OpenClipTower, load, open_clip_tower, quiet
from hearsee.core.media import Piece
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import Space
from hearsee.indexer.ingest import ingest
from hearsee.indexer.writer import Writer

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._pipeline_steps import steps
from benchmarks.ingest import photos

PEER = "sentence-transformers>=5.2,<7"
BATCH = 32
LEAST = {"large over bare": 0.85, "large over peer": 1.1, "small over peer": 2.0}
PREPARED: dict[str, Any] = {"fused": True, "draft": 2}  # as the spaces for real media have it
CHOICES: dict[str, dict[str, Any]] = {"bfloat16": {"precision": "bfloat16"}, "draft 1": {"draft": 1}}
GPU_BATCH = 256

Taken = tuple[float, float]  # seconds on the wall, CPU seconds of all that worked


@dataclass(frozen=True)
class Shape:
    """A picture tower; open_clip and transformers build the same from it."""

    name: str
    width: int
    layers: int
    patch: int
    dim: int
    size: int = 224

    def as_open_clip(self) -> dict[str, Any]:
        seen = {"image_size": self.size, "layers": self.layers, "width": self.width, "patch_size": self.patch}
        unread = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1}
        return {"embed_dim": self.dim, "vision_cfg": seen, "text_cfg": unread}

    def as_peer(self) -> str:
        kept = {"width": self.width, "layers": self.layers, "patch": self.patch, "size": self.size, "dim": self.dim}
        return json.dumps(kept)


LARGE = Shape("ViT-B-32", 768, 12, 32, 512)
SMALL = Shape("small", 64, 2, 32, 64)
HUGE = Shape("ViT-L-14", 1024, 24, 14, 768)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument(
        "--pictures", type=int, default=400, help="of a round of ViT-B/32; the small tower sees five times"
    )
    options.add_argument(
        "--data", type=Path, default=Path("build/bench"), help="where photos, weights and peers are kept"
    )
    options.add_argument("--no-peer", action="store_true", help="without sentence-transformers")
    options.add_argument("--gpu", action="store_true", help="the share of the GPU's own bf16 rate, nothing else")
    given = options.parse_args()
    data = given.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    if given.gpu:
        answer = gpu_figures(data, given.rounds)
        print(json.dumps(answer)) if given.json else show_gpu(answer)
        return
    answer = figures(data, given.rounds, given.pictures, None if given.no_peer else peer_python(data))
    print(json.dumps(answer)) if given.json else show(answer)


def figures(data: Path, rounds: int, pictures: int, python: Path | None) -> dict[str, Any]:
    files = sorted(photos(data / "photos-400").glob("*.jpg"))
    answer: dict[str, Any] = {"machine": f"{os.cpu_count()} cores", "rounds": rounds}
    for key, shape, count, choice in (
        ("large", LARGE, pictures, "bfloat16"),
        ("small", SMALL, 5 * pictures, "draft 1"),
    ):
        answer[key] = compare(data, shape, copies(files, count, data), rounds, python, choice)
    return answer


def compare(
    data: Path, shape: Shape, files: Sequence[Path], rounds: int, python: Path | None, choice: str
) -> dict[str, Any]:
    """Pictures a second of each, and the medians of the rounds' ratios; the order turns from round to round."""
    tower, chosen = new_tower(data, shape), new_tower(data, shape, **CHOICES[choice])
    ready = tensors(tower, files[:BATCH])
    peer = Peer(python, data / f"peer-{shape.name}", shape, files[:BATCH]) if python else None
    runs: dict[str, Callable[[], Taken]] = {
        "bare": lambda: bare(tower, ready, len(files)),
        "hearsee": lambda: indexed(files[0].parent, len(files), tower),
        "chosen": lambda: indexed(files[0].parent, len(files), chosen),
    }
    if peer is not None:
        runs["peer"] = lambda: peer.taken(files)
    runs["bare"]()  # reads the weights
    chosen.encode([Piece(np.zeros((shape.size, shape.size, 3), np.uint8))])
    taken: dict[str, list[float]] = {name: [] for name in runs}
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in sorted(runs, reverse=bool(number % 2)):
            seconds, cpu = runs[name]()
            taken[name].append(seconds)
            spent[name].append(cpu)
    if peer is not None:
        peer.close()
    found: dict[str, Any] = {
        "tower": shape.name,
        "pictures": len(files),
        "pictures_per_second": {name: round(len(files) / median(some), 1) for name, some in taken.items()},
        "cpu_ms_a_picture": {name: round(1e3 * median(some) / len(files), 2) for name, some in spent.items()},
        "steps_cpu_ms": steps(tower, files[:BATCH]),
        "over_bare": ratios(taken["bare"], taken["hearsee"]),
        "choice": {"name": choice, "lowest_cosine": likeness(shape, data, chosen, files[:BATCH])},
    }
    found["choice"]["over_bare"] = ratios(taken["bare"], taken["chosen"])
    if peer is not None:
        found["over_peer"] = ratios(taken["peer"], taken["hearsee"])
        found["choice"]["over_peer"] = ratios(taken["peer"], taken["chosen"])
    return found


def likeness(shape: Shape, data: Path, tower: OpenClipTower, files: Sequence[Path]) -> float:
    """The lowest cosine with open_clip's own transform and float32."""
    plain = new_tower(data, shape, fused=False, draft=0)
    limits = Settings().limits
    rows = [
        one.encode([prepare(one.preparation, Modality.IMAGE, file.read_bytes(), limits)[0] for file in files])
        for one in (plain, tower)
    ]
    return round(float((rows[0] * rows[1]).sum(axis=1).min()), 5)


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    found = [one / other for one, other in zip(theirs, ours, strict=True)]
    return {"median": round(median(found), 3), "low": round(min(found), 3), "high": round(max(found), 3)}


def copies(files: Sequence[Path], count: int, data: Path) -> list[Path]:
    """As many files of different bytes as are asked for: equal bytes are encoded once only."""
    folder = data / f"pipeline-{count}"
    folder.mkdir(exist_ok=True)
    found = []
    for number in range(count):
        found.append(folder / f"{number:05}.jpg")
        if not found[-1].is_file():
            raw = files[number % len(files)].read_bytes()
            found[-1].write_bytes(raw + b"\0" * (number // len(files)))  # decoders stop at the picture's end
    return found


def bare(tower: OpenClipTower, ready: Any, count: int) -> Taken:
    import torch

    model = load(tower.source, tower.run).model
    began, spent = time.perf_counter(), cpu_seconds()
    with torch.inference_mode():
        for at in range(0, count, BATCH):
            model.encode_image(ready[: min(BATCH, count - at)])
    return time.perf_counter() - began, cpu_seconds() - spent


def tensors(tower: OpenClipTower, files: Sequence[Path]) -> Any:
    limits = Settings().limits
    pieces: list[Piece] = []
    for file in files:
        pieces += prepare(tower.preparation, Modality.IMAGE, file.read_bytes(), limits)
    return pixels(pieces, *tower.scaling, tower.run)


def cpu_seconds() -> float:
    """Of this process and of those that it started and saw end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def indexed(folder: Path, count: int, tower: OpenClipTower) -> Taken:
    space = Space("photos", tower.dim, {Modality.IMAGE: tower})
    with tempfile.TemporaryDirectory() as place, Writer.open(Path(place) / "library", space=space) as writer:
        began, spent = time.perf_counter(), cpu_seconds()
        report = ingest(writer, [str(folder)], space, Settings())
        took = time.perf_counter() - began, cpu_seconds() - spent
    assert (report.added, report.encoded) == (count, count), report
    return took


def new_tower(data: Path, shape: Shape, **run: Any) -> OpenClipTower:
    """Random weights, which take as long as trained ones."""
    folder = data / f"pipeline-{shape.name}"
    if not (folder / "open_clip_model.safetensors").is_file():
        import open_clip
        import torch
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": shape.as_open_clip()}))
        torch.manual_seed(1)
        with quiet():
            weights = open_clip.create_model(f"local-dir:{folder}", load_weights=False).state_dict()
        kept = {name: value.contiguous() for name, value in weights.items()}
        save_file(kept, folder / "open_clip_model.safetensors")
    return open_clip_tower(Modality.IMAGE, model=str(folder), **(PREPARED | run))


class Peer:
    """sentence-transformers in a process of its own, loaded once and asked again and again."""

    def __init__(self, python: Path, folder: Path, shape: Shape, warm: Sequence[Path]) -> None:
        command = [str(python), str(Path(__file__).with_name("_pipeline_peer.py")), str(folder), shape.as_peer()]
        environ = {**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ
        )
        self.taken(warm)

    def taken(self, files: Sequence[Path]) -> Taken:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(file) for file in files]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["rows"] == len(files), answer
        return float(answer["seconds"]), float(answer["cpu"])

    def close(self) -> None:
        self._process.communicate()


def peer_python(data: Path) -> Path:
    """The interpreter of the peer's environment, which borrows torch and transformers from this one."""
    folder = data / "peer-environment"
    python = folder / "bin" / "python"
    if not (folder / "ready").is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        packages = next(folder.glob("lib/python*/site-packages"))
        packages.joinpath("lent.pth").write_text(f"{Path(np.__file__).parents[1]}\n")
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq", PEER]
        subprocess.run(command, check=True, stdout=sys.stderr)
        (folder / "ready").write_text(PEER)
    return python


def gpu_figures(data: Path, rounds: int) -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return {"device": None}
    answer: dict[str, Any] = {"device": torch.cuda.get_device_name()}
    files = sorted(photos(data / "photos-400").glob("*.jpg"))
    for shape, count in ((LARGE, 20_000), (HUGE, 5_000)):
        tower = new_tower(data, shape, precision="bfloat16", batch=GPU_BATCH)
        some = copies(files, count, data)
        ready = tensors(tower, some[:GPU_BATCH])
        fed(tower, ready)  # reads the weights, chooses kernels
        own = [fed(tower, ready) for _ in range(rounds)]
        ours = [count / indexed(some[0].parent, count, tower)[0] for _ in range(rounds)]
        pieces = [Piece(piece) for piece in np.zeros((16 * GPU_BATCH, shape.size, shape.size, 3), np.uint8)]
        began = time.perf_counter()
        tower.encode(pieces)
        towers = len(pieces) / (time.perf_counter() - began)
        answer[shape.name] = {
            "own_rate": round(median(own), 1),
            "tower_rate": round(towers, 1),  # from prepared pieces in memory: copying and scaling belong to it
            "pipeline_rate": round(median(ours), 1),
            "tower_share": round(towers / median(own), 3),
            "pipeline_share": round(median(ours) / median(own), 3),
        }
    return answer


def fed(tower: OpenClipTower, ready: Any, times: int = 40) -> float:
    """Pictures a second of the model alone, on tensors that lie on the device."""
    import torch

    model = load(tower.source, tower.run).model
    with torch.inference_mode():
        for _ in range(3):
            model.encode_image(ready)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(times):
            model.encode_image(ready)
        torch.cuda.synchronize()
    return float(times * len(ready) / (time.perf_counter() - began))


def show(answer: dict[str, Any]) -> None:
    table = Table(
        title=f"Indexing 640 px JPEG files, {answer['machine']}, {answer['rounds']} rounds, pictures a second"
    )
    for column in ("tower", "pictures", "bare", "sentence-tr.", "Hearsee", "figure", "median (low–high)", "at least"):
        table.add_column(column)
    for key in ("large", "small"):
        one, choice = answer[key], answer[key]["choice"]
        speeds = {name: f"{speed:.1f}" for name, speed in one["pictures_per_second"].items()}
        given = [f"{one['pictures']}", speeds["bare"], speeds.get("peer", "not run")]
        for name in ("bare", "peer"):
            if f"over_{name}" in one:
                least, ratio = LEAST.get(f"{key} over {name}"), one[f"over_{name}"]
                said = "" if least is None else f"{least}: {'met' if ratio['median'] >= least else 'missed'}"
                table.add_row(one["tower"], *given, speeds["hearsee"], f"over {name}", spread(ratio), said)
        for name in ("bare", "peer"):
            if f"over_{name}" in choice:
                said = f"cosine {choice['lowest_cosine']}"
                shown = [f"{one['tower']}, {choice['name']}", *given, speeds["chosen"]]
                table.add_row(*shown, f"over {name}", spread(choice[f"over_{name}"]), said)
    Console(width=140).print(table)
    for key in ("large", "small"):
        Console(width=140).print(costs(answer[key]))


def costs(one: dict[str, Any]) -> Table:
    """CPU time, which a busy machine changes less than the clock, and what the steps take alone."""
    table = Table(title=f"{one['tower']}: CPU milliseconds a picture, all processes and threads; then each step alone")
    for column in ("what", "CPU ms"):
        table.add_column(column)
    names = {
        "bare": "bare model",
        "chosen": f"Hearsee, {one['choice']['name']}",
        "hearsee": "Hearsee",
        "peer": "sentence-tr.",
    }
    for name, value in one["cpu_ms_a_picture"].items():
        table.add_row(names[name], f"{value:.2f}")
    table.add_section()
    for name, value in one["steps_cpu_ms"].items():
        table.add_row(name, f"{value:.3f}")
    return table


def spread(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def show_gpu(answer: dict[str, Any]) -> None:
    if answer["device"] is None:
        print("Share of the GPU's own bf16 rate through the pipeline: not measured, there is no GPU here.")
        return
    table = Table(title=f"bfloat16 on {answer.pop('device')}, pictures a second")
    for column in ("tower", "model alone", "from prepared pieces", "share", "pipeline from files", "share"):
        table.add_column(column)
    for name, one in answer.items():
        shares = [f"{one[key]:.2f}" for key in ("tower_share", "pipeline_share")]
        table.add_row(
            name, f"{one['own_rate']}", f"{one['tower_rate']}", shares[0], f"{one['pipeline_rate']}", shares[1]
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
