"""Answers as plain values, ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hearsee.core.item import Item
    from hearsee.search import Answer, Hit


def plain(value: Any) -> Any:
    """Dataclasses, enums, paths and numpy numbers as what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, PathLike):
        return fspath(value)
    if hasattr(value, "tolist"):  # numpy numbers and arrays
        return value.tolist()
    return value


def item_row(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "uri": item.uri,
        "modality": item.modality.value,
        "content": item.content,
        "bytes": item.bytes,
        "caption": item.caption,
        "text": item.text,
        "group": item.group,
        "metadata": plain(item.metadata),
    }


def hit_row(hit: Hit) -> dict[str, Any]:
    item = item_row(hit.item)
    row = {
        "rank": hit.rank,
        "score": float(hit.score),
        "chance": hit.chance,
        "item": item,
        "metadata": item["metadata"],
    }
    twins = [{"id": twin.id, "uri": twin.uri} for twin in hit.stands_for]
    more = {"span": plain(hit.span), "explanation": plain(hit.explanation), "words": list(hit.words)}
    return row | more | {"stands_for": twins, "match": hit.match}


def answer_row(answer: Answer) -> dict[str, Any]:
    return {
        "hits": [hit_row(hit) for hit in answer.hits],
        "nothing_close": answer.nothing_close,
        "calibration": plain(answer.calibration),
        "skipped": list(answer.skipped),
        "generation": answer.generation,
        "timings": plain(answer.timings),
        "plan": plain(answer.plan),
    }
