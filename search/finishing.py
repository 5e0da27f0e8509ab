"""How a question wants its hits finished, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hearsee.core.errors import BadInput

LIKENESS = 0.98  # cosine from which two items are called near-duplicates
FIRST, MOST = 30, 200  # hits that are looked at again, and at the most: each is read and decoded


@dataclass(frozen=True)
class Finishing:
    lexical: bool | None = None  # look for the words in names, captions and texts too; none: for exact names only
    folding: float | None = None  # cosine from which a hit stands for another
    diversity: float = 0.0  # 0: as they come; 1: all different
    rerank: str | bool = False  # look again at the first hits; a name says by what, else the space does
    first: int = FIRST  # how many of them


AS_THEY_COME = Finishing()


def finishing(
    lexical: bool | None,
    fold_duplicates: bool | float,
    diverse: float,
    rerank: str | bool | None = False,
    first: int = FIRST,
) -> Finishing:
    if lexical is not None and not isinstance(lexical, bool):
        raise BadInput(f"lexical is {shown(lexical)}: it must be true or false, or none for exact names only")
    if isinstance(fold_duplicates, bool):
        folding = LIKENESS if fold_duplicates else None
    else:
        folding = likeness(fold_duplicates)
    spread, again = diversity(diverse), _reranker(rerank)
    if spread and again:
        raise BadInput(f"diverse is {spread:g} and rerank is asked, too: either order would undo the other; drop one")
    if isinstance(first, bool) or not isinstance(first, int) or not 1 <= first <= MOST:
        raise BadInput(f"rerank_first is {shown(first)}: it must be a whole number from 1 to {MOST}")
    return Finishing(lexical, folding, spread, again, first)


def _reranker(value: str | bool | None) -> str | bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"rerank is {shown(value)}: it must be true, or the name or folder of a reranker")
    return value


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
