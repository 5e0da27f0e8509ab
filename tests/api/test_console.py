"""The console script as a process of its own: starting, stopping, and what it leaves on the terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from hearsee.toybox.write import write_toybox
from tests.api.world import World, await_ready

HEARSEE = Path(sys.executable).parent / "hearsee"
HEAVY = ("torch", "faiss", "numpy", "sqlalchemy", "PIL", "pyarrow", "fastapi", "soundfile")


def hearsee(*args: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HEARSEE, *map(str, args)], capture_output=True, text=True, timeout=120, **more)  # type: ignore[call-overload,no-any-return]


def test_help_imports_nothing_heavy() -> None:
    code = f"""
import sys
from hearsee.api.main import run
assert run(["--help"]) == 0
assert run(["search", "--help"]) == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[]"
    assert "--image" in done.stdout


def test_no_command_at_all_shows_what_there_is() -> None:
    done = hearsee()
    assert done.returncode == 0
    assert "index" in done.stdout


def test_a_search_without_torch_where_the_space_needs_none(world: World) -> None:
    code = f"""
import sys
from hearsee.api.main import run
assert run(["search", "bell", "--library", {str(world.library)!r}, "--json"]) == 0
print("torch" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "False"
    assert json.loads(done.stdout)["hits"]


def test_whoever_reads_the_output_may_leave_early(world: World) -> None:
    with subprocess.Popen(
        [HEARSEE, "list", "--library", world.library], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()
        assert listing.stderr.read() == ""
    assert listing.returncode in (0, 1)


def test_ctrl_c_stops_an_index_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    write_toybox(tmp_path / "toybox", 3000, seed=5)
    library = ("--library", tmp_path / "library", "--json")
    with subprocess.Popen(
        [HEARSEE, "index", tmp_path / "toybox", "--space", "hash", *library],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as indexing:
        assert indexing.stdout is not None
        assert indexing.stderr is not None
        first = json.loads(indexing.stdout.readline())
        indexing.send_signal(signal.SIGINT)
        said = [json.loads(line) for line in indexing.stdout]
        assert "Traceback" not in indexing.stderr.read()
    assert indexing.returncode == 130
    kept = json.loads(hearsee("stats", *library).stdout)
    assert sum(kept["items"].values()) == sum(commit["items"] for commit in [first, *said])
    assert hearsee("verify", *library).returncode == 0


def test_errors_are_one_line_and_no_trace(tmp_path: Path) -> None:
    done = hearsee("search", "bell", "--library", tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("hearsee: no library at ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_serve_says_where_answers_and_stops(world: World, extra: tuple[str, ...]) -> None:
    server = subprocess.Popen(
        [HEARSEE, "serve", "--port", "0", "--library", world.library, *extra],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    url = json.loads(line)["url"] if extra else next(word for word in line.split() if word.startswith("http://"))
    assert url.startswith("http://127.0.0.1:")
    try:
        with httpx.Client(base_url=url, transport=httpx.HTTPTransport(retries=50), timeout=30) as client:
            assert await_ready(client)["status"] == "ready"
            assert client.post("/v1/search", json={"text": "a secret wish"}).status_code == 200
    finally:
        server.send_signal(signal.SIGINT)
        out, complaint = server.communicate(timeout=60)
    assert server.returncode in (0, 130)
    assert "Traceback" not in complaint
    assert "secret" not in out + complaint


def test_a_port_that_is_taken_is_one_line(world: World, server: str) -> None:
    done = hearsee("serve", "--port", server.rpartition(":")[2], "--library", world.library)
    assert done.returncode == 1
    assert "--port" in done.stderr
    assert done.stderr.count("\n") == 1
