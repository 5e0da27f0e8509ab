"""What the environment may set, read once at the edge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hearsee.core.errors import BadInput
from hearsee.core.media.limits import Limits

PREFIX = "HEARSEE_"
LEAST_PACE = 10  # a long sound or film is given the time that decoding takes at so many times its speed


@dataclass(frozen=True)
class Settings:
    library: Path = Path("hearsee-library")
    database: str | None = None  # an SQLAlchemy URL; none: SQLite inside the library's folder
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)  # decoding processes
    max_k: int = 10_000
    limits: Limits = Limits()

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Take settings from the environment; a key nobody knows is a typing error, so it fails."""
        given = {key.removeprefix(PREFIX).lower(): value for key, value in environ.items() if key.startswith(PREFIX)}
        known = {"library", "database", "workers", "max_k", "max_pixels", "max_seconds", "max_file_mb", "models"}
        for name in given.keys() - known:
            names = ", ".join(sorted(PREFIX + k.upper() for k in known))
            raise BadInput(f"unknown setting {PREFIX}{name.upper()}: known are {names}")
        default = cls()
        seconds = _positive(given, "max_seconds", int(default.limits.max_seconds))
        limits = Limits(
            max_file_bytes=_positive(given, "max_file_mb", default.limits.max_file_bytes // 2**20) * 2**20,
            max_pixels=_positive(given, "max_pixels", default.limits.max_pixels),
            max_seconds=seconds,
            decode_seconds=max(default.limits.decode_seconds, seconds / LEAST_PACE),
        )
        return cls(
            library=Path(given.get("library") or default.library),
            database=given.get("database") or None,
            workers=_positive(given, "workers", default.workers),
            max_k=_positive(given, "max_k", default.max_k),
            limits=limits,
        )


def _positive(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**53:
        raise BadInput(f"{PREFIX}{name.upper()} is {text!r}: it must be a whole number above zero")
    return int(text)
