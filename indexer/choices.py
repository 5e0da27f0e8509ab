"""Which way to fuse won on a library's own validation, mix by mix; kept beside the catalog, written under its lock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from hearsee.core.errors import Damaged, HearseeError
from hearsee.core.modality import Modality
from hearsee.indexer.files import publish
from hearsee.indexer.lock import WriterLock

FILE = "fusion.json"
FORMAT = 1


@dataclass(frozen=True)
class Guard:
    """When attention is heard in a mix, and what counts while it is not."""

    calm: Mapping[Modality, float]  # fixed weights
    usual: Mapping[Modality, float]  # the logarithm of a part's attention, on average, where nothing was made worse
    fall: float  # below that: further than in nearly all questions where nothing was made worse

    def as_dict(self) -> dict[str, Any]:
        calm, usual = ({modality.value: value for modality, value in one.items()} for one in (self.calm, self.usual))
        return {"calm": calm, "usual": usual, "fall": self.fall}


@dataclass(frozen=True)
class Choice:
    """What won for one mix of parts and one wanted modality."""

    mix: tuple[Modality, ...]
    wanted: Modality
    method: str
    fixed: Mapping[Modality, float]  # the best fixed weights, also where another method won
    figures: Mapping[str, float]  # R@1 on validation, by method
    guard: Guard | None = None  # of what won, where that is attention under guard

    def as_dict(self) -> dict[str, Any]:
        told = {
            "mix": mix_name(self.mix),
            "wanted": self.wanted.value,
            "method": self.method,
            "fixed": {modality.value: weight for modality, weight in self.fixed.items()},
            "r@1": dict(self.figures),
        }
        return told if self.guard is None else told | {"guard": self.guard.as_dict()}


@dataclass(frozen=True)
class Choices:
    space: str  # fingerprint
    generation: int  # of the library that was measured; 0: measured elsewhere
    rows: tuple[Choice, ...]


def mix_name(mix: Sequence[Modality]) -> str:
    return "+".join(modality.value for modality in mix)


def packed_choices(choices: Choices) -> bytes:
    document = {
        "format": FORMAT,
        "space": choices.space,
        "generation": choices.generation,
        "choices": [choice.as_dict() for choice in choices.rows],
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def keep(folder: Path, name: str, content: bytes) -> None:
    """Publish a file about fusion in a library's folder, as its one writer."""
    lock = WriterLock.take(folder)
    try:
        publish(folder, name, lambda sink: sink.write(content))
    finally:
        lock.release()


def drop(folder: Path, name: str) -> bool:
    """Take such a file away, as the library's one writer; False where there was none."""
    lock = WriterLock.take(folder)
    try:
        there = (folder / name).is_file()
        (folder / name).unlink(missing_ok=True)
    finally:
        lock.release()
    return there


def read_choices(folder: Path, space: str) -> Choices | None:
    """What won in this space; None where nothing was measured, or in another space."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT or document["space"] != space:
            return None
        rows = tuple(_choice(row) for row in document["choices"])
        return Choices(space, int(document["generation"]), rows)
    except (KeyError, TypeError, ValueError, AttributeError, HearseeError) as error:
        raise Damaged(f"{path} is not understood ({error!r}): measure again with `hearsee eval --fusion`") from None


def _choice(row: Mapping[str, Any]) -> Choice:
    return Choice(
        tuple(Modality.named(name) for name in row["mix"].split("+")),
        Modality.named(row["wanted"]),
        str(row["method"]),
        _numbers(row["fixed"]),
        {str(name): float(value) for name, value in row["r@1"].items()},
        _guard(row["guard"], row["mix"].split("+")) if "guard" in row else None,
    )


def _guard(row: Mapping[str, Any], mix: Sequence[str]) -> Guard:
    calm, usual = _numbers(row["calm"]), _numbers(row["usual"])
    if not calm.keys() == usual.keys() == set(mix):
        raise ValueError("a guard is of other parts than its mix")
    return Guard(calm, usual, _number(row["fall"]))


def _numbers(row: Mapping[str, Any]) -> dict[Modality, float]:
    return {Modality.named(name): _number(value) for name, value in row.items()}


def _number(value: Any) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(f"{value!r} is no number to weigh by")
    return number
