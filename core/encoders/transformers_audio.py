"""Sounds through any audio model of transformers: wav2vec 2.0, HuBERT, AST and the like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearsee.core.contract import Contract
from hearsee.core.encoders import prepare_sound
from hearsee.core.encoders.device import LOADING, Run, in_batches
from hearsee.core.encoders.transformers_files import read_json
from hearsee.core.encoders.transformers_tower import Backbone
from hearsee.core.errors import BadInput, Damaged
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors

if TYPE_CHECKING:
    import torch

WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class AudioTower:
    backbone: Backbone
    window: float = WINDOW_SECONDS
    hop: float = WINDOW_SECONDS
    modality: Modality = Modality.AUDIO

    @property
    def dim(self) -> int:
        return self.backbone.dim

    @cached_property
    def rate(self) -> int:
        rate = read_json(self.backbone.folder, "preprocessor_config.json").get("sampling_rate")
        if not isinstance(rate, int) or not 1_000 <= rate <= 384_000:
            raise Damaged(f"{self.backbone.folder}/preprocessor_config.json gives a sampling_rate of {rate!r}")
        return rate

    @property
    def preparation(self) -> str:
        return f"{prepare_sound.NAME}?{json.dumps({'rate': self.rate, 'window': self.window, 'hop': self.hop})}"

    @cached_property
    def contract(self) -> Contract:
        rule = {"rule": prepare_sound.RULE, "rate": self.rate, "extractor": "the model's own"}
        preprocessing = json.dumps({**rule, "pool": self.backbone.pool, "by": "transformers 5"}, sort_keys=True)
        name, windows = (
            f"transformers-audio {self.backbone.folder.name}",
            prepare_sound.windows_rule(self.window, self.hop),
        )
        return Contract(name, self.backbone.weights(), preprocessing, windows, DECODER, "float16")

    @cached_property
    def extractor(self) -> Any:
        from transformers import AutoFeatureExtractor

        with LOADING:
            return AutoFeatureExtractor.from_pretrained(
                self.backbone.folder, local_files_only=True, trust_remote_code=False
            )

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        hear, run = self.backbone.load(), self.backbone.run

        def pooled(places: Sequence[int]) -> torch.Tensor:
            windows = [pieces[place].data for place in places]  # all of one length, so that none needs a mask
            features = self.extractor(windows, sampling_rate=self.rate, return_tensors="pt")
            name = next(key for key in ("input_values", "input_features") if key in features)
            heard = hear(**{name: features[name].to(run.torch_device(), run.torch_dtype())})
            if self.backbone.pool == "pooler":
                own: torch.Tensor = heard.pooler_output
                return own
            hidden: torch.Tensor = heard.last_hidden_state
            return hidden[:, 0] if self.backbone.pool == "cls" else hidden.mean(dim=1)

        return in_batches(pieces, pooled, run.size)


def audio_tower(
    folder: Path,
    pool_rule: Any,
    *,
    window_seconds: float = WINDOW_SECONDS,
    hop_seconds: float | None = None,
    **run: Any,
) -> AudioTower:
    hop = window_seconds if hop_seconds is None else hop_seconds
    if not 0.1 <= hop <= window_seconds <= 60:
        raise BadInput(f"windows of {window_seconds:g} s every {hop:g} s: 0.1 <= hop <= window <= 60")
    return AudioTower(Backbone(folder, pool_rule or "mean", Run(**run)), float(window_seconds), float(hop))
