"""What decoding costs: pictures against the stock transform, an hour of sound in flat memory. Ratios of one run.

`python benchmarks/media.py [--json] [--photos FOLDER] [--mobilenet FILE] [--count N] [--minutes SHORT LONG]`, and
`--sound` or `--pictures` for one half. Pictures are JPEGs of 640 and 1280 pixels across and of 12 megapixels: every
second photo of the folder (the others were for choosing), made larger with some grain, else textures made by code.
Stock is open_clip's own transform, which ends in a float tensor; ours is what a space for real media does: draft, one
fused cut, whole numbers to the device and scaled there. Both are counted in seconds of one core (CPU time), file by
file in turns. How alike the vectors are is asked of a ViT-B/32 with random weights, and of a real MobileNet where its
.tflite file is given (`pip install ai-edge-litert`): in eight bits, as it comes, and with the same weights in floats.
Beside that stands what another library gives, undrafted, by the same kernel: torchvision on tensors. Eight bits cannot
tell either from stock, so that only floats are held against 0.999. Every sound is made by code; `_media_heard.py`
sends them through `hearsee index`.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from hearsee.core.encoders.device import Run, pixels
from hearsee.core.encoders.openclip import MEAN, STD, quiet
from hearsee.core.media import Limits, Piece
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._media_heard import heard
from benchmarks._media_judges import Judge, float_mobilenet, rounded_mobilenet, vit

SIZES = {"640 px": (640, 480), "1280 px": (1280, 960), "12 megapixels": (4000, 3000)}
WANTED = {"640 px": 1.5, "1280 px": 2.5, "12 megapixels": 2.5}
LEAST_COSINE = 0.999
SIDE, MODEL, BATCH = 224, "ViT-B-32", 32
PICTURE = "hearsee.core.encoders.prepare_picture:picture?" + json.dumps(
    {"mode": "shortest", "resize": [SIDE, SIDE], "crop": [SIDE, SIDE], "filter": "bicubic", "fused": True, "draft": 2}
)
# The windows of CLAP: 10 s of 48 kHz as 64 mel bands.
SOUND = "hearsee.core.encoders.prepare_sound:log_mel?" + json.dumps(
    {"rate": 48_000, "window": 10, "hop": 10, "mels": 64, "fft": 1024, "stride": 480, "low": 50, "high": 14_000}
    | {"scale": "slaney"}
)
MINUTES, RATE = (5, 60), 32_000
Pixels = NDArray[np.uint8]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--photos", type=Path, help="a folder of JPEGs, instead of textures made by code")
    options.add_argument("--mobilenet", type=Path, help="a .tflite file that makes vectors of 224 x 224 pictures")
    options.add_argument("--count", type=int, default=24, help="pictures of each size")
    only = options.add_mutually_exclusive_group()
    only.add_argument("--sound", action="store_true", help="only what is heard")
    only.add_argument("--pictures", action="store_true", help="only what is seen")
    options.add_argument(
        "--minutes", type=int, nargs=2, default=MINUTES, metavar=("SHORT", "LONG"), help="how long sounds are: 5 60"
    )
    options.add_argument("--hear", type=int, help=argparse.SUPPRESS)  # minutes, in a process of its own
    given = options.parse_args()
    if not 0 < given.minutes[0] < given.minutes[1] <= MINUTES[1]:
        options.error(f"--minutes {given.minutes[0]} {given.minutes[1]}: 0 < SHORT < LONG <= {MINUTES[1]}")
    if given.hear is not None:
        print(json.dumps(hear(given.hear)))
        return
    answer: dict[str, Any] = {}
    if not given.sound:
        answer["pictures"] = see(given.photos, given.mobilenet, given.count)
    if not given.pictures:
        answer["windows"] = [alone(minutes) for minutes in given.minutes]
        with tempfile.TemporaryDirectory() as folder:
            answer["heard"] = heard(Path(folder), *given.minutes)
    print(json.dumps(answer)) if given.json else show(answer)


def see(photos: Path | None, mobilenet: Path | None, count: int) -> list[dict[str, Any]]:
    import open_clip
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    with quiet():
        model, _, stock = open_clip.create_model_and_transforms(MODEL, pretrained=None)
    judges: dict[str, Judge] = {f"{MODEL}, random weights": vit(model.eval())}
    if mobilenet is not None:
        judges["MobileNet in floats"] = float_mobilenet(mobilenet)
        judges["MobileNet in eight bits"] = rounded_mobilenet(mobilenet)
    return [compare(name, size, files(photos, size, count), stock, judges) for name, size in SIZES.items()]


def compare(
    name: str, size: tuple[int, int], raws: list[bytes], stock: Any, judges: Mapping[str, Judge]
) -> dict[str, Any]:
    """Seconds of one core for each way, and the cosines between what towers make of both."""
    import torch

    ways: dict[str, Callable[[bytes], Any]] = {
        "stock": lambda raw: stock(Image.open(io.BytesIO(raw))),
        "ours": lambda raw: prepared(raw),
        "scaling": lambda _: scaled([batch[0]] * BATCH),  # as it is done: many at once
        "decoding alone": lambda raw: Image.open(io.BytesIO(raw)).load(),
    }
    batch = [prepared(raws[0])]
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(4):
        for raw in raws:
            for way, function in ways.items():
                began = time.thread_time()
                function(raw)
                if turn:  # the first turn warms up
                    taken[way].append(time.thread_time() - began)
    seconds = {way: median(values) for way, values in taken.items()}
    seconds["ours"] += seconds["scaling"] / BATCH
    theirs = torch.stack([stock(Image.open(io.BytesIO(raw))) for raw in raws])
    mine, floor = (scaled([make(raw) for raw in raws]) for make in (prepared, of_tensors))
    seen = {judge: (vectors(theirs), vectors(mine), vectors(floor)) for judge, vectors in judges.items()}
    cosines = {judge: alike(stocks, ours) for judge, (stocks, ours, _) in seen.items()}
    faster = seconds["stock"] / seconds["ours"]
    return {
        "name": name,
        "size": size,
        "kilobytes": round(sum(map(len, raws)) / len(raws) / 1000),
        "milliseconds": {way: round(1e3 * value, 2) for way, value in seconds.items()},
        "faster": round(faster, 2),
        "wanted": WANTED[name],
        "cosines": cosines,
        "cosines of another library": {judge: alike(stocks, others) for judge, (stocks, _, others) in seen.items()},
        "met": faster >= WANTED[name] and _alike(cosines),
    }


def _alike(cosines: Mapping[str, dict[str, float]]) -> bool:
    return all(one["least"] >= LEAST_COSINE for judge, one in cosines.items() if "eight bits" not in judge)


def prepared(raw: bytes) -> Piece:
    (piece,) = prepare(PICTURE, Modality.IMAGE, raw, Limits())
    return piece


def of_tensors(raw: bytes) -> Piece:
    """The whole picture, scaled by torchvision as a tensor: bicubic with antialiasing, as Pillow's kernel is."""
    import torch
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as f

    whole = torch.from_numpy(np.array(Image.open(io.BytesIO(raw)).convert("RGB"))).permute(2, 0, 1)
    small = f.center_crop(f.resize(whole, [SIDE], InterpolationMode.BICUBIC, antialias=True), [SIDE, SIDE])
    return Piece(small.permute(1, 2, 0).numpy())


