"""Database URLs, engines, and what goes wrong with them said in one line that never holds a password."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import BigInteger, Connection, Engine, Text, any_, bindparam, create_engine, event, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.elements import ColumnElement

from hearsee.core.errors import BadInput, Busy, Damaged, HearseeError, NotFound

BUSY_SECONDS = 10.0
_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True)
class Database:
    engine: Engine
    label: str  # for messages: no user, no password

    @property
    def sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For single statements: no transaction around them."""
        with self.explained(), self.engine.connect() as db:
            yield db

    def ask(self, statement: str, bound: tuple[Any, ...] = ()) -> Sequence[Any]:
        """The rows of one question on the search path, where SQLAlchemy's results would cost more than the answer."""
        if not self.sqlite:
            with self.reading() as db:
                return db.exec_driver_sql(statement, bound).fetchall()
        with self.explained():
            connection = self.engine.raw_connection()
            try:
                return connection.cursor().execute(statement, bound).fetchall()  # type: ignore[no-any-return]
            except sqlite3.Error as error:
                raise DBAPIError(statement, None, error) from error
            finally:
                connection.close()  # back to the pool

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """For several statements that must see one state."""
        with self.explained(), self.engine.connect() as db:
            if not self.sqlite:
                db = db.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with db.begin():
                if self.sqlite:
                    db.exec_driver_sql("BEGIN")
                yield db

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is durable when this returns."""
        with self.explained(), self.engine.connect() as db:
            if not self.sqlite:
                db = db.execution_options(isolation_level="READ COMMITTED")
            with db.begin():
                db.exec_driver_sql("BEGIN IMMEDIATE" if self.sqlite else "SET LOCAL synchronous_commit TO on")
                yield db

    @contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise explain(error, self.label) from error
        except PoolTimeout as error:
            raise Busy(f"catalog {self.label} is busy: every connection is in use, try again") from error

    def among(self, column: ColumnElement[Any], values: Sequence[int] | Sequence[str]) -> ColumnElement[bool]:
        """The column is one of the values, however many: they travel as one bound value."""
        # int: numpy's integers are no numbers to JSON or the drivers
        given = [value if isinstance(value, str) else int(value) for value in values]
        if self.sqlite:
            listed = func.json_each(bindparam(None, json.dumps(given), Text())).table_valued("value")
            return column.in_(select(listed.c.value))
        kind = Text() if given and isinstance(given[0], str) else BigInteger()
        return column == any_(bindparam(None, given, ARRAY(kind)))


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file; nothing in it is escaped, so any folder name survives."""
    return f"{_SQLITE}{path}"


def connect(url: str, *, writable: bool, create: bool = False, busy_seconds: float = BUSY_SECONDS) -> Database:
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return _sqlite(Path(url.removeprefix(_SQLITE)), writable=writable, create=create, busy_seconds=busy_seconds)
    if url.partition("://")[0] in _POSTGRES:
        return _postgres(url)
    scheme = url.partition(":")[0][:20]
    raise BadInput(
        f"database URL of kind {scheme!r} is not supported: use sqlite:///PATH or postgresql://USER@HOST/NAME"
    )


def explain(error: DBAPIError, label: str) -> HearseeError:
    """What a database error means to the user."""
    said = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
    if isinstance(error.orig, sqlite3.Error):
        if "locked" in said or "busy" in said:
            return Busy(f"catalog {label} is being written by another process: try again when it is done")
        if "malformed" in said or "not a database" in said or "no such table" in said or "no such column" in said:
            return Damaged(f"catalog {label} is damaged ({said}): restore it from a copy, or index into a new library")
        if "readonly" in said:
            return HearseeError(f"catalog {label} cannot be written ({said}): check the permissions of its folder")
        return HearseeError(f"catalog {label} failed ({said}): check the disk, then run hearsee verify")
    if getattr(error.orig, "sqlstate", None) in ("55P03", "40001", "40P01"):
        return Busy(f"catalog {label} is being written by another process: try again when it is done")
    return HearseeError(f"catalog {label} failed ({said}): check that the server runs and may be used")


def _sqlite(path: Path, *, writable: bool, create: bool, busy_seconds: float) -> Database:
    label = str(path)
    if path.is_dir() or not (create or path.is_file()):
        raise NotFound(f"no catalog at {label}: restore it, or start anew with `hearsee index FOLDER --library NEW`")
    if create and not path.parent.is_dir():
        raise NotFound(f"no folder {path.parent} to make a catalog in: make it first")
    name = f"file:{quote(str(path.absolute()))}"
    mode = "mode=rwc" if create else "mode=rw" if writable else _readable(name, path)

    def dial() -> sqlite3.Connection:
        # isolation_level None: transactions begin where this package says so, never by guesswork of the driver
        return sqlite3.connect(
            f"{name}?{mode}", uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )

    engine = create_engine(
        "sqlite+pysqlite://", creator=dial, poolclass=QueuePool, pool_size=16, max_overflow=-1, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA cache_size = -16000")  # KiB
        if writable:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")

    return Database(engine, label)


def _readable(name: str, path: Path) -> str:
    """How a reader opens the file: `ro` never checkpoints; a folder that nobody can write needs `immutable`."""
    try:
        connection = sqlite3.connect(f"{name}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise Busy(f"catalog {path} is being written by another process: try again when it is done") from error
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise HearseeError(
                f"catalog {path} cannot be read: {log.name} holds commits that only a user who may write the folder "
                "can take up; run any hearsee command as that user once"
            ) from error
        return "mode=ro&immutable=1"
    except sqlite3.DatabaseError as error:
        raise Damaged(
            f"catalog {path} is damaged ({error}): restore it from a copy, or index into a new library"
        ) from error
    return "mode=ro"


def _postgres(url: str) -> Database:
    try:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        label = f"postgresql://{parsed.host or parsed.query.get('host', '')}/{parsed.database or ''}"
        # hide_parameters: rows never end up in a traceback; AUTOCOMMIT: one round trip for a single statement
        engine = create_engine(
            parsed,
            isolation_level="AUTOCOMMIT",
            pool_size=16,
            max_overflow=-1,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={} if "connect_timeout" in parsed.query else {"connect_timeout": 10},
        )
    except (ArgumentError, ValueError):
        raise BadInput(
            "the PostgreSQL URL cannot be read: write postgresql://USER:PASSWORD@HOST:PORT/NAME, "
            "special characters in the password as %XX"
        ) from None
    except ImportError:
        raise BadInput(f"{label} needs the PostgreSQL driver: pip install 'hearsee[postgres]'") from None
    return Database(engine, label)
