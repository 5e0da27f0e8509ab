"""What a library keeps of a calibration: JSON that this program wrote, so any other byte in it is damage."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

log = logging.getLogger(__name__)


class Kept(Protocol):
    @property
    def format(self) -> int: ...

    @property
    def raw(self) -> bytes: ...


K = TypeVar("K", bound=Kept)


def raw_of(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, sort_keys=True, allow_nan=False) + "\n").encode()


def parsed(raw: bytes, make: Callable[[dict[str, Any]], K], format: int, what: str) -> K:  # noqa: A002
    """What `make` builds of the document, when its format is this one and it would be written so again; else
    ValueError."""
    try:
        made = make(json.loads(raw))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"not {what}: {error}") from None
    if made.format != format:
        raise ValueError(f"format {made.format}, not {format}")
    if made.raw != raw:
        raise ValueError("its bytes were changed")
    return made


def read_kept(path: Path, parse: Callable[[bytes], K], most_bytes: int, command: str) -> K | None:
    """What a file holds; one that cannot be read is as good as none, and the log says so."""
    try:
        with path.open("rb") as file:
            raw = file.read(most_bytes + 1)
        if len(raw) > most_bytes:
            raise ValueError(f"more than {most_bytes:,} bytes")
        return parse(raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read (%s): run `%s` again", path, error, command)
        return None
