"""One writer at a time, and no lock outlives its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hearsee.core.errors import Busy
from hearsee.indexer.lock import OPENING, WriterLock, opening, unlinking

HOLD = """
import sys, time
from pathlib import Path
from hearsee.indexer.lock import WriterLock
lock = WriterLock.take(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_writer_is_told_who_writes_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(Busy, match=f"library .* is being written by process {child.pid}"):
            WriterLock.take(tmp_path)
        child.send_signal(signal.SIGKILL)
        child.wait()
    WriterLock.take(tmp_path).release()


def test_a_second_writer_in_one_process_is_refused_too(tmp_path: Path) -> None:
    lock = WriterLock.take(tmp_path)
    with pytest.raises(Busy, match=f"process {os.getpid()}"):
        WriterLock.take(tmp_path)
    lock.release()
    lock.release()  # twice does no harm
    WriterLock.take(tmp_path).release()


def test_files_are_not_unlinked_while_a_reader_opens(tmp_path: Path) -> None:
    with unlinking(tmp_path, 0) as alone:
        assert alone
    with opening(tmp_path), opening(tmp_path):
        started = time.monotonic()
        with unlinking(tmp_path, 0.05) as alone:
            assert not alone
        assert time.monotonic() - started < 5
    with unlinking(tmp_path, 0) as alone:
        assert alone


def test_a_reader_makes_no_lock_file(tmp_path: Path) -> None:
    with opening(tmp_path):
        assert not (tmp_path / OPENING).exists()
