"""A second look at the first hits, by a model that reads the question and the thing together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from hearsee.core.errors import BadMedia, NotFound
from hearsee.core.media.decode import decode
from hearsee.core.media.kinds import Media
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.indexer.corpus import read_item
from hearsee.search.answer import Hit

logger = logging.getLogger(__name__)
FIRST = 50  # hits that are looked at again


class Reranker(Protocol):
    """Says how well things fit words: higher is better; the scale is its own."""

    @property
    def modality(self) -> Modality: ...  # of the things it reads

    def matches(self, words: str, things: Sequence[Media]) -> list[float]: ...  # one for each thing


def reranked(hits: Sequence[Hit], words: str, reranker: Reranker, limits: Limits, first: int = FIRST) -> list[Hit]:
    """The hits with those that the reranker reads in its order; the others keep their places.

    Things whose file is gone or cannot be read any more keep their places too. Scores stay cosines.
    """
    seen: dict[int, Media] = {}
    for place, hit in enumerate(hits[:first]):
        if hit.item.modality is reranker.modality:
            try:
                raw = (hit.item.text or "").encode() or read_item(hit.item.uri, limits)
                seen[place] = decode(reranker.modality, raw, limits)
            except (BadMedia, NotFound, OSError) as error:
                logger.warning("item %d is not looked at again: %s", hit.item.id, error)
    found = reranker.matches(words, list(seen.values())) if seen else []
    order = sorted(zip(found, seen, strict=True), key=lambda pair: (-pair[0], pair[1]))
    made = list(hits)
    for place, (_, taken) in zip(seen, order, strict=True):
        made[place] = hits[taken]
    return [replace(hit, rank=rank) for rank, hit in enumerate(made, 1)]
