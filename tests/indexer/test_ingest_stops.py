"""The ingest killed or interrupted: whole commits, and the next run goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.space import hash_space
from hearsee.indexer.ingest.pace import Moment
from tests.indexer.shop import Shop, png

CHILD = """
import sys
from hearsee.core.settings import Settings
from hearsee.core.space import load_space
from hearsee.indexer.ingest import ingest
from hearsee.indexer.writer import Writer
space = load_space("hash")
with Writer.open(sys.argv[1], space=space) as writer:
    report = ingest(writer, [sys.argv[2]], space, Settings(workers=1), commit_items=20,
                    on_commit=lambda commit: print(commit.generation, commit.items, flush=True))
print("done", report.added, report.unchanged)
"""


def test_killed_at_any_moment_it_goes_on_from_the_last_commit(tmp_path: Path) -> None:
    shop = Shop(tmp_path, hash_space())
    for n in range(1000):
        shop.put(f"{n:03}.png", png(n, size=200))
    acknowledged = 0
    random = np.random.default_rng(5)
    for _ in range(4):
        child = start(CHILD, shop)
        assert child.stdout is not None
        told = child.stdout.readline()
        time.sleep(float(random.uniform(0, 0.1)))
        child.send_signal(signal.SIGKILL)
        told += child.stdout.read()
        child.stdout.close()
        child.wait()
        acknowledged += sum(int(line.split()[1]) for line in told.splitlines() if line[0].isdigit())
        found = len(shop.items())
        assert found % 20 == 0
        assert found >= acknowledged  # a commit may be durable before it could be told
        acknowledged = found
    assert 0 < acknowledged < 1000
    report = shop.run()
    assert (report.added, report.unchanged + report.added) == (1000 - acknowledged, 1000)
    assert all(len(rows) == 1 for rows in shop.vectors().values())


def test_ctrl_c_leaves_whole_commits_and_no_processes(tmp_path: Path) -> None:
    shop = Shop(tmp_path, hash_space())
    for n in range(2000):
        shop.put(f"{n:04}.png", png(n, size=64))
    child = start(CHILD, shop)
    assert child.stdout is not None
    child.stdout.readline()
    workers = _children(child.pid)
    child.send_signal(signal.SIGINT)
    assert child.wait(20) != 0
    child.stdout.close()
    assert workers
    until = time.monotonic() + 5
    while any(map(_alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_alive, workers))
    found = len(shop.items())
    assert shop.run().added == 2000 - found
    assert all(len(rows) == 1 for rows in shop.vectors().values())


def test_ctrl_c_keeps_what_is_through_and_not_yet_committed(tmp_path: Path) -> None:
    shop, told = Shop(tmp_path, hash_space()), []
    for n in range(600):
        shop.put(f"{n:04}.png", png(n, size=64))

    def stop(moment: Moment) -> None:
        if moment.done:
            told.append(moment.done)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.run(progress=stop, commit_items=10**6, commit_seconds=1e6)
    assert [len(shop.items())] == told
    assert shop.run().added == 600 - told[0]


def start(code: str, shop: Shop) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", code, str(shop.root / "library"), str(shop.folder)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def _children(pid: int) -> list[int]:
    return [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    return False
