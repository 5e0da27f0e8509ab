"""Pictures of the toybox's things."""

from __future__ import annotations

from hearsee.toybox.draw.picture import picture

__all__ = ["picture"]
