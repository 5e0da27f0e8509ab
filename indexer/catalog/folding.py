"""Text as words, by one rule for both databases, so that SQLite and PostgreSQL find the same.

The rule: case, accents and width are folded away; what is left is cut into runs of letters and runs of digits; every
emoji, and every character of a script written without spaces (Han, kana, Thai, …), is a word of its own; all else
separates. What a question writes without a space between is a phrase: `IMG_2041` is img directly followed by 2041. A
star at its end makes its last word the beginning of a word: `IMG_20*`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice

MAX_WORDS = 16_000  # of one item that are indexed: PostgreSQL counts positions up to 16,383
MAX_CHARACTERS = 200_000  # of one item that are read for words: PostgreSQL holds 1 MiB of them
MAX_WORD = 64  # characters of a word that count: PostgreSQL holds 2,046 bytes
MAX_PHRASES = 64
MAX_PHRASE_WORDS = 32

_ASCII = re.compile("[a-z]+|[0-9]+")
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "BOPOMOFO", "YI")


@dataclass(frozen=True)
class Phrase:
    """Words that follow each other directly; the last may be only the beginning of one."""

    words: tuple[str, ...]
    prefix: bool = False

    def __str__(self) -> str:
        return " ".join(self.words) + "*" * self.prefix


def words_in(text: str, limit: int = MAX_WORDS) -> list[str]:
    """The words of a text in order, folded."""
    text = text[:MAX_CHARACTERS]
    if text.isascii():
        return [word[:MAX_WORD] for word in _ASCII.findall(text.lower())[:limit]]
    return list(islice(_words(_folded(text)), limit))


def phrases_in(text: str) -> list[Phrase]:
    """What a question asks the index for, each phrase once, in the order they come."""
    found: dict[Phrase, None] = {}
    for piece in text[:MAX_CHARACTERS].split():
        words = words_in(piece, MAX_PHRASE_WORDS)
        if words:
            found[Phrase(tuple(words), prefix=piece.endswith("*"))] = None
            if len(found) == MAX_PHRASES:
                break
    return list(found)


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", "".join(map(_plain, apart)))


def _words(text: str) -> list[str]:
    found: list[str] = []
    for kind, run in groupby(text, _kind):
        if kind == "single":
            found.extend(run)
        elif kind:
            found.append("".join(run)[:MAX_WORD])
    return found


@lru_cache(maxsize=8192)
def _plain(character: str) -> str:
    """A decimal digit as 0 to 9; accents and the vowel points of Hebrew and Arabic as nothing."""
    order = unicodedata.combining(character)
    if 10 <= order <= 36 or order >= 200:
        return ""
    number = unicodedata.decimal(character, None)
    return character if number is None else str(number)


@lru_cache(maxsize=8192)
def _kind(character: str) -> str:
    """What runs are made of; empty for what separates."""
    category = unicodedata.category(character)
    if character == "\ufffd":  # stands for what the catalog could not keep
        return ""
    if category == "So" or (category[0] in "LM" and unicodedata.name(character, "").startswith(_UNSPACED)):
        return "single"
    return {"L": "letters", "M": "letters", "N": "digits"}.get(category[0], "")
