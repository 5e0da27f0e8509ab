"""What goes in and out of the service, as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hearsee.core.item import Item
from hearsee.core.modality import Modality
from hearsee.search import Answer, Hit

MAX_WORDS = 16  # texts, pictures, sounds or items in one query: each is encoded


class QueryIn(BaseModel):
    """A question; pictures and sounds come as files beside it (multipart)."""

    model_config = ConfigDict(extra="forbid")

    text: str | list[str] | None = None
    like: int | str | list[int | str] | None = None
    without: str | list[str] | None = None
    weights: dict[str, float] | None = None
    wanted: list[str] | None = None
    where: dict[str, Any] | None = None
    k: int = Field(default=10, strict=True)


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


class HitOut(BaseModel):
    rank: int
    score: float
    item: ItemOut
    span: SpanOut | None

    @classmethod
    def of(cls, hit: Hit) -> HitOut:
        span = None if hit.span is None else SpanOut(start=hit.span.start, end=hit.span.end, unit=hit.span.unit)
        return cls(rank=hit.rank, score=hit.score, item=ItemOut.of(hit.item), span=span)


class AnswerOut(BaseModel):
    hits: list[HitOut]
    generation: int
    timings: dict[str, float]
    plan: Any

    @classmethod
    def of(cls, answer: Answer) -> AnswerOut:
        from hearsee.api.answers import plain

        hits = [HitOut.of(hit) for hit in answer.hits]
        return cls(hits=hits, generation=answer.generation, timings=plain(answer.timings), plan=plain(answer.plan))


class ItemsOut(BaseModel):
    items: list[ItemOut]
    next: int | None  # `after` of the next page


class LibraryOut(BaseModel):
    generation: int
    space: str
    items: dict[str, int]  # by modality
