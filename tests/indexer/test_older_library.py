"""A library of an older Hearsee, which knew one space and no golden vectors, opens, searches and moves on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from hearsee.core.errors import Refused
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.indexer.catalog.connect import connect
from hearsee.indexer.catalog.upgrade import migrate
from hearsee.indexer.catalog.words import fill
from hearsee.indexer.founding import live_space
from hearsee.indexer.identity import Identity
from hearsee.indexer.library import Library
from hearsee.indexer.turning import switch_space
from hearsee.indexer.verify import verify
from tests.indexer.moved import Mover, agree, served

KEPT = ("items", "segments", "points", "facts", "shards", "quarantine", "heads")


def _rows(db: Connection, table: str) -> list[dict[str, Any]]:
    found = [dict(row) for row in db.execute(text(f"SELECT * FROM {table}")).mappings()]
    return [{name: value for name, value in row.items() if name not in ("space_id", "golden")} for row in found]


def _insert(db: Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    db.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})"), row)


def _made_older(mover: Mover, database: str) -> None:
    """The same catalog in the tables of m003, in the database that the library's folder names from now on."""
    new = connect(f"sqlite:///{mover.library / 'catalog.sqlite'}", writable=True)
    with new.reading() as db:
        held = {table: _rows(db, table) for table in (*KEPT, "library", "towers", "spaces")}
    new.engine.dispose()
    old = connect(database, writable=True, create=True)
    with old.writing() as db:
        migrate(db, "m003")
        (space,) = held["spaces"]
        about = {"space": space["name"], "space_fingerprint": space["fingerprint"], "dim": space["dim"]}
        _insert(db, "library", held["library"][0] | about | {name: space[name] for name in ("heads", "heads_before")})
        for table in ("towers", *KEPT):
            for row in held[table]:
                _insert(db, table, row)
        fill(db)
    old.engine.dispose()
    identity = Identity.read(mover.library)
    Identity(identity.library_id, database).write(mover.library)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_older_library_opens_and_gets_its_golden_vectors(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    mover = Mover(tmp_path)
    mover.put_all(3)
    mover.index()
    older = f"sqlite:///{tmp_path / 'older.sqlite'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    _made_older(mover, older)
    with pytest.raises(Refused, match=r"older Hearsee \(m003\): run `hearsee compact`"):
        Library.open(mover.library)
    assert live_space(mover.library, None) == "hash"  # what `hearsee compact` and `index` ask first
    mover.writer().close()
    with mover.open() as reader:
        assert agree(served(reader), mover.expected(load_space("hash")))
        assert reader.catalog.golden() == {}
        piece = Piece(mover.expected(load_space("hash"))[(mover.media / "000.txt").as_uri()])
        assert reader.space.tower(Modality.TEXT).encode([piece]).shape == (1, 16)  # nothing to hold it against
    mover.put("later.txt", 5)
    assert mover.index().added == 1
    with mover.open() as reader:
        assert reader.catalog.golden().keys() == {Modality.TEXT}  # written when a tower was first used
    assert mover.add().added == 10
    switch_space(mover.library, mover.second)
    with mover.open() as reader:
        assert agree(served(reader), mover.expected(load_space(mover.second)))
    assert verify(mover.library).problems == ()
