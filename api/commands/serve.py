"""`hearsee serve`: the HTTP service and its page."""

from __future__ import annotations

import os
import socket
from typing import Annotated

import typer

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.terminal import complain, console, print_json
from hearsee.core.errors import BadInput

LOCAL = ("127.0.0.1", "localhost", "::1")


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help="The port; 0 takes a free one.")] = 8000,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the library to browsers and programs on this machine."""
    settings = settings_from(library, database)
    if not 0 <= port < 65536:
        raise BadInput(f"--port is {port}: it must be from 0 to 65535")
    from hearsee.api.http import create_app
    from hearsee.api.http.guard import LOCAL_HOSTS
    from hearsee.indexer.library import Library

    with Library.open(settings.library, settings.database):
        pass  # a wrong folder is one line here, and not the trace of a server that could not start
    if host not in LOCAL:
        complain(f"listening on {host}: everybody who reaches it can search the library and fetch its media")
    import uvicorn

    app = create_app(settings, LOCAL_HOSTS if host in LOCAL else None)
    bound = _bound(host, port)
    try:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{bound.getsockname()[1]}"
        if as_json:
            print_json({"url": url, "library": str(settings.library), "process": os.getpid()})
        else:
            console().print(f"Hearsee is at {url} (Ctrl-C stops it)")
        # No access log: a URL of the page holds the words that were asked.
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[bound])
    finally:
        bound.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise BadInput(f"cannot listen on {host} port {port} ({error.strerror}): choose another with --port") from None
    return bound
