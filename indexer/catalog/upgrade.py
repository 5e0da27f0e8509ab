"""Brings a catalog's tables to the revision this version speaks; Alembic is imported only when there is work."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from hearsee.core.errors import NotFound, Refused
from hearsee.indexer.catalog.connect import Database
from hearsee.indexer.catalog.tables import REVISION, REVISIONS, VERSION_TABLE


def check(database: Database, *, writable: bool) -> None:
    """Refuse a catalog of a newer version, upgrade one of an older version (readers only say so)."""
    with database.reading() as db:
        found = revision(db)
    if found == REVISION:
        return
    if found is None:
        raise NotFound(f"no library in {database.label}: index something first, as in `hearsee index FOLDER`")
    if found not in REVISIONS:
        raise Refused(f"catalog {database.label} was written by a newer Hearsee ({found}): pip install -U hearsee")
    if not writable:
        raise Refused(
            f"catalog {database.label} was written by an older Hearsee ({found}): "
            "run `hearsee compact` or `hearsee index` once to upgrade it"
        )
    with database.writing() as db:
        migrate(db)


def revision(db: Connection) -> str | None:
    """The catalog's revision by plain SQL; none where there is no catalog."""
    if not inspect(db).has_table(VERSION_TABLE):
        return None
    found = db.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 a constant
    return None if found is None else str(found)


def migrate(db: Connection, to: str = "head") -> None:
    """Run every missing migration inside the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    if db.dialect.name == "postgresql":  # two processes may upgrade at once; the second waits, then finds nothing to do
        db.execute(text("SELECT pg_advisory_xact_lock(4851530311)"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = db
    command.upgrade(config, to)
