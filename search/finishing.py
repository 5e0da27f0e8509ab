"""How a question wants its hits finished, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hearsee.core.errors import BadInput

LIKENESS = 0.98  # cosine from which two items are called near-duplicates


@dataclass(frozen=True)
class Finishing:
    lexical: bool = False  # look for the words in names, captions and texts too
    folding: float | None = None  # cosine from which a hit stands for another
    diversity: float = 0.0  # 0: as they come; 1: all different


AS_THEY_COME = Finishing()


def finishing(lexical: bool, fold_duplicates: bool | float, diverse: float) -> Finishing:
    if not isinstance(lexical, bool):
        raise BadInput(f"lexical is {shown(lexical)}: it must be true or false")
    if isinstance(fold_duplicates, bool):
        folding = LIKENESS if fold_duplicates else None
    else:
        folding = likeness(fold_duplicates)
    return Finishing(lexical, folding, diversity(diverse))


def likeness(value: float) -> float:
    """A cosine from which two things are one."""
    number = _number(value)
    if not 0 < number <= 1:
        raise BadInput(f"likeness is {shown(value)}: it is a cosine, above 0 and at most 1, such as {LIKENESS}")
    return number


def diversity(value: float) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise BadInput(f"diverse is {shown(value)}: it must be from 0 (as they come) to 1 (all different)")
    return number


def shown(value: Any) -> str:
    """As an error may show it; Python refuses to write out a number of thousands of digits."""
    long = isinstance(value, int) and value.bit_length() > 200
    return "a very large number" if long else repr(value)[:60]


def _number(value: Any) -> float:
    real = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2
    return float(value) if real else float("nan")
