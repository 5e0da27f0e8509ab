"""CLAP and backbones of transformers as towers that can learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hearsee.core.encoders import prepare_text
from hearsee.core.encoders.clap import CONTEXT, ClapTower
from hearsee.core.encoders.transformers_audio import AudioTower
from hearsee.core.encoders.transformers_files import load_model, load_tokenizer, read_config
from hearsee.core.encoders.transformers_text import TextTower
from hearsee.core.encoders.transformers_text import pool as pool_words
from hearsee.core.encoders.transformers_tower import Backbone, build
from hearsee.core.encoders.transformers_vision import VisionTower
from hearsee.core.encoders.transformers_vision import pool as pool_places
from hearsee.core.encoders.weights import read_weights
from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.indexer.align.tunable import Named, Scaled, Tunable, pictures, write_model

WEIGHTS = "model.safetensors"


def clap(tower: ClapTower) -> Tunable:
    from transformers import ClapModel

    def load() -> Any:
        return load_model(ClapModel, tower.folder, read_config(tower.folder), spare=("position_ids",))

    def write(network: nn.Module, out: Path) -> Named:
        """Into one folder for both towers of the model."""
        assert isinstance(network, _Hear | _Read)
        place = out / f"clap-{tower.contract.weights[:8]}"
        there = (place / WEIGHTS).is_file()
        state = read_weights(place / WEIGHTS) if there else dict(load().state_dict())
        write_model({**state, **network.whole.state_dict()}, WEIGHTS, tower.folder, place)
        hop = {} if tower.hop_seconds is None else {"hop_seconds": tower.hop_seconds}
        return "clap", {"model": f"./{place.name}", **hop}

    model = load()
    if tower.modality is Modality.AUDIO:
        model.text_model = model.text_projection = nn.Identity()  # what reads takes no room here
        return Tunable(_Hear(model, tower.fused), lambda pieces: _stack(pieces), write)
    model.audio_model = model.audio_projection = nn.Identity()
    return Tunable(_Read(model), _tokens(load_tokenizer(tower.folder), CONTEXT), write)


def vision(tower: VisionTower) -> Tunable:
    network = _Backbone(tower.backbone)
    scaled, rule = Scaled(*tower.scaling), tower.backbone.pool
    return Tunable(
        _Pictures(network, scaled, rule), pictures, lambda net, out: _write(tower.backbone, "image", net, out)
    )


def text(tower: TextTower) -> Tunable:
    network = _Words(_Backbone(tower.backbone), tower.backbone.pool)
    return Tunable(
        network, _tokens(tower.tokenizer, tower.context), lambda net, out: _write(tower.backbone, "text", net, out)
    )


def audio(tower: AudioTower) -> Tunable:
    backbone = _Backbone(tower.backbone)
    for name in ("mask_time_prob", "mask_feature_prob"):  # parts of a sound are not blotted out
        if hasattr(backbone.whole.config, name):
            setattr(backbone.whole.config, name, 0.0)
    name = str(backbone.whole.main_input_name)

    def inputs(pieces: Sequence[Piece]) -> Tensor:
        found = tower.extractor([piece.data for piece in pieces], sampling_rate=tower.rate, return_tensors="pt")
        features: Tensor = found[name if name in found else next(iter(found))]
        return features

    more = {"window_seconds": tower.window, "hop_seconds": tower.hop}
    return Tunable(
        _Sounds(backbone, tower.backbone.pool), inputs, lambda net, out: _write(tower.backbone, "audio", net, out, more)
    )


class _Backbone(nn.Module):
    """A model of its own copy of the weights."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        config = read_config(backbone.folder)
        if getattr(config, "is_encoder_decoder", False):
            raise BadInput(f"{backbone.folder} holds an encoder and a decoder: such a tower cannot learn here")
        self.whole: Any = build(backbone)


class _Pictures(nn.Module):
    def __init__(self, backbone: _Backbone, scaled: Scaled, rule: Any) -> None:
        super().__init__()
        self.backbone, self.scaled, self.rule = backbone, scaled, rule

    def forward(self, seen: Tensor) -> Tensor:
        return pool_places(self.backbone.whole(pixel_values=self.scaled(seen)), self.rule)


class _Words(nn.Module):
    def __init__(self, backbone: _Backbone, rule: Any) -> None:
        super().__init__()
        self.backbone, self.rule = backbone, rule

    def forward(self, tokens: Tensor) -> Tensor:
        ids, mask = tokens.unbind(dim=2)
        return pool_words(self.backbone.whole(input_ids=ids, attention_mask=mask), mask, self.rule)


class _Sounds(nn.Module):
    def __init__(self, backbone: _Backbone, rule: Any) -> None:
        super().__init__()
        self.backbone, self.rule = backbone, rule

    def forward(self, features: Tensor) -> Tensor:
        heard = self.backbone.whole(features)
        if self.rule == "pooler":
            own: Tensor = heard.pooler_output
            return own
        hidden: Tensor = heard.last_hidden_state
        return hidden[:, 0] if self.rule == "cls" else hidden.mean(dim=1)


class _Hear(nn.Module):
    def __init__(self, whole: Any, fused: bool) -> None:
        super().__init__()
        self.whole, self.fused = whole, fused

    def forward(self, mels: Tensor) -> Tensor:
        together = mels[:, None].float()
        longer = torch.zeros(len(mels), 1, dtype=torch.bool, device=mels.device)  # as the tower itself says
        rows: Tensor = self.whole.get_audio_features(
            input_features=together.expand(-1, 4, -1, -1) if self.fused else together, is_longer=longer
        ).pooler_output
        return rows


class _Read(nn.Module):
    def __init__(self, whole: Any) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, tokens: Tensor) -> Tensor:
        ids, mask = tokens.unbind(dim=2)
        rows: Tensor = self.whole.get_text_features(input_ids=ids, attention_mask=mask).pooler_output
        return rows


def _tokens(tokenizer: Any, context: int) -> Any:
    """Texts to numbers of tokens and which of them are text, (texts, tokens, 2)."""

    def numbered(pieces: Sequence[Piece]) -> Tensor:
        texts = [prepare_text.words_of(piece) for piece in pieces]
        found = tokenizer(texts, truncation=True, max_length=context, padding=True, return_tensors="pt")
        return torch.stack([found["input_ids"], found["attention_mask"]], dim=2)

    return numbered


def _stack(pieces: Sequence[Piece]) -> Tensor:
    return torch.from_numpy(np.stack([piece.data for piece in pieces]))


def _write(backbone: Backbone, name: str, network: nn.Module, out: Path, more: Any = None) -> Named:
    mine = network.backbone
    assert isinstance(mine, _Backbone)
    write_model(mine.whole.state_dict(), WEIGHTS, backbone.folder, out / name)
    return "transformers", {"model": f"./{name}", "pool": backbone.pool, **(more or {})}
