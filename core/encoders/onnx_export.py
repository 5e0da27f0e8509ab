"""Writes the towers of an open_clip model as ONNX files, and checks them against PyTorch before it says so."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hearsee.core.encoders import Encoder
from hearsee.core.encoders.device import Run
from hearsee.core.encoders.onnx_file import DESCRIPTION, OnnxTower, read_description
from hearsee.core.encoders.openclip import Model, OpenClipTower, find_source
from hearsee.core.errors import NotFound, Refused
from hearsee.core.media.kinds import Media, Picture, Piece, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality

LEAST = 0.999  # cosine with PyTorch's vector
LEAST_INT8 = 0.97  # eight bits may cost that much
CAPTIONS = (
    "a dog",
    "rain on the roof of an old house by the sea, at night, while somebody plays a slow song on a guitar inside",
    "two bells ring",
    "a red car parked in front of a yellow building",
    "a woman reading a newspaper on a bench in the park",
)


@dataclass(frozen=True)
class Exported:
    folder: Path
    cosines: dict[str, float]  # by modality, the lowest over the probes
    megabytes: dict[str, float]


def export_open_clip(
    folder: Path,
    model: str,
    pretrained: str | None = None,
    *,
    fused: bool = False,
    draft: float = 0.0,
    least: float = LEAST,
) -> Exported:
    """Export both towers into `folder`; Refused, and nothing left there, where a vector is not PyTorch's."""
    for module in ("onnx", "onnxscript", "onnxruntime"):
        _need(module)
    source, run = find_source(model, pretrained), Run(device="cpu", precision="float32")
    seen, read = (OpenClipTower(modality, source, run, fused, draft) for modality in (Modality.IMAGE, Modality.TEXT))
    loaded = Model(source, run, whole=True)
    folder.mkdir(parents=True, exist_ok=True)
    towers = {"image": _image(seen)} | ({"text": text} if (text := _text(read, loaded)) else {})
    _write(folder, loaded, seen, "text" in towers)
    name = source.folder.name if source.model.startswith("local-dir:") else source.model
    _describe(folder, {"format": 1, "name": name, "dim": seen.dim, "towers": towers})
    return _accept(folder, {Modality(m): seen if m == "image" else read for m in towers}, least)


def shrink(folder: Path, smaller: Path, *, least: float = LEAST_INT8) -> Exported:
    """Write the towers of `folder` again with weights of eight bits; Refused where that turns a vector too far."""
    for module in ("onnx", "onnxruntime"):
        _need(module)
    from onnxruntime.quantization import QuantType, quantize_dynamic

    held = read_description(folder)
    smaller.mkdir(parents=True, exist_ok=True)
    for tower in held["towers"].values():
        with _quiet():
            quantize_dynamic(folder / tower["file"], smaller / tower["file"], weight_type=QuantType.QInt8)
        own = tower.get("tokenizer", {}).get("file")
        if own:
            (smaller / own).write_bytes((folder / own).read_bytes())
    _describe(smaller, held | {"name": f"{held['name']} int8"})
    kept = [modality for modality in (Modality.IMAGE, Modality.TEXT) if modality in held["towers"]]
    return _accept(smaller, {modality: OnnxTower(modality, folder) for modality in kept}, least)


def _describe(folder: Path, held: dict[str, Any]) -> None:
    writing = folder / f"{DESCRIPTION}.writing"
    writing.write_text(json.dumps(held, indent=1))
    writing.rename(folder / DESCRIPTION)


def _accept(folder: Path, references: dict[Modality, Encoder], least: float) -> Exported:
    """Compare with the towers that the files stand for; take the files back where they differ."""
    files = {str(modality): OnnxTower(modality, folder).file for modality in references}
    cosines = {str(modality): _cosine(tower, folder, modality) for modality, tower in references.items()}
    if min(cosines.values()) < least:
        for file in (folder / DESCRIPTION, *files.values()):
            file.unlink(missing_ok=True)
        raise Refused(f"the written towers differ from the given: cosines {cosines}, the least allowed is {least}")
    return Exported(folder, cosines, {modality: file.stat().st_size / 1e6 for modality, file in files.items()})


def _need(module: str) -> None:
    try:
        __import__(module)
    except ImportError:
        raise NotFound(f'exporting needs {module}: pip install "hearsee[onnx,towers]"') from None


def _image(tower: OpenClipTower) -> dict[str, Any]:
    mean, std = tower.scaling
    return {
        "file": "image.onnx",
        "prepare": "picture",
        "options": tower.picture_options,
        "mean": list(mean),
        "std": list(std),
        "layout": "NCHW",
    }


def _text(tower: OpenClipTower, model: Model) -> dict[str, Any] | None:
    """None for a tokenizer that this format does not know; the picture tower is exported all the same."""
    from open_clip.tokenizer import SimpleTokenizer

    if not isinstance(model.tokenize, SimpleTokenizer):
        return None
    described: dict[str, Any] = {"file": "text.onnx", "prepare": "text", "options": {"tokens": tower.context - 2}}
    described["tokenizer"] = {"kind": "clip", "context": tower.context}
    return described | ({"end": model.end} if model.end is not None else {})


def _write(folder: Path, model: Model, seen: OpenClipTower, with_text: bool) -> None:
    import torch

    class See(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model.model

        def forward(self, pixels: torch.Tensor) -> Any:
            return model.see(pixels)

    class Read(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model.model

        def forward(self, tokens: torch.Tensor) -> Any:
            return model.read(tokens)

    tall, wide = seen.picture_options.get("crop", seen.picture_options["resize"])
    context = int(seen.source.config["text_cfg"].get("context_length", 77))
    some = torch.export.Dim("some", min=1, max=4096)
    _export(See(), torch.zeros(3, 3, tall, wide), folder / "image.onnx", {0: some})
    if with_text:
        # three texts of five tokens: sizes of one and two would be taken for constants
        cut = {1: torch.export.Dim("length", min=2, max=context)} if model.end is not None else {}
        tokens = torch.ones(3, 5 if cut else context, dtype=torch.int64)
        _export(Read(), tokens, folder / "text.onnx", {0: some} | cut)


def _export(network: Any, example: Any, path: Path, free: dict[int, Any]) -> None:
    import torch

    with _quiet(), torch.no_grad():
        torch.onnx.export(
            network.eval(),
            (example,),
            str(path),
            dynamo=True,
            external_data=False,
            verbose=False,
            dynamic_shapes=(free,),
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter and the quantiser talk a lot about what is no concern of whoever exports."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _cosine(tower: Encoder, folder: Path, modality: Modality) -> float:
    """The lowest cosine between both towers' vectors over the probes."""
    pieces = probes(tower, modality)
    return float((tower.encode(pieces) * OnnxTower(modality, folder).encode(pieces)).sum(axis=1).min())


def probes(tower: Encoder, modality: Modality) -> list[Piece]:
    """A few pieces to compare and to time towers by."""
    return [find_preparation(tower.preparation)(media)[0] for media in _probes(modality)]


def _probes(modality: Modality) -> Sequence[Media]:
    if modality is Modality.TEXT:
        return [Words(caption) for caption in CAPTIONS]
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (5, 8, 12, 3), dtype=np.uint8)
    return [Picture(np.kron(one, np.ones((32, 32, 1), np.uint8))) for one in coarse]