def scaled(pieces: list[Piece]) -> Any:
    return pixels(pieces, MEAN, STD, Run(device="cpu"))


def alike(theirs: NDArray[np.float64], mine: NDArray[np.float64]) -> dict[str, float]:
    lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(mine, axis=1)
    cosines = (theirs * mine).sum(axis=1) / lengths
    apart = (theirs * np.roll(theirs, 1, axis=0)).sum(axis=1) / np.linalg.norm(theirs, axis=1) ** 2
    return {
        "mean": round(float(cosines.mean()), 5),
        "least": round(float(cosines.min()), 5),
        "other pictures": round(float(apart.mean()), 3),  # what cosines are worth here
    }


def files(photos: Path | None, size: tuple[int, int], count: int) -> list[bytes]:
    """JPEGs of one size: photos or textures, with the grain of a sensor."""
    rng = np.random.default_rng(0)
    known = sorted(photos.rglob("*.jp*g"))[1::2] if photos is not None else []
    raws = []
    for number in range(max(4, count // 4) if size[0] > 2000 else count):
        if known:
            with Image.open(known[number * len(known) // count]) as photo:
                picture = photo.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        else:
            picture = texture(rng).resize(size, Image.Resampling.BICUBIC)
        grain = rng.normal(0, 4, (size[1], size[0], 1))
        seen = Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))
        out = io.BytesIO()
        seen.save(out, "JPEG", quality=88)
        raws.append(out.getvalue())
    return raws


def texture(rng: np.random.Generator) -> Image.Image:
    """Noise with as much of every scale as photos have: each octave half as strong as the one below."""
    canvas = np.zeros((300, 400, 3))
    for octave in range(7):
        tile = rng.normal(0, 60 / 2 ** (octave / 1.5), (3 * 2**octave, 4 * 2**octave, 3)).astype(np.float32)
        layers = [Image.fromarray(tile[:, :, band]).resize((400, 300), Image.Resampling.BICUBIC) for band in range(3)]
        canvas += np.stack([np.asarray(layer) for layer in layers], axis=2)
    return Image.fromarray((canvas + 128).clip(0, 255).astype(np.uint8))


def alone(minutes: int) -> dict[str, Any]:
    """One sound in a process of its own, whose peak memory is then the sound's."""
    done = subprocess.run([sys.executable, __file__, "--hear", str(minutes)], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def hear(minutes: int) -> dict[str, Any]:
    """Windows of a long stereo FLAC, twice: seconds, the memory that decoding took, and whether both agree."""
    out = io.BytesIO()
    rng = np.random.default_rng(0)
    swell = np.abs(np.sin(np.arange(RATE * 60) * (np.pi * 4 / RATE)))[:, None]
    with soundfile.SoundFile(out, "w", RATE, 2, format="FLAC") as file:
        for _ in range(minutes):
            file.write((rng.standard_normal((RATE * 60, 2)) * swell * 200).astype(np.int16))
    raw = out.getvalue()
    limits = Limits(max_seconds=3_600)
    prepare(SOUND, Modality.AUDIO, _tone(), limits)  # what is loaded once
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making it
    before, began = _kib("VmRSS"), time.process_time()
    pieces = prepare(SOUND, Modality.AUDIO, raw, limits)
    seconds = time.process_time() - began
    peak = _kib("VmHWM")
    held = sum(piece.data.nbytes for piece in pieces)
    again = prepare(SOUND, Modality.AUDIO, raw, limits)
    return {
        "minutes": minutes,
        "megabytes": round(len(raw) / 1e6, 1),
        "windows": len(pieces),
        "windows_mib": round(held / 2**20, 1),
        "cpu_seconds": round(seconds, 1),
        "times_real_time": round(60 * minutes / seconds),
        "peak_mib": round((peak - before) / 2**10 - held / 2**20, 1),  # beyond the file and its windows
        "whole_mib": round(minutes * 60 * RATE * 2 * 4 / 2**20),  # what its samples would take at once
        "same_twice": all(np.array_equal(one.data, two.data) for one, two in zip(pieces, again, strict=True)),
    }


def _kib(name: str) -> int:
    """A line of what Linux says of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def _tone() -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.zeros((RATE * 11, 2), np.float32), RATE, format="FLAC")
    return out.getvalue()


def show(answer: dict[str, Any]) -> None:
    console = Console(width=max(Console().width, 110))  # in a pipe too, no name of a column is cut
    if "pictures" in answer:
        table = Table("JPEGs", "kB", "stock ms", "ours ms", "faster", "wanted, as alike", title="Pictures, one core")
        alike = Table("JPEGs", "through", "ours: mean, least", "another library, undrafted", title="Cosine with stock")
        for row in answer["pictures"]:
            spent, cosines, others = row["milliseconds"], row["cosines"], row["cosines of another library"]
            wanted = f"{row['wanted']}: {'met' if row['met'] else 'missed'}"
            table.add_row(
                row["name"], f"{row['kilobytes']}", f"{spent['stock']}", f"{spent['ours']}", f"{row['faster']}", wanted
            )
            for judge, one in cosines.items():
                pairs = (f"{pair['mean']}, {pair['least']}" for pair in (one, others[judge]))
                alike.add_row(row["name"], judge, *pairs)
        console.print(table, alike)
    if "windows" in answer:
        names = ("minutes", "windows", "windows_mib", "cpu_seconds", "times_real_time", "peak_mib", "same_twice")
        table = Table(*names, title="Windows of a stereo FLAC; peak beyond the file and its windows")
        for row in answer["windows"]:
            table.add_row(*(f"{row[name]}" for name in names))
        console.print(table)
        columns = ("coding", "kind", "minutes", "seconds", "points", "file_mib", "run_mib", "decoding_mib")
        table = Table(
            *columns, title="`hearsee index` of one sound: peak memory of the run and of its decoding process"
        )
        for row in answer["heard"]["runs"]:
            table.add_row(*(f"{row[name]}" for name in columns))
        console.print(table)
        least = min(answer["heard"]["alone or among others"].values())
        console.print(f"cosine of a file's vectors, indexed alone and among others: {least:.6f} at the least")


if __name__ == "__main__":
    main()
