"""A service calls itself ready when its first questions wait for nothing any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import httpx

from hearsee.api.http import create_app
from hearsee.api.http.warming import Warming
from hearsee.core.contract import Contract
from hearsee.core.encoders import Encoder
from hearsee.core.errors import BadMedia
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import load_space
from hearsee.core.vectors import Vectors
from hearsee.search import Searcher, open_library
from tests.api.world import World, serve


@dataclass
class Gated:
    """A tower that takes its time to load, or cannot be loaded."""

    tower: Encoder
    gate: threading.Event = field(default_factory=threading.Event)
    broken: bool = False
    asked: int = 0

    @property
    def preparation(self) -> str:
        return self.tower.preparation

    @property
    def contract(self) -> Contract:
        return self.tower.contract

    @property
    def dim(self) -> int:
        return self.tower.dim

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        self.asked += 1
        assert self.gate.wait(30)
        if self.broken:
            raise BadMedia("weights.bin is cut short")
        return self.tower.encode(pieces)


def gated(world: World) -> tuple[Searcher, dict[Modality, Gated]]:
    space = load_space("hash")
    towers = {modality: Gated(tower) for modality, tower in space.towers.items()}
    return open_library(world.library, space=replace(space, towers=towers)), towers


def test_ready_is_said_when_every_tower_is_warm(world: World) -> None:
    app = create_app(Settings(library=world.library))
    searcher, towers = gated(world)
    with searcher:
        for url in serve(app):
            app.state.warming.join()
            app.state.warming = Warming(searcher)
            with httpx.Client(base_url=url, timeout=30) as client:
                for tower in (None, *towers.values()):
                    if tower is not None:
                        tower.gate.set()
                    if not all(one.gate.is_set() for one in towers.values()):
                        answer = client.get("/readyz")
                        assert answer.status_code == 503
                        assert "being loaded" in answer.json()["detail"]
                        assert client.get("/livez").status_code == 200
                app.state.warming.join()
                assert client.get("/readyz").json()["status"] == "ready"
        # Once each, after the canonical inputs that a library holds its towers against.
        assert {modality: tower.asked for modality, tower in towers.items()} == dict.fromkeys(Modality, 2)


def test_what_could_not_be_loaded_is_named_and_tried_again(world: World) -> None:
    searcher, towers = gated(world)
    for tower in towers.values():
        tower.gate.set()
    sounds = towers[Modality.AUDIO]
    sounds.broken = True
    with searcher:
        warming = Warming(searcher)
        warming.start()
        warming.join()
        assert "weights.bin is cut short" in str(warming.missing())
        sounds.broken = False
        for _ in range(600):
            if warming.missing() is None:
                break
            time.sleep(0.01)
        assert warming.missing() is None
        warming.join()
