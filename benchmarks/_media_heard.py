"""An hour of sound through `hearsee index`, beside five minutes: memory, and whether a file gives the same vectors.

The tower has CLAP's own layout, windows and feature extractor, small, with random weights. Speech-like is a voice of
harmonics whose pitch and loudness wander, with pauses; noise is white, and swells.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.indexer.writer import Writer

RATE = 16_000
CODINGS: dict[str, dict[str, Any]] = {
    "wav": {"format": "WAV"}, "flac": {"format": "FLAC"},
    "mp3": {"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": 0.5}, "ogg": {"format": "OGG"},
}  # fmt: skip
KINDS = ("speech", "noise")
HEARSEE = Path(sys.executable).with_name("hearsee")
LEAST_COSINE = 1 - 1e-4


def heard(folder: Path, short: int, long: int) -> dict[str, Any]:
    """A short and a long sound of each coding, a library each; then all of the short ones in one batch."""
    space = clap_space(folder / "space")
    runs = []
    for number, coding in enumerate(CODINGS):
        kind = KINDS[number % 2]
        for minutes in (short, long):
            place = folder / f"{coding}-{minutes}"
            write(place / "media" / f"{kind}.{coding}", kind, minutes, CODINGS[coding])
            runs.append({"coding": coding, "kind": kind, "minutes": minutes, **indexed(place, space)})
            if minutes == long:
                next((place / "media").iterdir()).unlink()
    together = folder / "together"
    (together / "media").mkdir(parents=True)
    for number, coding in enumerate(CODINGS):
        name = f"{KINDS[number % 2]}.{coding}"
        os.link(folder / f"{coding}-{short}" / "media" / name, together / "media" / name)
    indexed(together, space)
    alone = {coding: vectors(folder / f"{coding}-{short}", space, coding) for coding in CODINGS}
    least = {coding: least_cosine(rows, vectors(together, space, coding)) for coding, rows in alone.items()}
    return {"runs": runs, "alone or among others": least, "same": min(least.values()) >= LEAST_COSINE}


def clap_space(folder: Path) -> Path:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.checkpoints import clap_folder

    folder.mkdir(parents=True)
    clap_folder(folder / "clap")
    towers = {str(one): {"tower": "clap", "options": {"model": "./clap"}} for one in (Modality.AUDIO, Modality.TEXT)}
    described = {"name": "small-random-clap", "dim": 24, "aligned": ["audio", "text"], "towers": towers}
    (folder / "space.json").write_text(json.dumps(described))
    return folder


def write(path: Path, kind: str, minutes: int, coding: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(minutes)
    make = speech if kind == "speech" else noise
    with soundfile.SoundFile(path, "w", RATE, 1, **coding) as file:
        for _ in range(minutes):
            file.write(make(rng))


def speech(rng: np.random.Generator) -> NDArray[np.float32]:
    """A minute of something like a voice."""
    at = np.arange(RATE * 60) / RATE

    def slow(low: float, high: float, each: float) -> NDArray[np.float64]:
        """Wanders between random numbers, a new one in so many seconds."""
        places = np.arange(0, 60 + each, each)
        return np.asarray(np.interp(at, places, rng.uniform(low, high, len(places))))

    phase = 2 * np.pi * np.cumsum(slow(90, 220, 0.5)) / RATE
    voice = np.sum([slow(0, 1 / n, 0.15) * np.sin(n * phase) for n in range(1, 13)], axis=0)
    loud = slow(-0.5, 1, 0.3).clip(0)
    return np.asarray(0.15 * loud * voice + 0.003 * rng.standard_normal(len(at)), np.float32)


def noise(rng: np.random.Generator) -> NDArray[np.float32]:
    """A minute of noise that swells."""
    swell = np.abs(np.sin(np.arange(RATE * 60) * (np.pi * 4 / RATE)))
    return np.asarray(0.05 * swell * rng.standard_normal(RATE * 60), np.float32)


def indexed(place: Path, space: Path) -> dict[str, Any]:
    """`hearsee index` of the folder `media` there, and the most memory that it and its decoding process had."""
    settings = {"HEARSEE_WORKERS": "1", "HEARSEE_MAX_SECONDS": "3600", "HF_HUB_OFFLINE": "1"}
    command = [str(HEARSEE), "index", str(place / "media"), "--space", str(space), "--library", str(place / "library")]
    began = time.perf_counter()
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, env={**os.environ, **settings}) as child:
        most = {"run": 0, "decoding": 0}
        watching = threading.Thread(target=watch, args=(child.pid, most))
        watching.start()
        out, _ = child.communicate(timeout=1_500)
        watching.join()
    report = json.loads(out.splitlines()[-1])
    assert report["quarantined"] == 0, report
    size = sum(file.stat().st_size for file in (place / "media").iterdir())
    return {
        "seconds": round(time.perf_counter() - began, 1), "points": report["encoded"], "file_mib": round(size / 2**20),
        "run_mib": most["run"] >> 10, "decoding_mib": most["decoding"] >> 10,
    }  # fmt: skip


def watch(pid: int, most: dict[str, int]) -> None:
    while (now := peak(pid)) is not None:
        most["run"] = max(most["run"], now)
        for child in children(pid):
            most["decoding"] = max(most["decoding"], peak(child) or 0)
        time.sleep(0.05)


def peak(pid: int) -> int | None:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return None


def children(pid: int) -> list[int]:
    with suppress(OSError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(one) for task in tasks for one in (task / "children").read_text().split()]
    return []


def vectors(place: Path, space: Path, coding: str) -> NDArray[np.float32]:
    """What the library there has of the file with this ending, in the order of its windows."""
    with Writer.open(place / "library", space=load_space(str(space))) as writer:
        (item,) = [one for one in writer.catalog.page(limit=100) if one.uri.endswith(f".{coding}")]
        (placed,) = writer.catalog.placed([(item.modality, item.content)]).values()
        return np.asarray(writer.vectors(placed), np.float32)


def least_cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    assert len(one) == len(other)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / lengths).min())
