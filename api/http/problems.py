"""What went wrong, as a problem body (RFC 9457) with the sentence that the command line says."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from hearsee.api.terminal import visible
from hearsee.core.errors import BadInput, BadMedia, Busy, Damaged, HearseeError, NotFound, Refused

log = logging.getLogger(__name__)

_STATUS: dict[type[HearseeError], tuple[int, str]] = {
    NotFound: (404, "Not found"),
    BadInput: (400, "Cannot be understood"),
    BadMedia: (422, "Cannot be read"),
    Refused: (409, "Another space"),
    Busy: (503, "Busy"),
    Damaged: (500, "Damaged"),
}


def problem(status: int, title: str, detail: str, *, close: bool = False) -> JSONResponse:
    """`close`: the connection too, for what is left of a body would be read as the next request."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": visible(detail)}
    headers = {"Connection": "close"} if close else None
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def sentence(error: ValidationError | RequestValidationError) -> str:
    """The first thing that does not fit, in one line, without repeating what was sent."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    if first["type"] in ("model_type", "dict_type") and not place:
        return "the body must be a JSON object"
    if first["type"] == "extra_forbidden":
        return f"{place[:60]} is not known here: /openapi.json describes what is"
    return f"{place or 'the body'}: {first['msg']}"


def answer_problems(app: FastAPI) -> None:
    """Turn every error of the service into a problem body."""

    @app.exception_handler(HearseeError)
    async def of_ours(_: Request, error: HearseeError) -> JSONResponse:
        status, title = next((known for kind, known in _STATUS.items() if isinstance(error, kind)), (500, "Failed"))
        return problem(status, title, "; ".join((str(error), *error.details)))

    @app.exception_handler(RequestValidationError)
    async def of_shape(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(400, "Cannot be understood", sentence(error))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        known = {404: "there is nothing at this address", 405: f"{request.method} is not done here"}
        said = known.get(error.status_code, str(error.detail))
        answer = problem(error.status_code, "Refused", said)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(ClientDisconnect)
    async def of_the_absent(_: Request, __: ClientDisconnect) -> JSONResponse:
        return problem(400, "Cannot be understood", "the body ended early")  # to nobody, and no line in the log

    @app.exception_handler(Exception)
    async def of_nobody(_: Request, error: Exception) -> JSONResponse:
        log.error("a request failed: %s", type(error).__name__)  # the message may quote the query
        return problem(
            500, "Failed", f"this is a mistake in Hearsee ({type(error).__name__}); the server's log says more"
        )
