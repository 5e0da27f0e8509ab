"""What comes back: hits in order, how they were found, and how long that took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hearsee.core.item import Item
from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.search.calibration.chance import Standing
from hearsee.search.explain import Explanation
from hearsee.search.plan import Plan

NOT_CALIBRATED = Standing(False, False, "not calibrated: asked with vectors")


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that was found; `span` says where in it, for sounds and texts that have several points."""

    rank: int  # from 1
    score: float  # cosine of the item's best point with what was asked
    item: Item
    span: Span | None = None
    chance: float | None = None  # of being relevant; none: not calibrated
    explanation: Explanation | None = None  # where one was asked for
    words: tuple[str, ...] = ()  # what the query says and the item's name, caption or text holds
    stands_for: tuple[Item, ...] = ()  # near-duplicates that were folded into it, best first
    match: float | None = None  # how well it fits the words on a second look, on the reranker's own scale
    found_as: Modality | None = None  # what its best point is, where that is not its item's: the sound of a film

    @property
    def modality(self) -> Modality:
        return self.item.modality if self.found_as is None else self.found_as

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.item.metadata


@dataclass(frozen=True)
class Answer:
    hits: list[Hit]
    plan: Plan
    timings: Mapping[str, float]  # milliseconds: encode_ms, filter_ms, search_ms, fetch_ms, rerank_ms, total_ms
    generation: int  # of the library that answered
    calibration: Standing = NOT_CALIBRATED
    nothing_close: bool | None = None  # none: not calibrated, so nobody can tell
    skipped: tuple[str, ...] = ()  # parts that could not be read and were left out, each with its reason
    token: str | None = None  # of the encoded query, where it was to be kept
