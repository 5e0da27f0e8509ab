"""Golden vectors: what a tower makes of a few canonical inputs, so that drift nobody declared is an error."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from hearsee.core.canonical import canonical_inputs
from hearsee.core.contract import SHOWN, Contract
from hearsee.core.encoders import Encoder
from hearsee.core.errors import Damaged, HearseeError, Refused
from hearsee.core.media.kinds import Piece
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
from hearsee.core.vectors import Vectors, unit

FORMAT = 3  # also when canonical inputs change: golden vectors of another format are made anew
# What bfloat16 rounds stays above 0.999; another filter, another crop or other weights do not.
LEAST_COSINE = 0.998
PIECES = 2  # of each input, the first ones: the window rule itself is in the contract
# Modules whose releases may change a vector, and the packages that they come from.
LIBRARIES: Mapping[str, str] = {
    "PIL": "Pillow", "numpy": "numpy", "onnxruntime": "onnxruntime", "open_clip": "open_clip_torch",
    "simplejpeg": "simplejpeg", "soundfile": "soundfile", "tokenizers": "tokenizers", "torch": "torch",
    "torchaudio": "torchaudio", "torchvision": "torchvision", "transformers": "transformers",
}  # fmt: skip


@dataclass(frozen=True)
class Golden:
    """Vectors of the canonical inputs, as they are stored, and which libraries made them."""

    rows: NDArray[np.float16]  # (points, backbone dim)
    libraries: Mapping[str, str] = field(default_factory=dict)  # package -> version

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.rows.shape}".encode() + self.rows.tobytes()).hexdigest()

    @property
    def text(self) -> str:
        """What a catalog keeps."""
        rows = base64.b64encode(self.rows.astype("<f2").tobytes()).decode()
        held = {"format": FORMAT, "shape": list(self.rows.shape), "rows": rows, "libraries": dict(self.libraries)}
        return json.dumps(held, sort_keys=True)

    @classmethod
    def parse(cls, text: str | None) -> Golden | None:
        """What is kept; none where nothing is, or what another version made of other inputs."""
        if text is None:
            return None
        try:
            held = json.loads(text)
            if held["format"] != FORMAT:
                return None
            rows = np.frombuffer(base64.b64decode(held["rows"]), "<f2").reshape(held["shape"])
            return cls(rows, {str(name): str(number) for name, number in held["libraries"].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Damaged(f"golden vectors that the catalog keeps cannot be read: {error!r}") from None

    def drift(self, now: Golden) -> str | None:
        """How what a tower makes by now differs from these; none where it is the same."""
        if self.rows.shape != now.rows.shape:
            return f"{now.rows.shape[0]} vectors of {now.rows.shape[1]} numbers instead of {self.rows.shape}"
        least = float((unit(self.rows) * unit(now.rows)).sum(axis=1).min())
        if least >= LEAST_COSINE:
            return None
        return f"cosine {least:.4f} on the canonical inputs, where {LEAST_COSINE} is the least"

    def turns(self, now: Golden) -> str:
        """Which libraries are others by now."""
        names = sorted(self.libraries.keys() | now.libraries.keys())
        old, new = ([held.libraries.get(name, "none") for name in names] for held in (self, now))
        found = [f"{name} {a} -> {b}" for name, a, b in zip(names, old, new, strict=True) if a != b]
        return ", ".join(found) or "the libraries are the same releases"


class GoldenTower:
    """A tower that is held against the golden vectors of a library before its first vector is believed."""

    def __init__(
        self,
        inner: Encoder,
        modality: Modality,
        kept: Callable[[], str | None],
        keep: Callable[[Golden], None] | None = None,
        where: str = "this library",
    ) -> None:
        self.inner = inner
        self._modality, self._kept, self._keep, self._where = modality, kept, keep, where
        self._checked = False
        self._lock = threading.Lock()

    @property
    def contract(self) -> Contract:
        return self.inner.contract

    @property
    def dim(self) -> int:
        return self.inner.dim

    @property
    def preparation(self) -> str:
        return self.inner.preparation

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        if not self._checked:
            with self._lock:
                if not self._checked:
                    self._check()
                    self._checked = True
        return self.inner.encode(pieces)

    def _check(self) -> None:
        before = Golden.parse(self._kept())
        try:
            now = golden_of(self.inner, self._modality)
        except (HearseeError, ValueError, ArithmeticError) as error:  # a plug-in that takes no such media, perhaps
            if before is not None:
                raise self._drifted(before, None, str(error)) from error
            return
        if before is None:
            if self._keep is not None:
                self._keep(now)
            return
        if (said := before.drift(now)) is not None:
            raise self._drifted(before, now, said)

    def _drifted(self, before: Golden, now: Golden | None, said: str) -> Refused:
        mine = now.fingerprint[:SHOWN] if now is not None else "none"
        details = [f"golden vectors: {before.fingerprint[:SHOWN]} -> {mine}"]
        details += [] if now is None else [f"libraries: {before.turns(now)}"]
        return Refused(
            f"the {self._modality} tower {self.contract.tower} gives other vectors than when {self._where} was filled: "
            f"{said}, under one contract ({self.contract.fingerprint[:SHOWN]}): go back to the releases of then, or "
            "encode everything anew beside it: `hearsee space add NAME --anew`, then `hearsee space switch NAME`",
            details=details,
        )


def golden_of(tower: Encoder, modality: Modality) -> Golden:
    """What the tower makes of the canonical inputs, by the way that media take: bytes, decoder, preparation."""
    pieces = [
        piece
        for raw in canonical_inputs(modality)
        for piece in prepare(tower.preparation, modality, raw, Limits())[:PIECES]
    ]
    rows = unit(tower.encode(pieces), f"golden {modality} vectors").astype(np.float16)
    return Golden(rows, _libraries())


def _libraries() -> dict[str, str]:
    found = {}
    for module, package in LIBRARIES.items():
        if module in sys.modules:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
    # What decodes inside them, which a system may exchange by itself.
    if (sounds := sys.modules.get("soundfile")) is not None:
        found["libsndfile"] = str(sounds.__libsndfile_version__)
    if (pictures := sys.modules.get("PIL.features")) is not None:
        found["libjpeg-turbo"] = str(pictures.version("libjpeg_turbo"))
    return found
