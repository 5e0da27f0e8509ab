"""The three ways a thing can be shown."""

from __future__ import annotations

from enum import StrEnum

from hearsee.core.errors import BadInput


class Modality(StrEnum):
    IMAGE = "image"
    AUDIO = "audio"
    TEXT = "text"

    @classmethod
    def named(cls, name: str) -> Modality:
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(m.value for m in cls)
            raise BadInput(f"unknown modality {name!r}: use one of {known}") from None
