"""An item's own bytes, served so that a browser shows or plays them and never runs them."""

from __future__ import annotations

import hashlib
import re

from fastapi import Response

from hearsee.core.errors import Damaged
from hearsee.core.item import Item
from hearsee.core.media.magic import format_of

_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "WAV": "audio/wav",
    "FLAC": "audio/flac",
    "OGG": "audio/ogg",
    "MP3": "audio/mpeg",
    "AIFF": "audio/aiff",
    "MP4": "video/mp4",
    "WEBM": "video/webm",
    "MKV": "video/x-matroska",
}
# Even opened as a page of its own, an item may do nothing.
_INERT = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"


def media_response(item: Item, raw: bytes, wanted: str | None) -> Response:
    """The whole item, or the range that was asked for."""
    # A text comes out of the catalog; everything else from a file that anybody may have changed.
    if item.text is None and hashlib.sha256(raw).hexdigest() != item.content:
        raise Damaged(f"{item.uri} has changed since it was indexed: run hearsee index on it again")
    headers = {
        "Content-Security-Policy": _INERT,
        "Content-Disposition": "inline",
        "Accept-Ranges": "bytes",
        "ETag": f'"{item.content}"',
        "Cache-Control": "private, no-cache",
    }
    kind = content_type(item, raw)
    spread = byte_range(wanted, len(raw))
    if spread is None:
        return Response(raw, 200, headers, kind)
    if not spread:
        return Response(None, 416, headers | {"Content-Range": f"bytes */{len(raw)}"}, kind)
    headers["Content-Range"] = f"bytes {spread.start}-{spread.stop - 1}/{len(raw)}"
    return Response(raw[spread.start : spread.stop], 206, headers, kind)


def content_type(item: Item, raw: bytes) -> str:
    """By the first bytes and never by the name; what is not known is not shown."""
    if item.modality == "text":
        return "text/plain; charset=utf-8"
    kind = _TYPES.get(format_of(raw) or "", "")
    fitting = (f"{item.modality}/", "video/") if item.modality == "image" else f"{item.modality}/"
    return kind if kind.startswith(fitting) else "application/octet-stream"


def byte_range(header: str | None, length: int) -> range | None:
    """One range of bytes: None for the whole (also for several, which may be ignored), empty where nothing fits."""
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", header or "", re.ASCII)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, length - int(last)), length)
    end = length if not last else min(int(last) + 1, length)
    if last and int(last) < int(first):
        return None
    return range(int(first), end)
