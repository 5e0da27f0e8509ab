"""The embedding contract: what must stay the same for two vectors to be comparable."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Contract:
    """Everything about a tower that its vectors depend on."""

    tower: str  # a name people recognise, such as "toybox-picture"
    weights: str  # SHA-256 of the weights file, or a constant for a tower without weights
    preprocessing: str  # a versioned sentence: sizes, colour, normalisation
    windows: str  # a versioned sentence: window, hop, what happens to the last one
    decoder: str  # the decoder in front of it, with its own version
    dtype: str  # of the backbone vectors as they are stored

    @property
    def fingerprint(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def difference(self, other: Contract) -> str:
        """Name the fields that differ, with both values."""
        mine, theirs = asdict(self), asdict(other)
        return "; ".join(
            f"{name}: {mine[name]!r} against {theirs[name]!r}" for name in mine if mine[name] != theirs[name]
        )
