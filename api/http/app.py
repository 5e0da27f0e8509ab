"""The application: one library, opened once, behind a guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from hearsee.api.http.guard import LOCAL_HOSTS, Guard
from hearsee.api.http.problems import answer_problems
from hearsee.api.http.routes import router
from hearsee.api.http.warming import Warming
from hearsee.core.settings import Settings
from hearsee.search import open_library

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
        app.state.warming = Warming(app.state.searcher)
        app.state.warming.start()
        try:
            yield
        finally:
            await run_in_threadpool(app.state.warming.join)
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


def _page(name: str) -> Callable[[], Awaitable[FileResponse]]:
    async def serve() -> FileResponse:
        return FileResponse(WEB / name, headers={"Cache-Control": "no-cache"})

    return serve
