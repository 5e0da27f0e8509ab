"""A space whose open_clip towers were written as ONNX files: the fast path of a small machine."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from hearsee.core.encoders import Encoder
from hearsee.core.encoders.onnx_export import Exported, export_open_clip, probes, shrink
from hearsee.core.encoders.table import make_tower
from hearsee.core.errors import BadInput
from hearsee.core.head import FILE as HEADS
from hearsee.core.modality import Modality
from hearsee.core.presets import DESCRIPTION, placed_options, preset_names, read_preset

TOWERS = "onnx"  # the folder of files inside the space's own
ROUNDS = 5


@dataclass(frozen=True)
class Written:
    """One tower as it was written, held against what it was written from."""

    modality: str
    cosine: float  # the lowest, with PyTorch's vectors
    megabytes: float
    pytorch_per_second: float
    onnx_per_second: float

    @property
    def times(self) -> float:
        return self.onnx_per_second / self.pytorch_per_second


def export_space(name: str, out: Path, *, pretrained: str | None = None, int8: bool = False) -> list[Written]:
    """Write the space `name`, or an open_clip model, into the folder `out`, which then is a space; Refused where a
    vector would be another one."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} is not an empty folder: name a new one")
    described = _described(name, pretrained)
    given = described["towers"]["image"]["options"]
    settings = {key: given[key] for key in ("model", "pretrained", "fused", "draft") if key in given}
    out.mkdir(parents=True, exist_ok=True)
    exported = _export(out / TOWERS, settings, int8)
    written = [_timed(Modality(modality), exported, given) for modality in exported.cosines]
    onnx = {modality: {"tower": "onnx", "options": {"model": f"./{TOWERS}"}} for modality in exported.cosines}
    about = f"{described['name']} with ONNX towers{' of eight bits' if int8 else ''}"
    held = described | {"name": f"{described['name']}-onnx", "about": about, "towers": described["towers"] | onnx}
    _copy_heads(name, out)
    (out / DESCRIPTION).write_text(json.dumps(held, indent=1))
    return written


def _described(name: str, pretrained: str | None) -> dict[str, Any]:
    """What `space.json` will say, with the towers as they are."""
    if pretrained is None and (name in preset_names() or (Path(name).expanduser() / DESCRIPTION).is_file()):
        preset = read_preset(name)
        towers = {
            str(modality): {"tower": tower, "options": placed_options(name, options)}
            for modality, (tower, options) in preset.towers.items()
        }
        if towers.get("image", {}).get("tower") != "open_clip":
            kind = towers.get("image", {}).get("tower", "no tower")
            raise BadInput(f"space {name!r} sees with {kind}: only open_clip towers are exported")
        return dict(preset.about) | {"towers": towers}
    options = {"model": name} | ({} if pretrained is None else {"pretrained": pretrained})
    tower = make_tower("open_clip", Modality.IMAGE, options)
    towers = {modality: {"tower": "open_clip", "options": options} for modality in ("image", "text")}
    return {"name": Path(name).name, "dim": tower.dim, "towers": towers, "aligned": ["image", "text"], "weights": []}


def _export(folder: Path, settings: Mapping[str, Any], int8: bool) -> Exported:
    if not int8:
        return export_open_clip(folder, **settings)
    with tempfile.TemporaryDirectory() as place:
        export_open_clip(Path(place), **settings)
        return shrink(Path(place), folder)


def _timed(modality: Modality, exported: Exported, given: Mapping[str, Any]) -> Written:
    """Both take turns, so that a busy moment hits them alike."""
    theirs = make_tower("open_clip", modality, {**given, "device": "cpu", "precision": "float32"})
    ours = make_tower("onnx", modality, {"model": str(exported.folder)})
    pieces = 3 * probes(theirs, modality)
    seconds: dict[str, list[float]] = {"theirs": [], "ours": []}
    for number in range(ROUNDS + 1):
        for name, tower in (("theirs", theirs), ("ours", ours)):
            took = _seconds(tower, pieces)
            if number:  # the first one reads the weights
                seconds[name].append(took)
    cosine = float((theirs.encode(pieces) * ours.encode(pieces)).sum(axis=1).min())
    speed = {name: len(pieces) / median(some) for name, some in seconds.items()}
    return Written(str(modality), cosine, exported.megabytes[str(modality)], speed["theirs"], speed["ours"])


def _seconds(tower: Encoder, pieces: list[Any]) -> float:
    began = time.perf_counter()
    tower.encode(pieces)
    return time.perf_counter() - began


def _copy_heads(name: str, out: Path) -> None:
    trained = Path(name).expanduser() / HEADS
    if name not in preset_names() and trained.is_file():
        shutil.copyfile(trained, out / HEADS)
