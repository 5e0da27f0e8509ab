"""A small library of the toybox in the space that needs no model, and a real server in front of it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from hearsee.api.main import run
from hearsee.toybox.write import write_toybox

GROUPS = 8
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> [bold]&amp;"


@dataclass(frozen=True)
class World:
    """Where the toybox was written and indexed."""

    folder: Path
    library: Path

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "items.jsonl").read_text().splitlines()]

    def row(self, modality: str, place: int = 0) -> dict[str, Any]:
        return [row for row in self.rows if row.get("modality") == modality][place]

    def file(self, modality: str, place: int = 0) -> Path:
        return self.folder / str(self.row(modality, place)["path"])


def make_world(folder: Path) -> World:
    """Toybox groups, and one picture more whose caption tries to be markup."""
    world = World(folder / "toybox", folder / "library")
    write_toybox(world.folder, 3 * GROUPS, seed=3)
    (world.folder / "odd.png").write_bytes(world.file("image").read_bytes() + b"\0")
    with (world.folder / "items.jsonl").open("a") as lines:
        lines.write(json.dumps({"path": "odd.png", "text": HOSTILE, "thing": "trick"}) + "\n")
    assert run(["index", str(world.folder), "--library", str(world.library), "--space", "hash", "--json"]) == 0
    return world


def serve(app: Any) -> Iterator[str]:
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.02)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


def await_ready(client: httpx.Client) -> dict[str, Any]:
    """What the service says of itself once its towers are warm."""
    for _ in range(600):
        answer = client.get("/readyz")
        if answer.status_code != 503:
            break
        time.sleep(0.05)
    said: dict[str, Any] = answer.json()
    return said


Said = Callable[..., Any]  # runs a command on the shared library, answers its JSON
