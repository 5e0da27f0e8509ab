"""Backbones of transformers by modality: frozen, unaligned until heads are trained over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from hearsee.core.encoders import Encoder
from hearsee.core.encoders.device import LOADING, Run
from hearsee.core.encoders.transformers_files import load_model, read_config, read_json
from hearsee.core.encoders.weights import State, fingerprint, weights_file, weights_state
from hearsee.core.errors import BadInput, Refused
from hearsee.core.modality import Modality
from hearsee.core.models import find_model

Pool: TypeAlias = Literal["cls", "mean", "pooler"]  # first token; mean over places that hold something; the model's own
POOLS = ("cls", "mean", "pooler")


@dataclass(frozen=True)
class Backbone:
    """A folder in transformers' layout, and how its last hidden states become one vector."""

    folder: Path
    pool: Pool
    run: Run

    @property
    def dim(self) -> int:
        """Numbers of a hidden state: the last of `hidden_sizes` where a configuration has several."""
        held = read_json(self.folder, "config.json")
        given = held.get("hidden_sizes") or [held.get("hidden_size", held.get("d_model", held.get("dim")))]
        if not isinstance(given[-1], int):
            given = [getattr(read_config(self.folder), "hidden_size", None)]
        if not isinstance(given[-1], int):
            raise Refused(
                f"{self.folder / 'config.json'} does not say how long a hidden state is: not a plain backbone"
            )
        return int(given[-1])

    @property
    def kind(self) -> str:
        return str(read_json(self.folder, "config.json").get("model_type"))

    def weights(self) -> str:
        return fingerprint(self.folder, weights_file(self.folder))

    def load(self) -> Any:
        with LOADING:
            return _loaded(self, weights_state(weights_file(self.folder)))


@lru_cache(maxsize=4)
def _loaded(backbone: Backbone, state: tuple[State, ...]) -> Any:  # noqa: ARG001 - part of the cache's key
    return backbone.run.faster(backbone.run.ready(build(backbone)))


def build(backbone: Backbone) -> Any:
    """The model, or its encoder where it has a decoder too; weights that are not used may be missing."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    config = read_config(backbone.folder)
    kind = MODEL_MAPPING.get(type(config), None)
    if kind is None:
        raise Refused(f"transformers has no plain model of type {backbone.kind!r} ({backbone.folder})")
    spare = ("masked_spec_embed", "position_ids") if backbone.pool == "pooler" else ("masked_spec_embed", "pooler")
    model = load_model(kind[0] if isinstance(kind, tuple) else kind, backbone.folder, config, spare=spare)
    return model.get_encoder() if getattr(config, "is_encoder_decoder", False) else model


def backbone_tower(modality: Modality, *, model: str, pool: str | None = None, **options: Any) -> Encoder:
    if pool is not None and pool not in POOLS:
        raise BadInput(f"pool {pool!r}: use one of {', '.join(POOLS)}")
    folder = find_model(model)
    if modality is Modality.IMAGE:
        from hearsee.core.encoders.transformers_vision import vision_tower

        return vision_tower(folder, pool, **options)
    if modality is Modality.TEXT:
        from hearsee.core.encoders.transformers_text import text_tower

        return text_tower(folder, pool, **options)
    from hearsee.core.encoders.transformers_audio import audio_tower

    return audio_tower(folder, pool, **options)
