"""Pictures through any vision model of transformers: ResNet, ViT, DINO and the like."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearsee.core.contract import Contract
from hearsee.core.encoders import prepare_picture
from hearsee.core.encoders.device import Run, in_batches, pixels
from hearsee.core.encoders.transformers_files import read_json
from hearsee.core.encoders.transformers_tower import Backbone, Pool
from hearsee.core.errors import Refused
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors

if TYPE_CHECKING:
    import torch

FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # as Pillow numbers them
CROP_BELOW = 384  # ConvNeXt's processor cuts smaller pictures and squashes larger ones


@dataclass(frozen=True)
class VisionTower:
    backbone: Backbone
    modality: Modality = Modality.IMAGE

    @property
    def dim(self) -> int:
        return self.backbone.dim

    @cached_property
    def processor(self) -> dict[str, Any]:
        return read_json(self.backbone.folder, "preprocessor_config.json")

    @cached_property
    def options(self) -> dict[str, Any]:
        return picture_options(self.processor)

    @property
    def scaling(self) -> tuple[Sequence[float], Sequence[float]]:
        if not self.processor.get("do_normalize", True):
            return (0.0,) * 3, (1.0,) * 3
        return self.processor.get("image_mean", (0.5,) * 3), self.processor.get("image_std", (0.5,) * 3)

    @property
    def preparation(self) -> str:
        return f"{prepare_picture.NAME}?{json.dumps(self.options, sort_keys=True)}"

    @cached_property
    def contract(self) -> Contract:
        mean, std = self.scaling
        rule = {"rule": prepare_picture.RULE, **self.options, "mean": list(mean), "std": list(std)}
        preprocessing = json.dumps({**rule, "pool": self.backbone.pool, "by": "transformers 5"}, sort_keys=True)
        name = f"transformers-image {self.backbone.folder.name}"
        return Contract(name, self.backbone.weights(), preprocessing, "the whole picture", DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        see, run = self.backbone.load(), self.backbone.run
        mean, std = self.scaling

        def pooled(places: Sequence[int]) -> torch.Tensor:
            seen = see(pixel_values=pixels([pieces[place] for place in places], mean, std, run))
            return pool(seen, self.backbone.pool)

        return in_batches(pieces, pooled, run.size)


def pool(seen: Any, rule: Pool) -> torch.Tensor:
    """The mean over the places of a map (pictures, dim, height, width); tokens (pictures, tokens, dim) by the rule."""
    hidden: torch.Tensor = seen.last_hidden_state
    if hidden.ndim == 4:
        return hidden.mean(dim=(2, 3))
    if rule == "pooler":
        own: torch.Tensor = seen.pooler_output
        return own.flatten(1)
    return hidden[:, 0] if rule == "cls" else hidden.mean(dim=1)


def picture_options(processor: Mapping[str, Any]) -> dict[str, Any]:
    """What an image processor of transformers does, as options of the preparation; what is not known is refused."""
    kind = str(processor.get("image_processor_type") or processor.get("feature_extractor_type"))
    if abs(float(processor.get("rescale_factor", 1 / 255)) - 1 / 255) > 1e-9 or processor.get("do_pad"):
        raise Refused(f"{kind} pads or scales in a way that is not known here: use a tower of your own")
    number = processor.get("resample", 2)
    if number not in FILTERS:
        raise Refused(f"{kind} resizes with Pillow's filter {number!r}: known are {FILTERS}")
    size = processor.get("size", 224)
    size = {"shortest_edge": size} if isinstance(size, int) and kind.startswith(("Bit", "ConvN", "CLIP")) else size
    size = {"height": size, "width": size} if isinstance(size, int) else size
    options: dict[str, Any] = {"filter": FILTERS[number], "mode": "none", "resize": [0, 0]}
    if processor.get("do_resize", True):
        options |= _resize(kind, size, processor)
    if processor.get("do_center_crop") and "crop" not in options:
        options["crop"] = _pair(processor.get("crop_size", 224))
    if options["mode"] == "none" and "crop" not in options:
        raise Refused(f"{kind} keeps each picture's size: pictures of several sizes make no batch")
    return options


def _resize(kind: str, size: Mapping[str, int], processor: Mapping[str, Any]) -> dict[str, Any]:
    if "height" in size and "width" in size:
        return {"mode": "squash", "resize": [size["height"], size["width"]]}
    edge = size.get("shortest_edge")
    if edge is None or "longest_edge" in size:
        raise Refused(f"{kind} resizes to {dict(size)}: known are height and width, or shortest_edge")
    if kind.startswith("ConvN"):
        if edge >= CROP_BELOW:
            return {"mode": "squash", "resize": [edge, edge]}
        before = int(edge / processor.get("crop_pct", 224 / 256))
        return {"mode": "shortest", "resize": [before, before], "crop": [edge, edge]}
    if not processor.get("do_center_crop"):
        raise Refused(f"{kind} keeps each picture's shape: pictures of several shapes make no batch")
    return {"mode": "shortest", "resize": [edge, edge]}


def _pair(size: Any) -> list[int]:
    return [size, size] if isinstance(size, int) else [size["height"], size["width"]]


def vision_tower(folder: Path, pool_rule: Any, **run: Any) -> VisionTower:
    return VisionTower(Backbone(folder, pool_rule or "cls", Run(**run)))
