"""Databases for the indexer's tests: each test that asks for one gets its own, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from hearsee.core.space import load_space
from hearsee.indexer.catalog import Catalog, sqlite_url
from tests.servers import NoServerError, fresh_database, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A server's URL; without a server the tests fail, they do not pass for lack of one."""
    try:
        with postgres_server() as url:
            yield url
    except NoServerError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """An empty database."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, sqlite_file: Path) -> str:
    """A place for a catalog, on each database."""
    return sqlite_url(sqlite_file) if request.param == "sqlite" else cast(str, request.getfixturevalue("postgres_url"))


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    """An empty catalog of the space "hash"."""
    with Catalog.create(database_url, load_space("hash")) as made:
        yield made
