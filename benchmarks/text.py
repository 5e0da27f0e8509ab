"""How much faster are texts of real length read in batches by length than padded, and do the vectors differ?

`python benchmarks/text.py [--data DIR] [--rounds 3] [--json]`. Padded is what open_clip's documentation shows: its
tokenizer, then `encode_text` over all 77 places, 64 texts at a time. Hearsee is its tower over the same texts, in calls
of as many as an ingest hands over. Both tokenize, both have all cores, they take turns. Captions are those that people
wrote, where the folder `captions` of `--data` (Clotho, AudioCaps) or its `flickr8k/captions.csv` is at hand, and the
toybox's grammar in any case. Weights are random, of ViT-B/32's text tower.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hearsee.core.encoders.openclip import OpenClipTower, load, open_clip_tower, quiet
from hearsee.core.media import Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.ingest.encoding import BATCH
from hearsee.toybox.words import caption
from hearsee.toybox.write import scene_of

MODEL = "ViT-B-32"
PADDED = 64  # texts at a time
TEXTS = 384
LEAST, MOST = 4.0, 1e-5  # times as fast; difference of a number of a unit row


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--data", type=Path, help="a folder with captions/ or flickr8k/, as people wrote them")
    options.add_argument("--weights", type=Path, default=Path("build/bench"), help="where random weights are kept")
    given = options.parse_args()
    tower = text_tower(given.weights.resolve() / f"random-{MODEL}-text")
    for run in (read, padded):
        run(tower, ["warm"] * 8)
    answer: dict[str, Any] = {"machine": f"{os.cpu_count()} cores", "model": MODEL, "texts": TEXTS}
    answer["captions"] = {name: compare(tower, texts, given.rounds) for name, texts in captions(given.data).items()}
    print(json.dumps(answer)) if given.json else show(answer)


def compare(tower: OpenClipTower, texts: Sequence[str], rounds: int) -> dict[str, Any]:
    theirs: list[float] = []
    ours: list[float] = []
    for number in range(rounds):
        for run, taken in sorted(
            ((padded, theirs), (read, ours)), key=lambda one: one[0].__name__, reverse=number % 2 > 0
        ):
            began = time.perf_counter()
            rows = run(tower, texts)
            taken.append(time.perf_counter() - began)
            if run is padded:
                wanted = rows
            else:
                found = rows
    ratios = [one / other for one, other in zip(theirs, ours, strict=True)]
    lengths = load(tower.source, tower.run).lengths(load(tower.source, tower.run).tokens(texts))
    return {
        "tokens": round(mean(lengths.tolist()), 1),
        "padded_per_second": round(len(texts) / median(theirs), 1),
        "hearsee_per_second": round(len(texts) / median(ours), 1),
        "ratio": {"median": round(median(ratios), 2), "low": round(min(ratios), 2), "high": round(max(ratios), 2)},
        "largest_difference": float(np.abs(wanted - found).max()),
    }


def padded(tower: OpenClipTower, texts: Sequence[str]) -> Vectors:
    import torch

    loaded = load(tower.source, tower.run)
    with torch.inference_mode():
        rows = [
            loaded.model.encode_text(loaded.tokenize(list(texts[at : at + PADDED])), normalize=True).numpy()
            for at in range(0, len(texts), PADDED)
        ]
    return np.concatenate(rows)


def read(tower: OpenClipTower, texts: Sequence[str]) -> Vectors:
    prepare = find_preparation(tower.preparation)
    pieces = [prepare(Words(text))[0] for text in texts]
    return unit(np.concatenate([tower.encode(pieces[at : at + BATCH]) for at in range(0, len(pieces), BATCH)]))


def captions(data: Path | None) -> dict[str, list[str]]:
    """Always the same captions, drawn from all of a source."""
    rng = np.random.default_rng(2_000_000)
    found = {"toybox": [caption(scene_of(2_000_000, "held-out", number), rng)[0] for number in range(TEXTS)]}
    if data is not None:
        for name, path, columns in (
            ("Clotho", "captions/Clotho_train.csv", [f"caption_{number}" for number in range(1, 6)]),
            ("AudioCaps", "captions/AudioCaps_train.csv", ["caption"]),
            ("Flickr8k", "flickr8k/captions.csv", ["caption"]),
        ):
            if (data / path).is_file():
                with (data / path).open(newline="", encoding="utf-8") as file:
                    texts = [row[column] for row in csv.DictReader(file) for column in columns]
                drawn = np.random.default_rng(0).choice(len(texts), TEXTS, replace=False)
                found[name] = [texts[number] for number in drawn]
    return found


def text_tower(folder: Path) -> OpenClipTower:
    if not (folder / "open_clip_model.safetensors").is_file():
        import open_clip
        import torch
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        seen = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 32}  # no picture is seen
        config = open_clip.get_model_config(MODEL) | {"vision_cfg": seen}
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
        torch.manual_seed(1)
        with quiet():
            weights = open_clip.create_model(f"local-dir:{folder}", load_weights=False).state_dict()
        save_file({name: value.contiguous() for name, value in weights.items()}, folder / "open_clip_model.safetensors")
    return open_clip_tower(Modality.TEXT, model=str(folder))


def show(answer: dict[str, Any]) -> None:
    table = Table(title=f"{answer['texts']} captions through {answer['model']}'s text tower, {answer['machine']}")
    columns = ("captions", "tokens", "padded", "Hearsee", "times", "at least", "largest difference", "at most")
    for column in columns:
        table.add_column(column)
    for name, one in answer["captions"].items():
        ratio, far = one["ratio"], one["largest_difference"]
        speeds = [f"{one[key]}/s" for key in ("padded_per_second", "hearsee_per_second")]
        said = f"{ratio['median']} ({ratio['low']}–{ratio['high']})"
        fast = f"{LEAST:g}: {'met' if ratio['median'] >= LEAST else 'missed'}"
        near = f"{MOST:g}: {'met' if far <= MOST else 'missed'}"
        table.add_row(name, str(one["tokens"]), *speeds, said, fast, f"{far:.1e}", near)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
