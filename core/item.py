"""The thing a user wants back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from hearsee.core.modality import Modality


@dataclass(frozen=True)
class Item:
    id: int
    uri: str  # file:///… for files; …#row-key for table rows; …#member for members of a tar
    modality: Modality
    content: str  # SHA-256 of the bytes that were encoded
    bytes: int
    caption: str | None = None  # what somebody wrote about it
    text: str | None = None  # the text itself, for texts
    group: str | None = None  # items that show the same thing share it
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path | None:
        """The local file behind the item, when it is a file of its own."""
        return local_path(self.uri) if "#" not in self.uri else None


def local_path(uri: str) -> Path | None:
    """The file a `file:` URI names, fragment ignored; names that are not UTF-8 survive."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    return Path(unquote_to_bytes(parts.path).decode("utf-8", "surrogateescape"))
