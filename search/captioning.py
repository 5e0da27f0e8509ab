"""Words for a picture or a sound: the nearest texts of the library, each saying once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hearsee.core.errors import NotFound
from hearsee.core.modality import Modality
from hearsee.indexer.catalog import words_in
from hearsee.search.answer import Hit
from hearsee.search.query import hits_wanted
from hearsee.search.searcher import Searcher
from hearsee.search.stored import count

AHEAD = 4  # texts looked at for each caption wanted, to begin with: many may say the same


@dataclass(frozen=True)
class Caption:
    text: str
    score: float  # cosine
    chance: float | None  # of fitting; none: not calibrated
    items: tuple[int, ...]  # texts that say this, the nearest first


@dataclass(frozen=True)
class Captions:
    captions: list[Caption]
    standing: str  # whether there are chances, and why not
    nothing_close: bool | None  # none: not calibrated, so nobody can tell


def captions(
    searcher: Searcher,
    *,
    image: Any = None,
    audio: Any = None,
    like: Any = None,
    where: Mapping[str, Any] | None = None,
    k: int = 5,
) -> Captions:
    """The k nearest sayings; texts that differ only in case, accents and punctuation say the same."""
    k = hits_wanted(k, searcher.settings.max_k)
    texts = count(searcher.library.snapshot(), Modality.TEXT)
    if not texts:
        raise NotFound(
            f"library {searcher.library.folder} holds no texts to caption with: index a table with a text column"
        )
    ask = AHEAD * k
    while True:
        ask = min(ask, searcher.settings.max_k)
        answer = searcher.search(image=image, audio=audio, like=like, wanted="text", where=where, k=ask)
        said = _each_once(answer.hits)
        if len(said) >= k or len(answer.hits) < ask or ask == searcher.settings.max_k:
            return Captions(said[:k], answer.calibration.words, answer.nothing_close)
        ask *= 4


def _each_once(hits: list[Hit]) -> list[Caption]:
    found: dict[tuple[str, ...], list[Hit]] = {}
    for hit in hits:
        text = _text(hit)
        if text:
            found.setdefault(tuple(words_in(text)) or (text,), []).append(hit)
    return [
        Caption(_text(same[0]), same[0].score, same[0].chance, tuple(hit.item.id for hit in same))
        for same in found.values()
    ]


def _text(hit: Hit) -> str:
    """The passage that was found, or the whole text."""
    text, span = hit.item.text or "", hit.span
    passage = text[int(span.start) : int(span.end)] if span is not None and span.unit == "characters" else text
    return passage.strip()
