"""A TFLite file as a tower: the network reads a picture or a window of sound, one of its tensors is the vector."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.contract import Contract
from hearsee.core.encoders import prepare_picture, prepare_sound
from hearsee.core.encoders.weights import file_hash
from hearsee.core.errors import BadInput, Damaged, NotFound
from hearsee.core.media import DECODER, Piece
from hearsee.core.modality import Modality
from hearsee.core.models import find_model
from hearsee.core.vectors import Vectors, unit

LARGER = 256 / 224  # pictures are scaled to so much more than the network reads, then their middle is cut out


@dataclass(frozen=True)
class TFLiteTower:
    """One network; it is loaded with the first piece, and its shapes are read when they are asked for."""

    modality: Modality
    file: Path
    output: str | None = None  # the name of a tensor, or how it ends; none: what the network gives
    rate: int = 16_000  # of sounds, in frames a second
    hop_seconds: float | None = None  # none: windows do not overlap
    threads: int = 1

    @cached_property
    def network(self) -> Network:
        return _network(self.file, self.output, self.threads)

    @property
    def dim(self) -> int:
        return self.network.dim

    @cached_property
    def options(self) -> dict[str, Any]:
        """What the network's input says about the preparation of its pieces."""
        if self.modality is Modality.IMAGE:
            tall, wide = (int(size) for size in self.network.shape[1:3])
            resize = [round(tall * LARGER), round(wide * LARGER)]
            return {"mode": "shortest", "resize": resize, "crop": [tall, wide], "filter": "bilinear"}
        window = int(self.network.shape[-1]) / self.rate
        return {"rate": self.rate, "window": window, "hop": self.hop_seconds or window}

    @property
    def preparation(self) -> str:
        name = prepare_picture.NAME if self.modality is Modality.IMAGE else prepare_sound.NAME
        return f"{name}?{json.dumps(self.options, sort_keys=True)}"

    @cached_property
    def contract(self) -> Contract:
        seen = self.modality is Modality.IMAGE
        rule = prepare_picture.RULE if seen else prepare_sound.RULE
        preprocessing = {**self.options, "rule": rule, "output": self.output, "by": "LiteRT"}
        windows = "the whole picture"
        if not seen:
            windows = prepare_sound.windows_rule(self.options["window"], self.options["hop"])
        name = f"tflite-{self.modality} {self.file.stem}"
        return Contract(
            name, file_hash(self.file), json.dumps(preprocessing, sort_keys=True), windows, DECODER, "float16"
        )

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        rows = [self.network(piece.data) for piece in pieces]
        return unit(np.asarray(rows, np.float32).reshape(-1, self.dim))


def tflite_tower(
    modality: Modality, *, model: str, file: str | None = None, output: str | None = None, **options: Any
) -> TFLiteTower:
    """`model` is a folder, or its name under HEARSEE_MODELS; `file` says which, where there are several in it."""
    if modality is Modality.TEXT:
        raise BadInput("a TFLite tower reads pictures or sounds: for texts name another tower")
    try:
        folder = find_model(model, ("*.tflite",), fetch=False)
    except NotFound as error:
        raise NotFound(f"no {model}/*.tflite: set HEARSEE_MODELS to the folder that holds {model!r}") from error
    found = sorted(folder.glob(file or "*.tflite"))
    if len(found) != 1:
        names = ", ".join(path.name for path in sorted(folder.glob("*.tflite")))
        raise BadInput(f"{folder} holds {names}: name one of them as `file`, not {file!r}")
    return TFLiteTower(modality, found[0], output, **options)


class Network:
    """An open file with one input; one piece at a time goes through it, whoever asks."""

    def __init__(self, path: Path, output: str | None, threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise NotFound("LiteRT is not installed: pip install ai-edge-litert") from None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of the memory that kept tensors take; these networks are small
            try:
                self._run = Interpreter(
                    model_path=str(path), num_threads=threads, experimental_preserve_all_tensors=output is not None
                )
                self._run.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise Damaged(f"{path} is not a network that LiteRT can run: {error}") from None
        self._given = self._run.get_input_details()[0]
        self._wanted = self._run.get_output_details()[0] if output is None else self._named(output, path)
        self._lock = threading.Lock()
        self.shape = tuple(self._given["shape"])
        self.dim = int(np.prod(self._wanted["shape"]))

    def __call__(self, data: NDArray[Any]) -> Vectors:
        with self._lock:
            self._run.set_tensor(self._given["index"], self._as_input(data).reshape(self.shape))
            self._run.invoke()
            found: Vectors = self._run.get_tensor(self._wanted["index"]).astype(np.float32).reshape(-1)
        scale, zero = self._wanted["quantization"]
        return (found - zero) * scale if scale else found

    def _as_input(self, data: NDArray[Any]) -> NDArray[Any]:
        """Whole numbers as the network's own; a network of pictures in floating point reads them from -1 to 1."""
        wanted = self._given["dtype"]
        if data.dtype == np.uint8 and wanted == np.int8:
            return (data.astype(np.int16) - 128).astype(np.int8)
        if data.dtype == np.uint8 and wanted == np.float32:
            return data.astype(np.float32) / 127.5 - 1
        return np.ascontiguousarray(data, wanted)

    def _named(self, output: str, path: Path) -> dict[str, Any]:
        """The last tensor one of whose names ends so: constants of the same name come before what is computed."""
        tensors: list[dict[str, Any]] = self._run.get_tensor_details()
        found = [one for one in tensors if any(name.endswith(output) for name in one["name"].split(";"))]
        if not found:
            raise BadInput(f"{path} has no tensor whose name ends with {output!r}")
        return max(found, key=lambda one: int(one["index"]))


@lru_cache(maxsize=8)
def _network(path: Path, output: str | None, threads: int) -> Network:
    return Network(path, output, threads)
