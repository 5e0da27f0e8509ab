"""What a reader yields: things to index, and things that it had to pass over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hearsee.core.modality import Modality
from hearsee.indexer.corpus.passed import Passed

_SURROGATE = re.compile("[\ud800-\udfff]")


Hold: TypeAlias = Callable[[int], None]  # bytes that came, or that turned out to be none; may wait for room


def free(_: int) -> None:
    """Room for whatever comes."""


@dataclass(frozen=True)
class Entry:
    """One thing to index; `read` gives its bytes, or raises OSError or BadMedia.

    `far`: the same bytes over a network, told to `Hold` as they come; who reads many asks for some ahead.
    """

    uri: str
    modality: Modality
    read: Callable[[], bytes]
    caption: str | None = None
    text: str | None = None
    group: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    far: Callable[[Hold], bytes] | None = None


@dataclass(frozen=True)
class Rejected:
    """One thing that was passed over, and why.

    `unseen`: it could not be looked at (no permission, say), so what a library already has of it stays.
    `partial`: others may have been missed with it, so nothing may be taken for gone in this scan.
    """

    uri: str
    reason: str
    unseen: bool = False
    partial: bool = False


@dataclass(frozen=True)
class Source:
    """One thing that a user pointed at, with its entries in an order that is the same every time."""

    uri: str
    entries: Iterator[Entry | Rejected]
    count: int | None = None  # of entries, where it is known without a scan
    again: Callable[[], Iterator[Entry | Rejected]] | None = None  # lists them once more, where that reads no media
    passed: Passed = field(default_factory=Passed)  # files of other kinds, known once all entries were listed


def sound_text(text: str) -> str:
    """Replace what cannot be written as UTF-8 (lone surrogates) by U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def why(error: OSError) -> str:
    """An OSError without the path in it, which the report names already."""
    return f"cannot be read: {(error.strerror or str(error)).lower()}"
