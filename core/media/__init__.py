"""Decoded media: what a tower's preparation is given, whatever file it came from."""

from __future__ import annotations

from hearsee.core.media.decode import DECODER, decode
from hearsee.core.media.kinds import Media, Picture, Piece, Preparation, Sound, Span, Words
from hearsee.core.media.limits import Limits

__all__ = ["DECODER", "Limits", "Media", "Picture", "Piece", "Preparation", "Sound", "Span", "Words", "decode"]
