"""What is asked for: parts with weights, what is wanted, a filter and how many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from operator import index
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.where import All, Compares, Equals, Exists, Not, OneOf, Prefix, Some, Where, parse_where
from hearsee.search.finishing import AS_THEY_COME, FIRST, Finishing, finishing
from hearsee.search.fusion import checked_way

Kind: TypeAlias = Literal["text", "image", "audio", "like"]
KINDS: tuple[Kind, ...] = ("text", "image", "audio", "like")
WITHOUT = "without"  # the key in `weights` that all negative parts answer to
EDIT = "edit"  # the same of edits
MAX_WEIGHT = 1000.0  # beyond that the other parts are rounding noise
MAX_PARTS = 64


@dataclass(frozen=True)
class Part:
    """One piece of a query: words, a picture, a sound, or an item already in the library."""

    kind: Kind
    value: Any  # text: str; image, audio: path, bytes, PIL image or (samples, rate); like: id or URI
    weight: float = 1.0
    negative: bool = False  # steer away from it
    edit: bool = False  # what is to be different about the others

    @property
    def name(self) -> str:
        """What an explanation calls it."""
        shown = self.value if isinstance(self.value, str | int | Path) else None
        named = self.kind if shown is None else f"{self.kind} {brief(str(shown) if isinstance(shown, Path) else shown)}"
        if self.edit:
            return f"edit {brief(self.value)}"
        return f"without {named}" if self.negative else named

    @property
    def role(self) -> str:
        """The key in `weights` that it answers to."""
        return EDIT if self.edit else WITHOUT if self.negative else self.kind


@dataclass(frozen=True)
class Query:
    parts: tuple[Part, ...]
    wanted: tuple[Modality, ...] | None = None  # none: pictures and sounds where the library has them, else texts
    where: Where | None = None
    k: int = 10
    min_chance: float | None = None  # hits with less are left out
    explain: bool = False
    keep: bool = False  # the encoded parts, under a token
    token: str | None = None  # of parts that were encoded before; then there are none here
    weights: Mapping[str, float] | None = None  # for the parts behind the token
    skip_bad_parts: bool = False  # go on without a part that cannot be read
    finishing: Finishing = AS_THEY_COME
    fusion: str | None = None  # a way to fuse, instead of what won for the mix


def ask(
    *,
    text: Any = None,
    image: Any = None,
    audio: Any = None,
    like: Any = None,
    weights: Mapping[str, float] | None = None,
    without: Any = None,
    edit: Any = None,
    wanted: str | Sequence[str] | None = None,
    where: Mapping[str, Any] | Where | None = None,
    k: int = 10,
    max_k: int = 10_000,
    min_chance: float | None = None,
    explain: bool = False,
    keep: bool = False,
    token: str | None = None,
    skip_bad_parts: bool = False,
    lexical: bool | None = None,
    fold_duplicates: bool | float = False,
    diverse: float = 0.0,
    rerank: str | bool = False,
    rerank_first: int = FIRST,
    fusion: str | None = None,
) -> Query:
    """Check a question and give it its shape; nothing is read or encoded yet."""
    given: dict[Kind, Any] = {"text": text, "image": image, "audio": audio, "like": like}
    if token is None:
        parts, scale = _parts(given, edit, without, weights), None
    elif edit is not None or without is not None or any(value is not None for value in given.values()):
        raise BadInput("the query has both a token and parts: send one or the other")
    else:
        parts, scale = (), None if weights is None else _weights(weights, {*KINDS, EDIT, WITHOUT})
    return Query(
        parts, wanted_modalities(wanted), parsed(where), hits_wanted(k, max_k), _chance(min_chance),
        explain, keep, token, scale, skip_bad_parts,
        finishing(lexical, fold_duplicates, diverse, rerank, rerank_first), checked_way(fusion),
    )  # fmt: skip


def _parts(given: Mapping[Kind, Any], edit: Any, without: Any, weights: Mapping[str, float] | None) -> tuple[Part, ...]:
    parts = [Part(kind, value) for kind in KINDS for value in _each(kind, given[kind])]
    found = len(parts)
    parts += [Part("text", value, edit=True) for value in _edits(edit)]
    parts += [
        Part(kind, value, negative=True) for kind, values in _without(without).items() for value in _each(kind, values)
    ]
    if not found:
        aside = ": there is nothing to edit" if any(part.edit for part in parts) else ""
        aside = aside or (": steering away is not enough" if parts else "")
        raise BadInput(f"the query looks for nothing{aside}; give it at least one text, image, audio or like")
    if len(parts) > MAX_PARTS:
        raise BadInput(f"the query has {len(parts)} parts: {MAX_PARTS} is the most")
    scale = _weights(weights, {part.role for part in parts})
    return tuple(replace(part, weight=scale.get(part.role, 1.0)) for part in parts)


def wanted_modalities(wanted: str | Sequence[str] | None) -> tuple[Modality, ...] | None:
    """Modality names (or one string with commas) as modalities, each once, in the order given."""
    if wanted is None:
        return None
    names = [name.strip() for name in wanted.split(",")] if isinstance(wanted, str) else list(wanted)
    if not names:
        raise BadInput("wanted is empty: name at least one of " + ", ".join(Modality))
    return tuple(dict.fromkeys(Modality.named(name) for name in names))


def parsed(where: Mapping[str, Any] | Where | None) -> Where | None:
    """A filter as it is written, or one that is parsed already."""
    if where is None or isinstance(where, All | Compares | Equals | Exists | Not | OneOf | Prefix | Some):
        return where
    return parse_where(where)


def hits_wanted(k: int, max_k: int) -> int:
    try:
        number = 0 if isinstance(k, bool | np.bool_) else index(k)
    except TypeError:
        number = 0
    if not 1 <= number <= max_k:
        raise BadInput(f"k is {brief(k)}: it must be a whole number from 1 to {max_k}")
    return number


def _each(kind: Kind, value: Any) -> Iterator[Any]:
    """One part for each value; a list or tuple is several, except a sound given as (samples, rate)."""
    if value is None:
        return
    sound = kind == "audio" and isinstance(value, tuple) and len(value) == 2 and not isinstance(value[1], str | Path)
    several = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview) and not sound
    for one in value if several else (value,):
        yield _checked(kind, one)


def _checked(kind: Kind, value: Any) -> Any:
    """Refuse a value that can never become such a part; what needs a file or the library is checked later."""
    if kind == "text":
        if not isinstance(value, str):
            raise BadInput(f"text is {brief(value)}: it must be a string of words")
        if not value.strip():
            raise BadInput("text is empty: say what to look for, or leave it out")
    elif kind == "like":
        if isinstance(value, bool) or not isinstance(value, int | str | np.integer) or value == "":
            raise BadInput(f"like is {brief(value)}: it must be an item's id or URI")
    elif isinstance(value, str | bytes | bytearray) and not value:
        raise BadInput(f"{kind} is empty: give a path or the bytes of a file, or leave it out")
    return value


def _edits(edit: Any) -> Iterator[str]:
    """Words only: what is to be different must be said."""
    for words in edit if isinstance(edit, list | tuple) else () if edit is None else (edit,):
        if not isinstance(words, str):
            raise BadInput(f"edit is {brief(words)}: it must be words for what is to be different, such as 'blue'")
        if not words.strip():
            raise BadInput("edit is empty: say what is to be different, or leave it out")
        yield words


def _without(without: Any) -> dict[Kind, Any]:
    """Words alone mean text; a mapping has the same keys as the positive parts."""
    if without is None:
        return {}
    if not isinstance(without, Mapping):
        return {"text": without}
    for name in without:
        if name not in KINDS:
            raise BadInput(f"without has an unknown part {brief(name)}: use {', '.join(KINDS)}")
    return {kind: without[kind] for kind in KINDS if kind in without}


def _weights(weights: Mapping[str, float] | None, asked: set[str]) -> dict[str, float]:
    checked: dict[str, float] = {}
    for name, weight in (weights or {}).items():
        if name not in (*KINDS, EDIT, WITHOUT):
            raise BadInput(f"weight of an unknown part {brief(name)}: use {', '.join((*KINDS, EDIT, WITHOUT))}")
        if name not in asked:
            raise BadInput(f"there is a weight for {name}, but the query has no such part: add it or drop the weight")
        number = _number(weight)
        if not 0 < number <= MAX_WEIGHT:
            hint = "to steer away, give the part as `without`" if number < 0 else "leave out what should not count"
            rule = f"it must be above 0 and at most {MAX_WEIGHT:g}"
            raise BadInput(f"weight of {name} is {brief(weight)}: {rule}; {hint}")
        checked[name] = number
    return checked


def _chance(chance: float | None) -> float | None:
    if chance is None:
        return None
    number = _number(chance)
    if not 0 <= number <= 1:
        raise BadInput(f"min_chance is {brief(chance)}: it must be a number from 0 to 1")
    return number


def _number(weight: object) -> float:
    try:
        return float(weight) if isinstance(weight, Real) and not isinstance(weight, bool) else math.nan
    except OverflowError:
        return math.inf


def brief(value: object) -> str:
    """A value as an error may show it: one line, never a page."""
    if isinstance(value, int) and value.bit_length() > 200:
        return "a very large number"  # Python refuses to write out one of thousands of digits
    text = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
