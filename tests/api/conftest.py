from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hearsee.api.http import create_app
from hearsee.api.main import run
from hearsee.core.settings import Settings
from tests.api.world import Said, World, make_world, serve


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Shared and therefore not to be changed; `own_world` is for tests that write."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def own_world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture(scope="session")
def server(world: World) -> Iterator[str]:
    """The URL of a real server of the world's library."""
    yield from serve(create_app(Settings(library=world.library)))


@pytest.fixture
def say(world: World, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command on the shared library and take its JSON."""

    def saying(*args: object) -> Any:
        capsys.readouterr()
        code = run([*map(str, args), "--library", str(world.library), "--json"])
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out.splitlines()[-1])

    return saying


@pytest.fixture
def own_server(own_world: World) -> Iterator[tuple[World, httpx.Client]]:
    for url in serve(create_app(Settings(library=own_world.library))):
        with httpx.Client(base_url=url, timeout=30) as opened:
            yield own_world, opened
