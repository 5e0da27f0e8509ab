"""The toybox's second look as a search asks for it, and its file of weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from hearsee.core.errors import Damaged, NotFound, Refused
from hearsee.core.media.kinds import Media, Words
from hearsee.core.modality import Modality
from hearsee.toybox.towers import prepare
from hearsee.toybox.towers.encoders import WEIGHTS as TOWERS

if TYPE_CHECKING:
    from hearsee.toybox.rerank.features import Senses
    from hearsee.toybox.rerank.reader import Reader

WEIGHTS = Path(__file__).parent / "weights"
FILE = "rerank.safetensors"
FORMAT = "1"
_LOADING = Lock()


@dataclass(frozen=True)
class ToyboxReranker:
    """Reads words and pictures together; torch and weights are loaded with the first picture."""

    folder: Path = WEIGHTS
    towers: Path = TOWERS
    modality: Modality = Modality.IMAGE

    def matches(self, words: str, things: Sequence[Media]) -> list[float]:
        """For each picture 0 to 18; see `reader.fit`."""
        if not things:
            return []
        import torch

        from hearsee.toybox.rerank.reader import fit

        with _LOADING:
            senses, reader = self._loaded
        pictures = np.stack([prepare.picture(thing)[0].data for thing in things])
        passage = prepare.words(Words(words))[0].data  # of a long text its first words
        with torch.inference_mode():
            tokens, nothing, asked = senses.hear(passage[None] if len(passage) else _silence())
            views = senses.see(pictures)
            said, seen = reader.hear(tokens, nothing), reader.see(*views)
            found: list[float] = fit(reader(said.expand_as(seen), seen, views[2] @ asked[0])).tolist()
        return found

    @cached_property
    def _loaded(self) -> tuple[Senses, Reader]:
        from hearsee.toybox.rerank.features import Senses

        senses = Senses.load(self.towers)
        return senses, load_reader(self.folder / FILE, senses.fingerprint)


def toybox_reranker() -> ToyboxReranker:
    """The one that ships with the package."""
    return ToyboxReranker()


def save_reader(reader: Reader, path: Path, towers: str, about: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    weights = {name: value.half().contiguous() for name, value in reader.state_dict().items()}
    save_file(weights, path, metadata={"format": FORMAT, "towers": towers, "about": json.dumps(about)})


def load_reader(path: Path, towers: str) -> Reader:
    """Refused where it learned to read what other towers know."""
    from safetensors import safe_open

    from hearsee.toybox.rerank.reader import Reader

    if not path.is_file():
        raise NotFound(f"no reranker's weights at {path}: train them with `hearsee align rerank`")
    reader = Reader()
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        reader.load_state_dict(weights)
    except Exception as error:  # neither safetensors nor torch has an error of its own
        raise Damaged(f"{path} holds no reranker ({error}): train it with `hearsee align rerank`") from None
    if told.get("format") != FORMAT or told.get("towers") != towers:
        raise Refused(
            f"{path} was trained on towers {str(told.get('towers'))[:12]}, these are {towers[:12]}: it would misread "
            "them; train it again with `hearsee align rerank`"
        )
    return reader.eval()


def _silence() -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.zeros((1, 1, prepare.FEATURES), np.int16)
