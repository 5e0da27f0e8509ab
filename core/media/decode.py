"""From bytes to media: one decoder for indexing and for queries."""

from __future__ import annotations

from hearsee.core.media.kinds import Media, Shrink
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality

DECODER = "hearsee-media-1"  # part of every contract: change it when decoded media change


def decode(modality: Modality, raw: bytes, limits: Limits, shrink: Shrink | None = None, blocks: bool = False) -> Media:
    """Decode one item's bytes; BadMedia with a reason that a person understands when it cannot be done safely."""
    # Each decoder is imported when first needed: a text query needs neither Pillow nor soundfile.
    if modality is Modality.IMAGE:
        from hearsee.core.media.pictures import decode_picture

        return decode_picture(raw, limits, shrink)
    if modality is Modality.AUDIO:
        from hearsee.core.media.sounds import decode_sound

        return decode_sound(raw, limits, blocks)
    from hearsee.core.media.texts import decode_text

    return decode_text(raw, limits)
