"""What goes into the catalog: strings both databases can hold, metadata as JSON, and the facts filters read."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from hearsee.core.errors import BadInput

HEAD = 200  # characters of a text that are indexed: PostgreSQL refuses index entries above 2,704 bytes
EXACT = 2.0**53  # below it every integer is a double
MAX_DEPTH = 32
MAX_FACTS = 10_000
MAX_INTEGER_BITS = 4_096

STRING, NUMBER, TRUE, FALSE, NULL, LIST, OBJECT = "s", "n", "t", "f", "0", "l", "o"

_SORTED = json.JSONEncoder(sort_keys=True)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Fact(NamedTuple):
    key: str
    kind: str
    text: str | None = None
    tail: str | None = None
    number: float | None = None
    rest: float | None = None


def clean_text(text: str) -> str:
    """PostgreSQL stores no NUL and neither database a lone surrogate: they become U+FFFD."""
    if type(text) is str and text.isascii() and "\0" not in text:  # most are, and it is told at once
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def clean_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as the catalog keeps it: plain JSON values; NaN and infinities, which JSON lacks, become null."""
    if not isinstance(metadata, Mapping):
        raise BadInput(f"metadata must be a mapping, not {type(metadata).__name__}")
    cleaned: dict[str, Any] = _clean(metadata, 1)
    return cleaned


def fields_hash(caption: str | None, text: str | None, group: str | None, metadata: Mapping[str, Any]) -> str:
    """Equal for equal captions, texts, groups and metadata, whatever the order of keys."""
    caption, text, group = (None if value is None else clean_text(value) for value in (caption, text, group))
    return hash_fields(caption, text, group, clean_metadata(metadata))


def hash_fields(caption: str | None, text: str | None, group: str | None, metadata: Mapping[str, Any]) -> str:
    """The same for fields that are clean already."""
    fields = _SORTED.encode([caption, text, group, metadata])
    return hashlib.sha256(fields.encode()).hexdigest()[:32]


def uri_hash(uri: str) -> str:
    return hashlib.blake2b(clean_text(uri).encode(), digest_size=16).hexdigest()


def facts_of(metadata: Mapping[str, Any]) -> list[Fact]:
    """Every fact of clean metadata, each once."""
    found: dict[Fact, None] = {}
    for key, value in metadata.items():
        _walk(found, key, value, inside_list=False)
    if len(found) > MAX_FACTS:
        raise BadInput(f"metadata holds {len(found):,} values: an item can have {MAX_FACTS:,} at the most")
    return list(found)


def fact_key(path: str) -> str:
    """The path itself; a very long one by its hash, so that it fits an index entry."""
    if len(path) <= HEAD:
        return path
    return f"{path[:HEAD]}#{hashlib.sha256(path.encode()).hexdigest()}"


def split_text(text: str) -> tuple[str, str]:
    """A text as two that sort, in this order, as the whole does."""
    return text[:HEAD], text[HEAD:]


def split_number(value: float) -> tuple[float, float]:
    """A number as two doubles that sort, in this order, as the number does: integers stay exact to 30 digits."""
    try:
        double = float(value)
    except OverflowError:  # an integer above every double: all such are equal
        edge = sys.float_info.max if value > 0 else -sys.float_info.max
        return edge, edge
    if isinstance(value, int) and abs(double) >= EXACT:
        return double, float(value - int(double))
    return double, 0.0


def _walk(found: dict[Fact, None], path: str, value: Any, *, inside_list: bool) -> None:
    key = fact_key(path)
    if isinstance(value, str):
        found[Fact(key, STRING, *split_text(value))] = None
    elif isinstance(value, bool):
        found[Fact(key, TRUE if value else FALSE)] = None
    elif value is None:
        found[Fact(key, NULL)] = None
    elif isinstance(value, dict):
        found[Fact(key, OBJECT)] = None
        for name, inner in value.items():
            _walk(found, f"{path}.{name}", inner, inside_list=False)
    elif isinstance(value, list):
        found[Fact(key, LIST)] = None
        for element in () if inside_list else value:  # as in Mongo, a list in a list is not looked into
            _walk(found, path, element, inside_list=True)
    else:
        found[Fact(key, NUMBER, None, None, *split_number(value))] = None


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > MAX_INTEGER_BITS:
            raise BadInput("metadata holds an integer of more than 1,200 digits: write it as a string")
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > MAX_DEPTH:
        raise BadInput(f"metadata is nested deeper than {MAX_DEPTH} levels: flatten it")
    if isinstance(value, list | tuple):
        return [_clean(element, depth + 1) for element in value]
    if isinstance(value, Mapping):
        return {_clean_key(key): _clean(inner, depth + 1) for key, inner in value.items()}
    raise BadInput(f"metadata holds a value of type {type(value).__name__}: only what JSON has can be kept")


def _clean_key(key: object) -> str:
    if not isinstance(key, str):
        raise BadInput(f"metadata has the key {key!r}: keys must be strings")
    return clean_text(key)
