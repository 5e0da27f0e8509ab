"""Texts as a tower reads them: passages that fit its context, as UTF-8 bytes; the tower's tokenizer does the rest."""

from __future__ import annotations

import re

import numpy as np

from hearsee.core.errors import BadMedia
from hearsee.core.media.kinds import Media, Piece, Span, Words

RULE = "text-1"  # part of every contract: change it when the cuts change
NAME = "hearsee.core.encoders.prepare_text:text"
BYTES_A_TOKEN = 4  # of UTF-8, on average, in English; other scripts take more bytes a character and more tokens

_ENDS = (re.compile(r"(?<=[.!?。！？\n])\s+"), re.compile(r"\s+"))  # cut behind a sentence, else behind a word


def windows_rule(tokens: int) -> str:
    return (
        f"{RULE}: passages of at most {BYTES_A_TOKEN * tokens} bytes of UTF-8, cut behind the last sentence in their "
        "second half, else behind the last word, no overlap; what is still longer is cut by the tokenizer"
    )


def text(media: Media, *, tokens: int) -> list[Piece]:
    """One piece for each passage; a text that fits is one piece without a span."""
    if not isinstance(media, Words):
        raise BadMedia(f"a text tower was given {type(media).__name__}: give it a text")
    words, most = media.text, BYTES_A_TOKEN * tokens
    if len(words.encode()) <= most:
        return [Piece(_bytes(words))]
    pieces = []
    start = 0
    while start < len(words):
        end = _end(words, start, most)
        if words[start:end].strip():
            pieces.append(Piece(_bytes(words[start:end]), Span(start, end, "characters")))
        start = end
    return pieces


def words_of(piece: Piece) -> str:
    """The text of a piece again."""
    return np.asarray(piece.data, np.uint8).tobytes().decode("utf-8", "replace")


def _bytes(words: str) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(words.encode(), np.uint8)


def _end(words: str, start: int, most: int) -> int:
    """Where the passage that begins at `start` ends: never inside a character, behind a word where there is one."""
    chunk = words[start : start + most].encode()[:most].decode("utf-8", "ignore")
    limit = start + max(1, len(chunk))
    if limit >= len(words):
        return len(words)
    half = len(chunk) // 2
    for ends in _ENDS:
        cuts = [found.end() for found in ends.finditer(chunk, half)]
        if cuts:
            return start + cuts[-1]
    return limit
