"""What an indexing shows while it runs: a bar in a terminal, plain lines elsewhere, nothing beside JSON."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

from hearsee.api.indexing import line, lines, said_of
from hearsee.core.settings import Settings
from hearsee.core.space import load_space
from hearsee.indexer.ingest import ingest
from hearsee.indexer.ingest.pace import Moment, Speed
from hearsee.indexer.writer import Writer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_says_how_many_how_fast_what_limits_and_how_long() -> None:
    moment = Moment(1234, 5000, 60.0, {}, {})
    said = line(moment, Speed(20.5, "encode", 0.934, 183.7))
    assert said == "1,234 of 5,000 items, 20 items/s, encode limits (93 %), 0:03:04 left"
    assert line(Moment(7, None, 1.0, {}, {}), Speed(1.25, None, 0.0, None)) == "7 items, 1.2 items/s"
    assert said_of(Moment(5, 5, 1.0, {}, {}), Speed(5.0, "read", 1.0, 0.0)) == "5.0 items/s, read limits (100 %)"


def test_lines_come_every_ten_seconds_only() -> None:
    out, clock = io.StringIO(), Clock()
    tell = lines(out, clock)
    for second in range(25):
        clock.now = float(second)
        tell(Moment(10 * second, 1000, float(second), {}, {"read": float(second)}))
    said = out.getvalue().splitlines()
    assert [text.split(" items,")[0] for text in said] == ["100 of 1,000", "200 of 1,000"]
    assert said[1].endswith("10 items/s, read limits (100 %), 0:01:20 left")


def test_after_the_last_item_it_is_told_what_goes_on() -> None:
    out = io.StringIO()
    tell = lines(out, Clock())
    building = "building what searches fast: 90,000 image points"
    tell(Moment(9, 9, 3.0, {}, {}, building))
    assert out.getvalue() == "", "a short run ends at once"
    tell(Moment(90_000, 90_000, 600.0, {}, {}, building))
    assert out.getvalue() == f"{building}\n"


def test_the_end_of_an_ingest_says_what_it_builds(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    for number in range(3):
        (tmp_path / "media" / f"{number}.txt").write_text(f"bell {number}")
    moments: list[Moment] = []
    space = load_space("hash")
    with Writer.open(tmp_path / "library", space=space) as writer:
        ingest(writer, [str(tmp_path / "media")], space, Settings(workers=1), progress=moments.append)
    assert (moments[-1].done, moments[-1].total) == (3, 3)
    assert moments[-1].doing == "building what searches fast: 3 text points"
    assert not any(moment.doing for moment in moments[:-1])


def index(folder: Path, library: Path, stderr: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hearsee.api.main", "index", str(folder), "--space", "hash", "--library"]
    environ = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    return subprocess.Popen([*command, str(library)], stdout=subprocess.DEVNULL, stderr=stderr, env=environ)


def test_a_terminal_sees_a_bar_and_a_pipe_nothing_of_a_short_run(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(40):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(folder / f"{number}.png")
    here, there = pty.openpty()
    with index(folder, tmp_path / "one", there) as run:
        os.close(there)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end was closed
            while more := os.read(here, 65536):
                shown += more
    os.close(here)
    assert run.returncode == 0
    text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown).decode()
    last = [part.strip() for part in re.split(r"[\r\n]+", text) if part.strip()][-1]
    assert last.startswith("Indexing")
    assert "40/40" in last
    assert "items/s" in last
    assert re.search(r"(read|decode|encode|write) limits \(\d+ %\)", last)
    assert "left" not in last
    assert "building" not in last
    with index(folder, tmp_path / "two", subprocess.PIPE) as run:
        assert run.communicate()[1] == b""
