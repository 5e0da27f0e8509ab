"""The service's verbs. Searching and reading run in threads, never on the event loop."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from hearsee.api.http.asked import Asked, read_question
from hearsee.api.http.media import media_response
from hearsee.api.http.problems import problem
from hearsee.api.http.shapes import AnswerOut, ItemOut, ItemsOut, LibraryOut, QueryIn
from hearsee.api.http.warming import Warming
from hearsee.core.errors import BadInput, HearseeError, NotFound
from hearsee.core.item import Item
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.indexer.corpus import read_item
from hearsee.search import Searcher
from hearsee.search.rerank.named import reranker_names

router = APIRouter()
MAX_ID = 2**63 - 1  # what a database can hold


def searcher_of(request: Request) -> Searcher:
    searcher: Searcher = request.app.state.searcher
    return searcher


def settings_of(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


_FORM = {
    "type": "object",
    "properties": {
        **{name: {"type": "array", "items": {"type": "string"}} for name in ("text", "like", "edit", "without")},
        **{name: {"type": "array", "items": {"type": "string", "format": "binary"}} for name in ("image", "audio")},
        "wanted": {"type": "string", "description": "modality names with commas"},
        "weights": {"type": "string", "contentMediaType": "application/json"},
        "where": {"type": "string", "contentMediaType": "application/json"},
        "k": {"type": "integer", "default": 10},
        "min_chance": {"type": "number"},
        "token": {"type": "string"},
        **{name: {"type": "boolean", "default": False} for name in ("explain", "keep", "skip_bad_parts")},
        "lexical": {"type": "boolean", "description": "without it, only exact names and numbers are looked for"},
        "fold_duplicates": {"type": "string", "description": "true, or the cosine from which two hits are one"},
        "diverse": {"type": "number", "default": 0},
        "rerank": {"type": "string", "description": "true, or the name of a reranker in quotes"},
        "rerank_first": {"type": "integer", "default": 30},
        "fusion": {"type": "string"},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": QueryIn.model_json_schema()},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}


@router.post("/v1/search", openapi_extra=_BODY)
async def search(request: Request) -> AnswerOut:
    """Answer a question; its words are not logged."""
    asked = await read_question(request)
    return await run_in_threadpool(_answer, searcher_of(request), asked)


def _answer(searcher: Searcher, asked: Asked) -> AnswerOut:
    query = asked.query
    answer = searcher.search(
        text=query.text,
        image=asked.image or None,
        audio=asked.audio or None,
        like=query.like,
        weights=query.weights,
        edit=query.edit,
        without=query.without,
        wanted=query.wanted,
        where=query.where,
        k=query.k,
        min_chance=query.min_chance,
        explain=query.explain,
        keep=query.keep,
        token=query.token,
        skip_bad_parts=query.skip_bad_parts,
        lexical=query.lexical,
        fold_duplicates=query.fold_duplicates,
        diverse=query.diverse,
        rerank=_known(query.rerank),
        rerank_first=query.rerank_first,
        fusion=query.fusion,
    )
    return AnswerOut.of(answer)


def _known(rerank: bool | str) -> bool | str:
    """Names only: whoever asks over HTTP chooses no folder of this machine."""
    if isinstance(rerank, str) and rerank not in reranker_names():
        raise BadInput(f"rerank is {rerank[:60]!r}: over HTTP it is true, or one of {', '.join(reranker_names())}")
    return rerank


@router.get("/v1/library")
def library(request: Request) -> LibraryOut:
    """What is being searched."""
    opened = searcher_of(request).library
    stats: dict[str, Any] = opened.catalog.stats()
    items = {modality.value: int(stats["items"].get(modality.value, 0)) for modality in Modality}
    return LibraryOut(generation=opened.catalog.generation(), space=opened.info.space, items=items)


@router.get("/v1/items")
def items(
    request: Request,
    after: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    modality: Modality | None = None,
) -> ItemsOut:
    """One page of the library, in the order of ids."""
    page = searcher_of(request).library.catalog.page(after=after, limit=limit, modality=modality)
    return ItemsOut(items=[ItemOut.of(item) for item in page], next=page[-1].id if len(page) == limit else None)


@router.get("/v1/items/{item_id}")
def item(request: Request, item_id: int) -> ItemOut:
    return ItemOut.of(_item(request, item_id))


@router.head("/v1/items/{item_id}/media", response_class=Response, include_in_schema=False)
@router.get("/v1/items/{item_id}/media", response_class=Response)
def media(request: Request, item_id: int, spread: Annotated[str | None, Header(alias="Range")] = None) -> Response:
    """The item's own bytes; only what the catalog names is read, and only if it is still the same."""
    found = _item(request, item_id)
    raw = found.text.encode() if found.text is not None else read_item(found.uri, settings_of(request).limits)
    return media_response(found, raw, spread)


@router.get("/livez")
def livez() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz", response_model=None)
def readyz(request: Request) -> Response | dict[str, Any]:
    """Ready when the towers are warm, the library can be read and its newest generation is loaded."""
    warming: Warming = request.app.state.warming
    missing = warming.missing()
    if missing is not None:
        return problem(503, "Not ready", missing)
    try:
        return {"status": "ready", "generation": searcher_of(request).library.snapshot().generation}
    except HearseeError as error:
        return problem(503, "Not ready", str(error))


def _item(request: Request, item_id: int) -> Item:
    catalog = searcher_of(request).library.catalog
    known = catalog.items([item_id]).get(item_id) if 0 < item_id <= MAX_ID else None
    # Items that were removed stay known for a while, for searches that began before.
    live = None if known is None else catalog.by_uri(known.uri)
    if live is None or live.id != item_id:
        raise NotFound(f"the library holds no item {item_id}: it may have been removed")
    return live
