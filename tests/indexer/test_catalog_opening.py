"""Opening a catalog: revisions, durability, and every way it can go wrong in one line without a password."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from hearsee.core.errors import BadInput, Busy, Damaged, HearseeError, NotFound, Refused
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.indexer.catalog import Catalog, Change, NewItem, sqlite_url
from hearsee.indexer.catalog.connect import Database, connect
from hearsee.indexer.catalog.tables import REVISION, REVISIONS, VERSION_TABLE, metadata
from hearsee.indexer.catalog.upgrade import migrate
from tests.servers import fresh_database

SPACE = load_space("hash")
ONE = Change(items=[NewItem("test:1", Modality.TEXT, "c", 1, "test", [])])

SQLITE_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name <> 'hearsee_version' ORDER BY name"
POSTGRES_SCHEMA = """
    SELECT indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'hearsee_version'
    UNION ALL
    SELECT table_name || '.' || column_name, data_type || ' ' || is_nullable, coalesce(collation_name, '')
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'hearsee_version' ORDER BY 1
"""


def schema(database: Database) -> list[tuple[Any, ...]]:
    """All that the database itself knows of the tables: conditions of indexes and collations too."""
    with database.reading() as db:
        rows = db.execute(text(SQLITE_SCHEMA if database.sqlite else POSTGRES_SCHEMA)).fetchall()
    return [tuple(" ".join(str(one).split()) for one in row) for row in rows]


def beside_words(name: str | None, kind: str, _: object) -> bool:
    return kind != "table" or not str(name).startswith("words")


def test_migrations_lead_to_exactly_the_tables(database_url: str, postgres: str, tmp_path: Path) -> None:
    migrated = connect(database_url, writable=True, create=True)
    with migrated.writing() as db:
        migrate(db)
    with migrated.reading() as db:
        # The index of words is not the same on both databases, and Alembic cannot compare it: the schemas are, below.
        opts = {"compare_type": True, "version_table": VERSION_TABLE, "include_name": beside_words}
        context = MigrationContext.configure(db, opts=opts)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION == REVISIONS[-1]
    with fresh_database(postgres) as other:
        direct = connect(
            sqlite_url(tmp_path / "direct.sqlite") if migrated.sqlite else other, writable=True, create=True
        )
        with direct.writing() as db:
            metadata.create_all(db)
        assert schema(migrated) == schema(direct)
        direct.engine.dispose()
    migrated.engine.dispose()


def test_migrating_again_changes_nothing(database_url: str) -> None:
    Catalog.create(database_url, SPACE).close()
    database = connect(database_url, writable=True)
    before = schema(database)
    with database.writing() as db:
        migrate(db)
    assert schema(database) == before
    database.engine.dispose()


def test_opening_imports_no_alembic(database_url: str) -> None:
    Catalog.create(database_url, SPACE).close()
    code = (
        "import sys; from hearsee.indexer.catalog import Catalog; "
        f"Catalog.open({database_url!r}, writable=True).close(); sys.exit('alembic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_catalog_of_a_newer_version_is_refused(database_url: str) -> None:
    Catalog.create(database_url, SPACE).close()
    database = connect(database_url, writable=True)
    with database.writing() as db:
        db.execute(text("UPDATE hearsee_version SET version_num = 'm999'"))
    database.engine.dispose()
    for writable in (True, False):
        with pytest.raises(Refused, match=r"newer Hearsee \(m999\): pip install -U hearsee"):
            Catalog.open(database_url, writable=writable)


def test_an_empty_postgres_holds_no_library(postgres_url: str) -> None:
    with pytest.raises(NotFound, match="no library in postgresql://"):
        Catalog.open(postgres_url, writable=False)
    made = Catalog.create(postgres_url.replace("postgresql://", "postgres://"), SPACE)
    made.close()
    Catalog.open(postgres_url.replace("postgresql://", "postgresql+psycopg://"), writable=False).close()


def test_a_missing_catalog_is_not_made_by_opening_it(sqlite_file: Path) -> None:
    for writable in (True, False):
        with pytest.raises(NotFound, match=r"no catalog at .*hearsee index FOLDER"):
            Catalog.open(sqlite_url(sqlite_file), writable=writable)
    with pytest.raises(NotFound):
        Catalog.open(sqlite_url(sqlite_file.parent), writable=False)
    with pytest.raises(NotFound, match="no folder"):
        Catalog.create(sqlite_url(sqlite_file.parent / "none" / "catalog.sqlite"), SPACE)
    assert not sqlite_file.exists()
    sqlite_file.touch()
    with pytest.raises(NotFound, match="no library in"):
        Catalog.open(sqlite_url(sqlite_file), writable=False)


@pytest.mark.parametrize("writable", [True, False])
def test_a_file_that_is_no_catalog_is_damaged(sqlite_file: Path, writable: bool) -> None:
    sqlite_file.write_bytes(b"these are not the bytes of a database" * 500)
    with pytest.raises(Damaged, match=r"catalog\.sqlite is damaged"):
        Catalog.open(sqlite_url(sqlite_file), writable=writable)


def test_a_catalog_with_zeroed_pages_is_damaged(sqlite_file: Path) -> None:
    with Catalog.create(sqlite_url(sqlite_file), SPACE) as catalog:
        catalog.commit(ONE)
    raw = sqlite_file.read_bytes()
    sqlite_file.write_bytes(raw[:4096] + bytes(len(raw) - 4096))
    with pytest.raises(Damaged, match="is damaged"):
        Catalog.open(sqlite_url(sqlite_file), writable=False).view()


@pytest.mark.parametrize("folder", ["plain", "with space", "100% #1?x=y", "é🐝", 'it\'s "so"'])
def test_any_folder_may_hold_a_catalog(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    url = sqlite_url(tmp_path / folder / "catalog.sqlite")
    with Catalog.create(url, SPACE) as catalog:
        catalog.commit(ONE)
    with Catalog.open(url, writable=False) as catalog:
        assert catalog.find(["test:1"])
    assert [path.name for path in (tmp_path / folder).iterdir() if path.suffix == ".sqlite"] == ["catalog.sqlite"]
    assert [path.name for path in tmp_path.iterdir()] == [folder]


def test_sqlite_writes_so_that_a_commit_survives_a_power_cut(sqlite_file: Path) -> None:
    Catalog.create(sqlite_url(sqlite_file), SPACE).close()
    database = connect(sqlite_url(sqlite_file), writable=True)
    with database.reading() as db:
        asked = ("journal_mode", "synchronous", "foreign_keys")
        assert [db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked] == ["wal", 2, 1]
    database.engine.dispose()


def test_a_reader_cannot_write_and_takes_up_no_log(sqlite_file: Path) -> None:
    with Catalog.create(sqlite_url(sqlite_file), SPACE) as writer:
        writer.commit(ONE)
        log = sqlite_file.with_name("catalog.sqlite-wal")
        before = log.read_bytes()
        assert before
        with Catalog.open(sqlite_url(sqlite_file), writable=False) as reader:
            assert reader.generation() == 1
            with pytest.raises(HearseeError, match="cannot be written"):
                reader.commit(ONE)
        assert log.read_bytes() == before


def test_a_second_writer_is_told_to_wait(sqlite_file: Path) -> None:
    with Catalog.create(sqlite_url(sqlite_file), SPACE) as catalog:
        holding = sqlite3.connect(sqlite_file, isolation_level=None)
        holding.execute("BEGIN IMMEDIATE")
        hurried = Catalog(connect(sqlite_url(sqlite_file), writable=True, busy_seconds=0.05))
        with pytest.raises(Busy, match="being written by another process"):
            hurried.commit(ONE)
        assert catalog.generation() == 0  # reading goes on
        holding.execute("ROLLBACK")
        holding.close()
        assert hurried.commit(ONE) == 1
        hurried.close()


def test_commits_of_two_threads_follow_each_other(database_url: str) -> None:
    with Catalog.create(database_url, SPACE) as catalog:
        generations: list[int] = []

        def work(name: int) -> None:
            for n in range(10):
                item = NewItem(f"test:{name}-{n}", Modality.TEXT, "c", 1, "test", [])
                generations.append(catalog.commit(Change(items=[item])))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(generations) == list(range(1, 31))
        assert len(catalog.page(limit=100)) == 30


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write any folder")
def test_a_folder_nobody_can_write_can_be_searched(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir()
    url = sqlite_url(folder / "catalog.sqlite")
    with Catalog.create(url, SPACE) as catalog:
        catalog.commit(ONE)
    folder.chmod(0o555)
    try:
        with Catalog.open(url, writable=False) as catalog:
            assert catalog.generation() == 1
    finally:
        folder.chmod(0o755)


def test_a_copy_of_the_file_is_the_catalog(sqlite_file: Path, tmp_path: Path) -> None:
    with Catalog.create(sqlite_url(sqlite_file), SPACE) as catalog:
        catalog.commit(ONE)
    shutil.copy(sqlite_file, tmp_path / "copy.sqlite")  # closing wrote the log back
    with Catalog.open(sqlite_url(tmp_path / "copy.sqlite"), writable=False) as copy:
        assert copy.generation() == 1


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:s3cret@host/db",
        "s3cret",
        "postgresql://me:s3cret@host:port/db",
        "postgresql://me:s3cret@127.0.0.1:1/db",
        "postgresql://me:s3cret@[::1/db",
        "postgresql://127.0.0.1:1/db?user=me&password=s3cret",
        "postgresql://me:s3cret@127.0.0.1:1/db?sslmode=wrong",
        "postgresql://me:s3cret@127.0.0.1:1/db?nonsense=1",
        "sqlite://",
        "sqlite:///",
    ],
)
def test_no_error_holds_a_password(url: str) -> None:
    with pytest.raises(HearseeError) as failed:
        Catalog.open(url, writable=False)
    message = str(failed.value)
    assert "s3cret" not in message.replace("of kind 's3cret'", "")
    assert "\n" not in message


def test_postgres_without_its_driver_names_the_extra() -> None:
    code = "import sys; sys.modules['psycopg'] = None\nfrom hearsee.indexer.catalog import Catalog\n"
    code += "try: Catalog.open('postgresql://me:s3cret@host/db', writable=False)\n"
    code += "except Exception as error: print(type(error).__name__, error)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert (
        said
        == f"{BadInput.__name__} postgresql://host/db needs the PostgreSQL driver: pip install 'hearsee[postgres]'\n"
    )
