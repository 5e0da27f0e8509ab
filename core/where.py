"""Filters on metadata: a small Mongo-like JSON, parsed into a tree that holds no SQL."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from hearsee.core.errors import BadInput

Scalar: TypeAlias = "str | int | float | bool | None"
Order: TypeAlias = Literal["gt", "gte", "lt", "lte"]

MAX_DEPTH = 32  # levels, each an object and the list around it
MAX_CONDITIONS = 1_000
MAX_VALUES = 10_000  # in all `$in` and `$nin` lists together
MAX_INTEGER_BITS = 4_096

# Keys that address the item itself; every other key is a path into its metadata.
OWN_FIELDS = {"@uri": "uri", "@modality": "modality", "@group": "group", "@caption": "caption", "@text": "text"}


@dataclass(frozen=True)
class Equals:
    """Some value under the key equals this one; null also matches an item without the key."""

    key: str
    value: Scalar


@dataclass(frozen=True)
class Compares:
    """Some number (or text, by code point) under the key lies on this side of the value."""

    key: str
    order: Order
    value: str | int | float


@dataclass(frozen=True)
class OneOf:
    key: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Exists:
    """The key is there, whatever it holds, null included."""

    key: str


@dataclass(frozen=True)
class Prefix:
    key: str
    text: str


@dataclass(frozen=True)
class All:
    """Every part matches; with no parts, everything does."""

    parts: tuple[Where, ...]


@dataclass(frozen=True)
class Some:
    parts: tuple[Where, ...]


@dataclass(frozen=True)
class Not:
    part: Where


Where: TypeAlias = "Equals | Compares | OneOf | Exists | Prefix | All | Some | Not"


def where_from_json(text: str) -> Where:
    """Parse a filter given as JSON text; whatever is wrong with the text is one BadInput."""
    try:
        document = json.loads(text, object_pairs_hook=without_repeats)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise BadInput(f"filter {_short(text)} is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError:
        raise BadInput("filter holds a number of too many digits: write it as a string") from None
    return parse_where(document)


def parse_where(document: object) -> Where:
    """Understand a filter such as `{"colour": "red", "count": {"$gte": 2}}`."""
    if not isinstance(document, dict):
        raise BadInput(f'filter must be an object such as {{"colour": "red"}}, not {_short(document)}')
    _measure(document)
    return _Parser().where(document)


def _measure(document: object) -> None:
    """Refuse what is too deep or too large, without recursion, before anything recurses into it."""
    level: list[object] = [document]
    seen = 0
    for _ in range(2 * MAX_DEPTH):
        seen += len(level)
        if seen > 8 * MAX_CONDITIONS:
            raise _too_many()
        inner = (value for c in level for value in (c.values() if isinstance(c, dict) else _elements(c)))
        level = [value for value in inner if isinstance(value, dict | list | tuple)]
        if not level:
            return
    raise _too_deep()


@dataclass
class _Parser:
    conditions: int = field(default=0)
    values: int = field(default=0)

    def where(self, document: dict[Any, Any]) -> Where:
        parts = [self._entry(key, value) for key, value in document.items()]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _entry(self, key: object, value: object) -> Where:
        if not isinstance(key, str):
            raise BadInput(f"filter key {_short(key)} must be a string")
        if key == "$not":
            return Not(self._inner(key, value))
        if key in ("$and", "$or", "$nor"):
            if not isinstance(value, list | tuple) or not value:
                raise BadInput(f"filter operator {key} takes a list of one filter or more, not {_short(value)}")
            parts = tuple(self._inner(key, part) for part in value)
            return All(parts) if key == "$and" else Some(parts) if key == "$or" else Not(Some(parts))
        if key.startswith("$"):
            known = ", ".join(["$and", "$or", "$nor", "$not"])
            hint = f'it stands under a key, as in {{"count": {{"{key}": …}}}}' if key in _OPERATORS else f"use {known}"
            raise BadInput(f"filter operator {_short(key)} is not known here: {hint}")
        if isinstance(value, dict):
            return self._operators(key, value)
        return self._condition(Equals(key, _scalar(key, "$eq", value)))

    def _inner(self, key: str, value: object) -> Where:
        if not isinstance(value, dict):
            raise BadInput(f"filter operator {key} takes filters (objects), not {_short(value)}")
        return self.where(value)

    def _operators(self, key: str, operators: dict[Any, Any]) -> Where:
        if not operators:
            raise BadInput(f"filter on {_short(key)} is empty: give a value or an operator such as $exists")
        parts = [self._operator(key, name, value) for name, value in operators.items()]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _operator(self, key: str, name: object, value: object) -> Where:
        if name == "$not":
            if not isinstance(value, dict):
                raise BadInput(
                    f"filter operator $not under {_short(key)} takes operators, not {_short(value)}: use $ne"
                )
            return Not(self._operators(key, value))
        if not isinstance(name, str) or name not in _OPERATORS:
            if isinstance(name, str) and not name.startswith("$"):
                raise BadInput(f"filter on {_short(key)} holds an object: reach into it as {_short(f'{key}.{name}')}")
            known = ", ".join(sorted([*_OPERATORS, "$not"]))
            raise BadInput(f"filter operator {_short(name)} under {_short(key)} is not known: use one of {known}")
        if name in ("$in", "$nin") and isinstance(value, list | tuple):
            self.values += len(value)
            if self.values > MAX_VALUES:
                raise BadInput(f"filter lists more than {MAX_VALUES:,} values in $in and $nin: narrow it down")
        return self._condition(_OPERATORS[name](key, name, value))

    def _condition(self, condition: Where) -> Where:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise _too_many()
        return condition


def _equals(key: str, name: str, value: object) -> Where:
    return Equals(key, _scalar(key, name, value))


def _compares(key: str, name: str, value: object) -> Where:
    found = _scalar(key, name, value)
    if found is None or isinstance(found, bool):
        raise BadInput(f"filter operator {name} under {_short(key)} takes a number or a string, not {_short(value)}")
    orders: dict[str, Order] = {"$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}
    return Compares(key, orders[name], found)


def _one_of(key: str, name: str, value: object) -> Where:
    if not isinstance(value, list | tuple):
        raise BadInput(f"filter operator {name} under {_short(key)} takes a list of values, not {_short(value)}")
    return OneOf(key, tuple(_scalar(key, name, one) for one in value))


def _exists(key: str, name: str, value: object) -> Where:
    if not isinstance(value, bool):
        raise BadInput(f"filter operator {name} under {_short(key)} takes true or false, not {_short(value)}")
    return Exists(key) if value else Not(Exists(key))


def _prefix(key: str, name: str, value: object) -> Where:
    if not isinstance(value, str):
        raise BadInput(f"filter operator {name} under {_short(key)} takes a string, not {_short(value)}")
    return Prefix(key, value)


_OPERATORS: dict[str, Callable[[str, str, object], Where]] = {
    "$eq": _equals,
    "$ne": lambda key, name, value: Not(_equals(key, name, value)),
    "$gt": _compares,
    "$gte": _compares,
    "$lt": _compares,
    "$lte": _compares,
    "$in": _one_of,
    "$nin": lambda key, name, value: Not(_one_of(key, name, value)),
    "$exists": _exists,
    "$prefix": _prefix,
}


def _scalar(key: str, name: str, value: object) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"filter on {_short(key)} compares with {value}: numbers must be finite")
    if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise BadInput(f"filter on {_short(key)} holds a number of too many digits: write it as a string")
    if value is None or isinstance(value, str | int | float):
        return value
    hint = "use $in for one of several" if isinstance(value, list | tuple) else "reach into objects with dotted keys"
    raise BadInput(f"filter operator {name} under {_short(key)} takes one plain value, not {_short(value)}: {hint}")


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for `json.loads`; a key that stands twice would silently lose its first value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BadInput(f"{_short(twice)} stands twice in one object: say it once, or combine two filters with $and")
    return found


def _elements(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _too_deep() -> BadInput:
    return BadInput(f"filter is nested deeper than {MAX_DEPTH} levels: flatten it")


def _too_many() -> BadInput:
    return BadInput(f"filter holds more than {MAX_CONDITIONS:,} conditions: use $in, or narrow it down")


def _short(value: object) -> str:
    """The value as it goes into a message: one line, never long, whatever it is."""
    if isinstance(value, str):
        return ascii(value) if len(value) <= 60 else ascii(value[:60]) + "…"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 200 else "a very large number"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict | list | tuple):
        return "an object" if isinstance(value, dict) else "a list"
    return f"a value of type {type(value).__name__}"
