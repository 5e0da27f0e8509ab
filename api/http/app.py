"""The application: one library, opened once, behind a guard."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from hearsee.api.http.guard import LOCAL_HOSTS, Guard
from hearsee.api.http.problems import answer_problems
from hearsee.api.http.routes import router
from hearsee.core.errors import HearseeError
from hearsee.core.settings import Settings
from hearsee.search import Searcher, open_library

log = logging.getLogger(__name__)

WEB = Path(__file__).parent.parent / "web"
_PAGE = {
    "/": "index.html",
    "/style.css": "style.css",
    "/page.js": "page.js",
    "/wave.js": "wave.js",
    "/mark.svg": "mark.svg",
}


def create_app(settings: Settings, hosts: Collection[str] | None = LOCAL_HOSTS) -> FastAPI:
    """Serve the library that the settings name; `hosts` are the names it answers for, None is every name."""

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        app.state.searcher = await run_in_threadpool(
            open_library, settings.library, settings.database, settings=settings
        )
        warming = Thread(target=_warm, args=(app.state.searcher,), name="warming")
        warming.start()
        try:
            yield
        finally:
            await run_in_threadpool(warming.join)
            await run_in_threadpool(app.state.searcher.close)

    # The documentation pages of FastAPI load scripts from elsewhere; the description itself stays.
    app = FastAPI(title="Hearsee", docs_url=None, redoc_url=None, lifespan=opened)
    app.state.settings = settings
    app.include_router(router)
    answer_problems(app)
    app.add_middleware(Guard, hosts=hosts)
    for path, name in _PAGE.items():
        app.add_api_route(path, _page(name), include_in_schema=False, response_class=FileResponse)
    return app


def _warm(searcher: Searcher) -> None:
    """Load what the first question would wait for: the towers, which need seconds, and the newest snapshot."""
    try:
        searcher.search(text="hello", k=1)
    except HearseeError as error:
        log.warning("the first search failed: %s", error)


def _page(name: str) -> Callable[[], Awaitable[FileResponse]]:
    async def serve() -> FileResponse:
        return FileResponse(WEB / name, headers={"Cache-Control": "no-cache"})

    return serve
