"""Image-text matching by BLIP of transformers: one network reads words and picture, and says whether they fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from hearsee.core.encoders import prepare_picture
from hearsee.core.encoders.device import LOADING, Run, pixels
from hearsee.core.encoders.transformers_files import load_model, load_tokenizer, read_config, read_json
from hearsee.core.encoders.transformers_vision import picture_options
from hearsee.core.errors import Refused
from hearsee.core.media.kinds import Media
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.models import find_model

DEFAULT = "Salesforce/blip-itm-base-coco"
BATCH = 8  # pictures at once
MAX_TOKENS = 64


class ImageTextReranker:
    """Reads a folder or a name on a hub, when it is first asked; the match is the log odds that the words fit."""

    modality = Modality.IMAGE

    def __init__(self, model: str = DEFAULT, run: Run | None = None) -> None:
        self._model = model
        self._run = run or Run()

    @cached_property
    def folder(self) -> Path:
        return find_model(self._model)

    def matches(self, words: str, things: Sequence[Media]) -> list[float]:
        import torch

        network, tokenizer, prepare, scaling = self._loaded
        told = tokenizer([words], truncation=True, max_length=MAX_TOKENS, return_tensors="pt").to(
            self._run.torch_device()
        )
        found: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(things), BATCH):
                pieces = [prepare(thing)[0] for thing in things[start : start + BATCH]]
                seen = pixels(pieces, *scaling, self._run)
                ids = told["input_ids"].expand(len(pieces), -1)
                mask = told["attention_mask"].expand(len(pieces), -1)
                logits = network(input_ids=ids, attention_mask=mask, pixel_values=seen, use_itm_head=True).itm_score
                found += (logits[:, 1] - logits[:, 0]).float().tolist()  # (pictures, 2): fits not, fits
        return found

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any, tuple[Sequence[float], Sequence[float]]]:
        with LOADING:
            try:
                from transformers import BlipForImageTextRetrieval
            except ImportError:
                raise Refused("reranking needs transformers: pip install 'hearsee[towers]'") from None
            config = read_config(self.folder)
            if config.model_type != "blip":
                raise Refused(
                    f"{self.folder} holds a {config.model_type!r} model: reranking takes BLIP's image-text one"
                )
            # Positions are counted, not learned; older checkpoints lack the row of numbers.
            network = load_model(BlipForImageTextRetrieval, self.folder, config, spare=("position_ids",))
            network = network.eval().to(self._run.torch_device())
            processor = read_json(self.folder, "preprocessor_config.json")
            options = json.dumps(picture_options(processor), sort_keys=True)
            prepare = find_preparation(f"{prepare_picture.NAME}?{options}")
            scaling = processor.get("image_mean", (0.5,) * 3), processor.get("image_std", (0.5,) * 3)
            return network, load_tokenizer(self.folder), prepare, scaling
