"""ONNX files as towers, run by ONNX Runtime on the CPU: the fast path of a small machine.

A folder holds `tower.json` and one file for each modality. It says of each what its input wants:

    {"format": 1, "name": "ViT-B-32", "dim": 512, "towers": {
      "image": {"file": "image.onnx", "prepare": "picture", "options": {"mode": "shortest", "resize": [224, 224], …},
                "mean": […], "std": […], "layout": "NCHW"},
      "text":  {"file": "text.onnx", "prepare": "text", "options": {"tokens": 75},
                "tokenizer": {"kind": "clip", "context": 77}, "end": "argmax"},
      "audio": {"file": "audio.onnx", "prepare": "sound", "options": {"rate": 16000, "window": 1, "hop": 1}}}}
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.contract import Contract
from hearsee.core.encoders import prepare_picture, prepare_sound, prepare_text
from hearsee.core.encoders.device import LOADING, in_order
from hearsee.core.encoders.weights import State, combined, file_hash, read_object, state_of
from hearsee.core.errors import BadInput, Damaged, NotFound
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.models import find_model
from hearsee.core.vectors import Vectors

DESCRIPTION = "tower.json"
# By name only: a description that comes from elsewhere must not choose which code is imported.
PREPARATIONS = {
    "picture": prepare_picture.NAME,
    "sound": prepare_sound.NAME,
    "log_mel": prepare_sound.LOG_MEL,
    "text": prepare_text.NAME,
}
RULES = {
    "picture": prepare_picture.RULE,
    "sound": prepare_sound.RULE,
    "log_mel": prepare_sound.RULE,
    "text": prepare_text.RULE,
}
FITTING = {Modality.IMAGE: ("picture",), Modality.AUDIO: ("sound", "log_mel"), Modality.TEXT: ("text",)}
FEWEST = 8  # texts of a batch that ends because longer ones follow
TOKENIZERS = ("clip", "tokenizers", "bytes")


@dataclass(frozen=True)
class OnnxTower:
    """One file of a folder; the session is opened with the first piece."""

    modality: Modality
    folder: Path
    batch: int = 16
    threads: int = 0  # of ONNX Runtime; 0: as many as there are cores

    @cached_property
    def description(self) -> dict[str, Any]:
        return read_description(self.folder)

    @cached_property
    def tower(self) -> dict[str, Any]:
        towers = self.description["towers"]
        if self.modality not in towers:
            raise BadInput(f"{self.folder} has no tower for {self.modality}: it encodes {', '.join(sorted(towers))}")
        found: dict[str, Any] = towers[self.modality]
        return found

    @property
    def dim(self) -> int:
        return int(self.description["dim"])

    @property
    def file(self) -> Path:
        return self.folder / str(self.tower["file"])

    @property
    def preparation(self) -> str:
        options = json.dumps(self.tower.get("options", {}), sort_keys=True)
        return f"{PREPARATIONS[self.tower['prepare']]}?{options}"

    @cached_property
    def contract(self) -> Contract:
        parts = [(self.file.name, file_hash(self.file))]
        parts += [(name, file_hash(self.folder / name)) for name in outside(self.file)]
        own = self.tower.get("tokenizer", {}).get("file")
        if own:
            parts.append((own, file_hash(self.folder / own)))
        kept = {key: value for key, value in self.tower.items() if key != "file"}
        preprocessing = {**kept, "rule": RULES[self.tower["prepare"]], "by": "onnxruntime 1"}
        options = self.tower.get("options", {})
        windows = "the whole picture"
        if self.modality is Modality.TEXT:
            windows = prepare_text.windows_rule(options["tokens"])
        elif self.modality is Modality.AUDIO:
            windows = prepare_sound.windows_rule(options["window"], options["hop"])
        name = f"onnx-{self.modality} {self.description['name']}"
        return Contract(name, combined(parts), json.dumps(preprocessing, sort_keys=True), windows, DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        run = session(self.file, self.threads)
        if self.modality is Modality.TEXT:
            tokens = self._tokens([prepare_text.words_of(piece) for piece in pieces])
            lengths = _lengths(tokens, self.tower.get("end"))
            return in_order(
                len(pieces),
                lambda places: run(tokens[list(places), : max(lengths[place] for place in places)]),
                2 * self.batch,
                lengths,
                FEWEST,
            )
        return in_order(
            len(pieces), lambda places: run(self._shaped([pieces[place].data for place in places])), self.batch
        )

    def _shaped(self, data: Sequence[Any]) -> NDArray[Any]:
        together = np.stack(data)
        if self.modality is Modality.AUDIO:
            return together.astype(np.float32)
        if "mean" in self.tower:
            middle, spread = (np.asarray(self.tower[name], np.float32) * 255 for name in ("mean", "std"))
            together = (together.astype(np.float32) - middle) / spread
        return np.ascontiguousarray(together.transpose(0, 3, 1, 2)) if self.tower.get("layout") == "NCHW" else together

    def _tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        given = self.tower["tokenizer"]
        found: NDArray[np.int64] = tokenizer(self.folder, json.dumps(given, sort_keys=True))(
            texts, int(given["context"])
        )
        return found


def onnx_tower(modality: Modality, *, model: str, batch: int = 16, threads: int = 0) -> OnnxTower:
    if batch < 1 or threads < 0:
        raise BadInput(f"batch={batch} threads={threads}: a batch has one piece or more, threads are not negative")
    return OnnxTower(modality, find_model(model, (DESCRIPTION,)), batch, threads)


def read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    try:
        held = read_object(path)
        if held["format"] != 1 or not (isinstance(held["dim"], int) and isinstance(held["name"], str)):
            raise ValueError("format must be 1, dim a whole number, name a string")
        for modality, tower in held["towers"].items():
            _check_tower(Modality.named(modality), tower)
    except (ValueError, KeyError, TypeError, AttributeError, BadInput) as error:
        raise Damaged(f"{path} does not describe towers: {error}") from None
    return held


def _check_tower(modality: Modality, tower: dict[str, Any]) -> None:
    names = [tower["file"], tower.get("tokenizer", {}).get("file", "x")]
    if any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise ValueError(f"files must lie in the folder itself, not at {names}")
    if tower["prepare"] not in FITTING[modality]:
        raise ValueError(f"prepare is {tower['prepare']!r}: for {modality} use one of {', '.join(FITTING[modality])}")
    if modality is Modality.TEXT and tower["tokenizer"]["kind"] not in TOKENIZERS:
        raise ValueError(f"tokenizer is {tower['tokenizer']['kind']!r}: use one of {', '.join(TOKENIZERS)}")


def outside(file: Path) -> list[str]:
    """Files below the same folder that a network keeps weights in; ONNX Runtime reads none from anywhere else."""
    return list(_outside(file, state_of(file)))


@lru_cache(maxsize=6)
def _outside(file: Path, state: State) -> tuple[str, ...]:  # part of the cache's key
    others = [path for path in sorted(file.parent.rglob("*")) if path.is_file() and path != file]
    if not state[0]:
        return ()
    with file.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as held:
        names = [path.relative_to(file.parent).as_posix() for path in others]
        return tuple(name for name in names if held.find(_located(name.encode())) >= 0)


def _located(name: bytes) -> bytes:
    """The entry of a tensor that says where its numbers lie, as protobuf writes it."""
    size = len(name)
    return b"\n\x08location\x12" + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + name


class Session:
    """An open file with one input and one output."""

    def __init__(self, path: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise NotFound('ONNX Runtime is not installed: pip install "hearsee[onnx]"') from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # what is wrong is said by the exception
        if not path.is_file():
            raise NotFound(f"no file {path}: {DESCRIPTION} beside it names it")
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise Damaged(f"{path} is not a network that ONNX Runtime can run: {_short(error)}") from None
        self._input = self._session.get_inputs()[0].name
        self._whole = "int32" if "int32" in self._session.get_inputs()[0].type else "int64"

    def __call__(self, values: NDArray[Any]) -> Vectors:
        given = values.astype(self._whole) if values.dtype.kind == "i" else values
        try:
            found = np.asarray(self._session.run(None, {self._input: given})[0], np.float32)
        except Exception as error:
            raise Damaged(f"the network refuses its input {given.shape} {given.dtype}: {_short(error)}") from None
        return found.reshape(len(values), -1)


def session(path: Path, threads: int) -> Session:
    with LOADING:
        return _session(path, threads, state_of(path) if path.is_file() else (0, 0))


@lru_cache(maxsize=6)
def _session(path: Path, threads: int, state: State) -> Session:  # noqa: ARG001 - part of the cache's key
    return Session(path, threads)


@lru_cache(maxsize=6)
def tokenizer(folder: Path, given: str) -> Any:
    """A function of texts and a context that gives their tokens, (texts, context) int64."""
    held = json.loads(given)
    if held["kind"] == "bytes":  # for networks that read UTF-8 themselves
        return _bytes
    if held["kind"] == "clip":
        simple = _clip_tokenizer()
        return lambda texts, context: simple(list(texts), context).numpy()
    from tokenizers import Tokenizer

    built = Tokenizer.from_file(str(folder / held["file"]))
    return lambda texts, context: _padded(built, texts, context, int(held.get("pad", 0)))


def _clip_tokenizer() -> Any:
    """open_clip's own, without the rest of that package: importing all of it takes longer than the search."""
    found = find_spec("open_clip")
    if found is None or not found.submodule_search_locations:
        raise NotFound('the tokenizer of CLIP is not installed: pip install "hearsee[towers]"')
    path = Path(found.submodule_search_locations[0]) / "tokenizer.py"
    spec = spec_from_file_location("hearsee_clip_tokenizer", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def _padded(built: Any, texts: Sequence[str], context: int, pad: int) -> NDArray[np.int64]:
    built.no_padding()
    built.enable_truncation(context)
    tokens = np.full((len(texts), context), pad, np.int64)
    for row, found in zip(tokens, built.encode_batch(list(texts)), strict=True):
        row[: len(found.ids)] = found.ids
    return tokens


def _bytes(texts: Sequence[str], context: int) -> NDArray[np.int64]:
    tokens = np.zeros((len(texts), context), np.int64)
    for row, text in zip(tokens, texts, strict=True):
        raw = text.encode()[:context]
        row[: len(raw)] = np.frombuffer(raw, np.uint8)
    return tokens


def _lengths(tokens: NDArray[np.int64], end: Any) -> list[int]:
    """Tokens that matter: up to the end token (`argmax`: the highest number) where nothing behind it is seen."""
    if end is None:
        return [tokens.shape[1]] * len(tokens)
    places = tokens.argmax(axis=1) if end == "argmax" else (tokens == end).argmax(axis=1)
    return [max(2, int(place) + 1) for place in places]


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
