"""Texts: bytes to characters by one stated rule."""

from __future__ import annotations

import codecs

from hearsee.core.errors import BadMedia
from hearsee.core.media.kinds import Words
from hearsee.core.media.limits import Limits
from hearsee.core.media.magic import format_of, looks_like

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode_text(raw: bytes, limits: Limits) -> Words:
    """Decode a text: by its byte order mark (UTF-8 or UTF-16), else as UTF-8, else as Windows-1252.

    Windows-1252 is the rule for what is not UTF-8, because that is what old text files mostly are. A text that holds a
    zero character is refused: it is something else. Line ends and spaces are kept as they are.
    """
    if len(raw) > limits.max_text_bytes:
        much = f"a text of {len(raw):,} bytes, the limit is {limits.max_text_bytes:,}"
        raise BadMedia(f"{much}: split it into files or rows of a chapter each")
    text = _characters(raw)
    if "\0" in text:
        raise BadMedia(f"not a text: it holds a zero byte (character {text.index(chr(0)):,})")
    if not text.strip():
        raise BadMedia("an empty text")
    return Words(text)


def _characters(raw: bytes) -> str:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            try:
                return raw[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise BadMedia(f"not a text: marked as {encoding.upper()}, but byte {error.start:,} is not") from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if format_of(raw) is not None:
            raise BadMedia(f"not a text: {looks_like(raw)}") from None
        try:
            return raw.decode("cp1252")
        except UnicodeDecodeError:
            raise BadMedia(f"not a text: byte {error.start:,} is neither UTF-8 nor Windows-1252") from None
