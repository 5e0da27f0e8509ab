"""Texts through any text model of transformers: BERT, sentence models and the like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearsee.core.contract import Contract
from hearsee.core.encoders import prepare_text
from hearsee.core.encoders.device import Run, in_batches
from hearsee.core.encoders.transformers_files import load_tokenizer, read_json
from hearsee.core.encoders.transformers_tower import Backbone, Pool
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors

if TYPE_CHECKING:
    import torch

CONTEXT = 256  # tokens of a passage: longer ones mean less, and cost their square
POOLING = "1_Pooling/config.json"  # where a sentence model says how it pools


@dataclass(frozen=True)
class TextTower:
    backbone: Backbone
    modality: Modality = Modality.TEXT

    @property
    def dim(self) -> int:
        return self.backbone.dim

    @cached_property
    def context(self) -> int:
        """Tokens of a passage: what the model can place (BERT's kind keeps two of them), at most CONTEXT."""
        places = read_json(self.backbone.folder, "config.json").get("max_position_embeddings", CONTEXT)
        return min(CONTEXT, int(places) - 2)

    @property
    def preparation(self) -> str:
        return f'{prepare_text.NAME}?{{"tokens": {self.context - 2}}}'

    @cached_property
    def contract(self) -> Contract:
        rule = {"rule": prepare_text.RULE, "tokenizer": "the model's own", "context": self.context}
        preprocessing = json.dumps({**rule, "pool": self.backbone.pool, "by": "transformers 5"}, sort_keys=True)
        name, windows = f"transformers-text {self.backbone.folder.name}", prepare_text.windows_rule(self.context - 2)
        return Contract(name, self.backbone.weights(), preprocessing, windows, DECODER, "float16")

    @cached_property
    def tokenizer(self) -> Any:
        return load_tokenizer(self.backbone.folder)

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        read, run, device = self.backbone.load(), self.backbone.run, self.backbone.run.torch_device()
        texts = [prepare_text.words_of(piece) for piece in pieces]
        tokens = self.tokenizer(texts, truncation=True, max_length=self.context)["input_ids"]

        def pooled(places: Sequence[int]) -> torch.Tensor:
            padded = self.tokenizer.pad({"input_ids": [tokens[p] for p in places]}, return_tensors="pt").to(device)
            mask = padded["attention_mask"]
            return pool(read(input_ids=padded["input_ids"], attention_mask=mask), mask, self.backbone.pool)

        return in_batches(pieces, pooled, run.size, [len(one) for one in tokens], run.fewest)


def pool(read: Any, mask: torch.Tensor, rule: Pool) -> torch.Tensor:
    """Hidden states (texts, tokens, dim) and which tokens are text (texts, tokens) -> (texts, dim)."""
    if rule == "pooler":
        own: torch.Tensor = read.pooler_output
        return own
    hidden: torch.Tensor = read.last_hidden_state
    if rule == "cls":
        return hidden[:, 0]
    there = mask[:, :, None].to(hidden.dtype)
    return (hidden * there).sum(dim=1) / there.sum(dim=1)


def text_tower(folder: Path, pool_rule: Any, **run: Any) -> TextTower:
    return TextTower(Backbone(folder, pool_rule or _own_pool(folder), Run(**run)))


def _own_pool(folder: Path) -> Pool:
    """As the sentence model says; else the mean over its tokens."""
    if (folder / POOLING).is_file() and read_json(folder, POOLING).get("pooling_mode_cls_token"):
        return "cls"
    return "mean"
