"""A second look at the first hits, by a model that reads the question and the thing together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hearsee.core.errors import BadInput, BadMedia, NotFound
from hearsee.core.media.decode import decode
from hearsee.core.media.kinds import Media
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.search.answer import Hit
from hearsee.search.finishing import FIRST

logger = logging.getLogger(__name__)
_PLURAL = {Modality.IMAGE: "pictures", Modality.AUDIO: "sounds", Modality.TEXT: "texts"}


class Reranker(Protocol):
    """Says how well things fit words: higher is better; the scale is its own."""

    @property
    def modality(self) -> Modality: ...  # of the things it reads

    def matches(self, words: str, things: Sequence[Media]) -> list[float]: ...  # one for each thing


@dataclass(frozen=True)
class SecondLook:
    """Who looks again, at how many hits, and for which words."""

    name: str
    reranker: Reranker
    words: str
    first: int = FIRST

    @classmethod
    def of(
        cls, name: str, reranker: Reranker, texts: Sequence[str], wanted: Sequence[Modality], first: int
    ) -> SecondLook:
        """Refused where there are no words to look for, or nothing of the kind that it reads is wanted."""
        if not texts:
            raise BadInput("rerank reads words beside the hits, and this query has none: add a text or drop rerank")
        if reranker.modality not in wanted:
            raise BadInput(
                f"reranker {name!r} reads {_PLURAL[reranker.modality]} only, and the query wants "
                f"{' and '.join(_PLURAL[one] for one in wanted)}: want {reranker.modality}, too, or drop rerank"
            )
        return cls(name, reranker, " ".join(texts), first)


@dataclass(frozen=True)
class Looked:
    hits: list[Hit]
    read: int
    unread: tuple[str, ...]  # why hits were not looked at again, each with its reason

    def said(self, look: SecondLook) -> str:
        """What happened, to follow a plan's words."""
        words = f"; the first {look.first} looked at again by {look.name}: {self.read} read"
        return words + (f", {len(self.unread)} not ({self.unread[0]})" if self.unread else "")


def reranked(hits: Sequence[Hit], look: SecondLook, limits: Limits) -> Looked:
    """The hits with those that the reranker reads in its order; the others keep their places.

    What its exact words found keeps its place too, and so does what cannot be read any more; where nothing can be, that
    is an error. Scores stay cosines.
    """
    from hearsee.indexer.corpus import read_item  # only a second look reads files

    seen: dict[int, Media] = {}
    unread: list[str] = []
    for place, hit in enumerate(hits[: look.first]):
        if hit.modality is look.reranker.modality and not hit.words:
            try:
                raw = (hit.item.text or "").encode() or read_item(hit.item.uri, limits)
                seen[place] = decode(look.reranker.modality, raw, limits)
            except (BadMedia, NotFound, OSError) as error:
                logger.warning("item %d is not looked at again: %s", hit.item.id, error)
                unread.append(str(error))
    if unread and not seen:
        raise BadMedia(
            f"rerank could read none of {len(unread)} hits (the first: {unread[0]}): put the files back or drop rerank"
        )
    found = look.reranker.matches(look.words, list(seen.values())) if seen else []
    order = sorted(zip(found, seen, strict=True), key=lambda pair: (-pair[0], pair[1]))
    made = list(hits)
    for place, (match, taken) in zip(seen, order, strict=True):
        made[place] = replace(hits[taken], match=match)
    return Looked([replace(hit, rank=rank) for rank, hit in enumerate(made, 1)], len(seen), tuple(unread))
