"""LAION CLAP through transformers: a sound and a text tower that share one loaded model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hearsee.core.contract import Contract
from hearsee.core.encoders import prepare_sound, prepare_text
from hearsee.core.encoders.device import LOADING, Run, copied, in_batches
from hearsee.core.encoders.transformers_files import load_model, load_tokenizer, read_config, read_json
from hearsee.core.encoders.weights import State, fingerprint, weights_file, weights_state
from hearsee.core.errors import BadInput, Damaged, Refused
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.models import find_model
from hearsee.core.vectors import Vectors

if TYPE_CHECKING:
    import torch

CONTEXT = 77  # tokens of a text, as CLAP was trained


@dataclass(frozen=True)
class ClapTower:
    """One tower of a CLAP model; the model is loaded with the first piece and shared with the other tower.

    Windows are as long as the model's own and never longer, so neither its random crop nor its fusion of random crops
    ever runs; a fused model reads each window four times, as it reads short sounds.
    """

    modality: Modality
    folder: Path
    hop_seconds: float | None = None  # none: windows do not overlap
    run: Run = field(default_factory=Run)

    @cached_property
    def config(self) -> dict[str, Any]:
        held = read_json(self.folder, "config.json")
        if held.get("model_type") != "clap":
            raise Refused(f"{self.folder} holds a model of type {held.get('model_type')!r}, not clap")
        return held

    @property
    def dim(self) -> int:
        return int(self.config.get("projection_dim", 512))

    @cached_property
    def sound_options(self) -> dict[str, Any]:
        """What CLAP's own feature extractor does with one window, as options of the preparation."""
        path = self.folder / "preprocessor_config.json"
        held = read_json(self.folder, path.name) if path.is_file() else _inner(self.folder)
        try:
            window = float(held["max_length_s"])
            options: dict[str, Any] = {
                "rate": int(held["sampling_rate"]),
                "window": window,
                "hop": float(self.hop_seconds or window),
                "mels": int(held["feature_size"]),
                "fft": int(held["fft_window_size"]),
                "stride": int(held["hop_length"]),
                "low": float(held["frequency_min"]),
                "high": float(held["frequency_max"]),
                "scale": "htk" if held["truncation"] == "fusion" else "slaney",
            }
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"{path} does not describe CLAP's feature extractor ({error!r}): fetch it again") from None
        if held.get("top_db") is not None:
            raise Refused(f"{path} sets top_db={held['top_db']!r}: only CLAP without it is known here")
        if not 0 < options["hop"] <= window:
            raise BadInput(f"a hop of {options['hop']:g} s: it must be above zero and at most the window, {window:g} s")
        return options

    @property
    def fused(self) -> bool:
        return bool(self.config.get("audio_config", {}).get("enable_fusion", False))

    @property
    def preparation(self) -> str:
        if self.modality is Modality.AUDIO:
            return f"{prepare_sound.LOG_MEL}?{json.dumps(self.sound_options, sort_keys=True)}"
        return f'{prepare_text.NAME}?{{"tokens": {CONTEXT - 2}}}'

    @cached_property
    def contract(self) -> Contract:
        if self.modality is Modality.AUDIO:
            rule = {"rule": prepare_sound.RULE, **self.sound_options}
            windows = prepare_sound.windows_rule(self.sound_options["window"], self.sound_options["hop"])
        else:
            rule = {"rule": prepare_text.RULE, "tokenizer": "the model's own", "context": CONTEXT}
            windows = prepare_text.windows_rule(CONTEXT - 2)
        preprocessing = json.dumps({**rule, "by": "transformers 5"}, sort_keys=True)
        weights = fingerprint(self.folder, weights_file(self.folder))
        return Contract(f"clap-{self.modality} {self.folder.name}", weights, preprocessing, windows, DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        model = load(self.folder, self.run)
        device, dtype = self.run.torch_device(), self.run.torch_dtype()
        if self.modality is Modality.AUDIO:
            return in_batches(
                pieces,
                lambda places: model.hear([pieces[place].data for place in places], self.fused, device, dtype),
                self.run.size,
            )
        tokens = model.tokenize([prepare_text.words_of(piece) for piece in pieces])
        lengths = [len(one) for one in tokens]
        return in_batches(
            pieces,
            lambda places: model.read([tokens[place] for place in places], device),
            2 * self.run.size,
            lengths,
            self.run.fewest,
        )


def clap_tower(modality: Modality, *, model: str, hop_seconds: float | None = None, **run: Any) -> ClapTower:
    if modality is Modality.IMAGE:
        raise BadInput("clap has no tower for images: it hears sounds and reads texts")
    return ClapTower(modality, find_model(model), hop_seconds, Run(**run))


class Model:
    """A loaded model: what its two towers share."""

    def __init__(self, folder: Path, run: Run) -> None:
        from transformers import ClapModel

        model = run.ready(load_model(ClapModel, folder, read_config(folder), spare=("position_ids",)))
        self.tokenizer = load_tokenizer(folder)
        self._hear, self._read = run.faster(model.get_audio_features), run.faster(model.get_text_features)

    def hear(self, mels: Sequence[Any], fused: bool, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """Mel bands, each (columns, mels) -> (windows, dim)."""
        import torch

        together = copied(torch.from_numpy(np.stack(mels)), device).to(dtype)[:, None]
        # The extractor calls one sound of a batch longer, by chance, where none is; here none ever is.
        longer = torch.zeros(len(mels), 1, dtype=torch.bool, device=device)
        found: torch.Tensor = self._hear(
            input_features=together.expand(-1, 4, -1, -1) if fused else together, is_longer=longer
        ).pooler_output
        return found

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        found: list[list[int]] = self.tokenizer(list(texts), truncation=True, max_length=CONTEXT)["input_ids"]
        return found

    def read(self, tokens: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
        padded = self.tokenizer.pad({"input_ids": [list(one) for one in tokens]}, return_tensors="pt").to(device)
        found: torch.Tensor = self._read(
            input_ids=padded["input_ids"], attention_mask=padded["attention_mask"]
        ).pooler_output
        return found


def load(folder: Path, run: Run) -> Model:
    with LOADING:
        return _loaded(folder, run, weights_state(weights_file(folder)))


@lru_cache(maxsize=2)
def _loaded(folder: Path, run: Run, state: tuple[State, ...]) -> Model:  # noqa: ARG001 - part of the cache's key
    return Model(folder, run)


def _inner(folder: Path) -> dict[str, Any]:
    """Newer folders keep the extractor's settings inside processor_config.json."""
    held: dict[str, Any] = read_json(folder, "processor_config.json").get("feature_extractor", {})
    return held
