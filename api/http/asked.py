"""A question as it arrives: JSON, or a form with pictures and sounds beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from hearsee.api.http.problems import sentence
from hearsee.api.http.shapes import QueryIn
from hearsee.core.errors import BadInput
from hearsee.core.where import without_repeats

MAX_FILES = 8
MAX_FIELDS = 64
MAX_JSON_BYTES = 2**20
_MEDIA = ("image", "audio")
_AS_JSON = (
    "weights",
    "where",
    "k",
    "min_chance",
    "explain",
    "keep",
    "skip_bad_parts",
    "lexical",
    "diverse",
    "fold_duplicates",
    "rerank",
    "rerank_first",
)
_LISTS = ("text", "like", "edit", "without")


@dataclass(frozen=True)
class Asked:
    query: QueryIn
    image: list[bytes] = field(default_factory=list)
    audio: list[bytes] = field(default_factory=list)


async def read_question(request: Request) -> Asked:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_JSON_BYTES) as form:
            return await _from_form(form)
    if kind != "application/json":
        raise BadInput(f"the body is {kind or 'of no type'}: send application/json or multipart/form-data")
    raw = await request.body()
    if len(raw) > MAX_JSON_BYTES:
        raise BadInput(f"the JSON has {len(raw):,} bytes: {MAX_JSON_BYTES:,} is the most; send media as multipart")
    return Asked(_checked(_parsed(raw, "the body")))


async def _from_form(form: FormData) -> Asked:
    """Fields like those of the JSON; all but words and names are JSON, `wanted` is a list with commas."""
    media: dict[str, list[bytes]] = {name: [] for name in _MEDIA}
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name not in media:
                raise BadInput(f"a file came as {name!r}: send files as image or audio")
            media[name].append(await value.read())
        elif name in _LISTS:
            fields.setdefault(name, []).append(_id_or_text(name, value))
        elif name == "wanted":
            fields.setdefault(name, []).extend(part.strip() for part in value.split(",") if part.strip())
        elif name in fields:
            raise BadInput(f"{name} came twice: send it once")
        else:
            fields[name] = _parsed(value.encode(), name) if name in _AS_JSON else value
    return Asked(_checked(fields), media["image"], media["audio"])


def _id_or_text(name: str, value: str) -> int | str:
    return int(value) if name == "like" and value.isascii() and value.isdigit() and len(value) < 19 else value


def _parsed(raw: bytes, what: str) -> Any:
    try:
        return json.loads(raw, object_pairs_hook=without_repeats)
    except RecursionError:
        raise BadInput(f"{what} is nested too deep: write it with fewer levels") from None
    except UnicodeDecodeError:
        raise BadInput(f"{what} is not JSON: it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"{what} is not JSON: {error}") from None
    except ValueError:
        raise BadInput(f"{what} holds a number of too many digits: write it as a string") from None


def _checked(document: Any) -> QueryIn:
    try:
        return QueryIn.model_validate(document)
    except ValidationError as error:
        raise BadInput(sentence(error)) from None
    except RecursionError:
        raise BadInput("the body is nested too deep: write it with fewer levels") from None
