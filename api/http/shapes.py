"""What goes in and out of the service, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hearsee.core.item import Item
from hearsee.core.modality import Modality
from hearsee.search import Answer, Hit
from hearsee.search.explain import Explanation

MAX_WORDS = 16  # texts, pictures, sounds or items in one query: each is encoded


class QueryIn(BaseModel):
    """A question; pictures and sounds come as files beside it (multipart)."""

    model_config = ConfigDict(extra="forbid")

    text: str | list[str] | None = None
    like: int | str | list[int | str] | None = None
    edit: str | list[str] | None = None  # what is to be different about all that
    without: str | list[str] | None = None
    weights: dict[str, float] | None = None
    wanted: list[str] | None = None
    where: dict[str, Any] | None = None
    k: int = Field(default=10, strict=True)
    min_chance: float | None = None
    explain: bool = False
    skip_bad_parts: bool = False
    lexical: bool | None = None  # look for the words in names, captions and texts too; none: for exact names only
    fold_duplicates: bool | float = False  # near-duplicates become one hit; a number: the cosine from which
    diverse: float = 0.0  # from 0, as they come, to 1, all different
    rerank: bool | str = False  # look at the first hits again: by what the space brings, or by name
    rerank_first: int = Field(default=30, strict=True)  # how many of them
    fusion: str | None = Field(default=None, max_length=100)  # a way to fuse, instead of what won for such a mix
    keep: bool = False  # answer with a token of the encoded query
    token: str | None = Field(default=None, max_length=100)  # instead of parts: the query that was kept


class ItemOut(BaseModel):
    id: int
    uri: str
    modality: Modality
    bytes: int
    caption: str | None
    text: str | None
    group: str | None
    metadata: dict[str, Any]
    media: str  # where its bytes are served

    @classmethod
    def of(cls, item: Item) -> ItemOut:
        return cls(
            id=item.id,
            uri=item.uri,
            modality=item.modality,
            bytes=item.bytes,
            caption=item.caption,
            text=item.text,
            group=item.group,
            metadata=dict(item.metadata),
            media=f"/v1/items/{item.id}/media",
        )


class SpanOut(BaseModel):
    start: float
    end: float
    unit: str


class PartOut(BaseModel):
    part: str
    modality: Modality
    negative: bool
    attention: float
    cosine: float
    share: float  # of the score; all shares add up to it
    rank_without: int | None  # none: beyond the ranks looked through, or nothing is left to ask
    edit: bool


class ExplanationOut(BaseModel):
    parts: list[PartOut]
    beyond: int

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationOut:
        return cls(parts=[PartOut(**asdict(part)) for part in explanation.parts], beyond=explanation.beyond)


class CalibrationOut(BaseModel):
    calibrated: bool
    stale: bool
    words: str


class TwinOut(BaseModel):
    id: int
    uri: str


class HitOut(BaseModel):
    rank: int
    score: float
    chance: float | None  # of being relevant; none: not calibrated
    item: ItemOut
    span: SpanOut | None
    explanation: ExplanationOut | None
    words: list[str]  # what the query says and the item's name, caption or text holds
    stands_for: list[TwinOut]  # near-duplicates folded into it
    match: float | None  # how well it fits the words on a second look; none: not looked at again

    @classmethod
    def of(cls, hit: Hit) -> HitOut:
        span = None if hit.span is None else SpanOut(start=hit.span.start, end=hit.span.end, unit=hit.span.unit)
        explanation = None if hit.explanation is None else ExplanationOut.of(hit.explanation)
        return cls(
            rank=hit.rank,
            score=hit.score,
            chance=hit.chance,
            item=ItemOut.of(hit.item),
            span=span,
            explanation=explanation,
            words=list(hit.words),
            stands_for=[TwinOut(id=item.id, uri=item.uri) for item in hit.stands_for],
            match=hit.match,
        )


class AnswerOut(BaseModel):
    hits: list[HitOut]
    nothing_close: bool | None  # none: not calibrated, so nobody can tell
    calibration: CalibrationOut
    skipped: list[str]  # parts that could not be read, each with its reason
    token: str | None
    generation: int
    timings: dict[str, float]
    plan: Any

    @classmethod
    def of(cls, answer: Answer) -> AnswerOut:
        from hearsee.api.answers import plain

        hits = [HitOut.of(hit) for hit in answer.hits]
        return cls(
            hits=hits,
            nothing_close=answer.nothing_close,
            calibration=CalibrationOut(**asdict(answer.calibration)),
            skipped=list(answer.skipped),
            token=answer.token,
            generation=answer.generation,
            timings=plain(answer.timings),
            plan=plain(answer.plan),
        )


class ItemsOut(BaseModel):
    items: list[ItemOut]
    next: int | None  # `after` of the next page


class LibraryOut(BaseModel):
    generation: int
    space: str
    items: dict[str, int]  # by modality
