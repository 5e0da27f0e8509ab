"""The embedding contract: what must stay the same for two vectors to be comparable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

SHOWN = 12  # hexadecimal digits of a hash that people are shown


@dataclass(frozen=True)
class Contract:
    """Everything about a tower that its vectors depend on."""

    tower: str  # a name people recognise, such as "toybox-picture"
    weights: str  # SHA-256 of the weights file, or a constant for a tower without weights
    preprocessing: (
        str  # a versioned sentence, or JSON: sizes, colour, normalisation, the library whose rules it follows
    )
    windows: str  # a versioned sentence: window, hop, what happens to the last one
    decoder: str  # the decoder in front of it, with its own version
    dtype: str  # of the backbone vectors as they are stored

    @property
    def fingerprint(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, other: Contract) -> list[str]:
        """Name each field that differs, as `field: what this one says -> what the other says`."""
        mine, theirs = asdict(self), asdict(other)
        return [
            f"{name}: {said}"
            for name in mine
            if mine[name] != theirs[name]
            for said in _turns(mine[name], theirs[name])
        ]

    def difference(self, other: Contract) -> str:
        """All of `differences` in one line."""
        return "; ".join(self.differences(other))


def _turns(one: str, other: str) -> Iterator[str]:
    """What changed, key by key where both are JSON objects."""
    old, new = _object(one), _object(other)
    if old is None or new is None:
        yield f"{_short(one)} -> {_short(other)}"
        return
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"{key} {_short(old.get(key, 'none'))} -> {_short(new.get(key, 'none'))}"


def _object(text: str) -> dict[str, Any] | None:
    try:
        held = json.loads(text)
    except ValueError:
        return None
    return held if isinstance(held, dict) else None


def _short(value: Any) -> str:
    """A hash by its first digits, anything else as it is."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:SHOWN] if len(text) == 64 and all(digit in "0123456789abcdef" for digit in text) else text
