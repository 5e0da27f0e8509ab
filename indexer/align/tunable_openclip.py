"""CLIP-like towers that can learn; picture and text of one model are written into one folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hearsee.core.encoders import prepare_text
from hearsee.core.encoders.device import Run
from hearsee.core.encoders.openclip import CONFIG, Model, OpenClipTower
from hearsee.core.encoders.weights import read_weights
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.indexer.align.tunable import Named, Scaled, Tunable, pictures, write_model
from hearsee.indexer.files import publish

WEIGHTS = "open_clip_model.safetensors"


def open_clip(tower: OpenClipTower) -> Tunable:
    model = Model(tower.source, Run("cpu", "float32"))
    if tower.modality is Modality.IMAGE:
        return Tunable(_See(model.model.visual, tower), pictures, lambda net, out: _write(tower, net, out))

    def tokens(pieces: Sequence[Piece]) -> Tensor:
        return model.tokens([prepare_text.words_of(piece) for piece in pieces])

    return Tunable(_Read(model.model), tokens, lambda net, out: _write(tower, net, out))


class _See(nn.Module):
    def __init__(self, visual: nn.Module, tower: OpenClipTower) -> None:
        super().__init__()
        self.visual = visual
        self.scaled = Scaled(*tower.scaling)

    def forward(self, seen: Tensor) -> Tensor:
        rows: Tensor = self.visual(self.scaled(seen))
        return rows

    def learned(self) -> dict[str, Tensor]:
        return {f"visual.{name}": value for name, value in self.visual.state_dict().items()}


class _Read(nn.Module):
    def __init__(self, whole: Any) -> None:
        super().__init__()
        whole.visual = nn.Identity()  # what sees takes no room here
        self.whole = whole

    def forward(self, tokens: Tensor) -> Tensor:
        rows: Tensor = self.whole.encode_text(tokens)
        return rows

    def learned(self) -> dict[str, Tensor]:
        return dict(self.whole.state_dict())


def _write(tower: OpenClipTower, network: nn.Module, out: Path) -> Named:
    assert isinstance(network, _See | _Read)
    source = tower.source
    place = out / f"open_clip-{tower.contract.weights[:8]}"
    if (place / WEIGHTS).is_file():  # the other tower of the model was here
        state = read_weights(place / WEIGHTS)
    else:
        with torch.no_grad():
            state = dict(Model(source, Run("cpu", "float32")).model.state_dict())
    write_model({**state, **network.learned()}, WEIGHTS, source.folder, place)
    config = {"model_cfg": source.config, "preprocess_cfg": json.loads(source.preprocess)}
    publish(place, CONFIG, lambda sink: sink.write(json.dumps(config, indent=1).encode()))
    return "open_clip", {"model": f"./{place.name}", **({"fused": True} if tower.fused else {})}
