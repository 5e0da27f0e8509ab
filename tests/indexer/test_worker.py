"""The decoding processes: what they are given may kill them, and the work goes on."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hearsee.core.errors import BadInput, BadMedia, HearseeError
from hearsee.core.media import Limits
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
from hearsee.indexer.ingest.decoders import Decoders

HASH = "hearsee.core.encoders.hash:prepare"
EVIL = '''
import os, signal, sys, time
import numpy as np
from hearsee.core.media.kinds import Piece, Span

def by_colour(media):
    """What the picture's red says: 1 dies, 2 eats, 3 sleeps, 4 prints, 5 raises, 6 names torch, 7 gives up."""
    red = int(media.pixels[0, 0, 0])
    if red == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    if red == 2:
        np.ones(2**32)
    if red == 3:
        time.sleep(60)
    if red == 4:
        print("noise on stdout" * 10_000, flush=True)
        os.write(1, b"more noise")
    if red == 5:
        raise KeyError("no such thing")
    if red == 6:
        return [Piece(np.array(["torch" in sys.modules]))]
    if red == 7:
        os._exit(3)
    return [Piece(np.full((2, 3), red, np.float32), Span(0.0, 1.5, "seconds")), Piece(np.arange(4, dtype=np.int16))]
'''

PARENT = """
import sys
from pathlib import Path
from hearsee.core.media import Limits
from hearsee.core.modality import Modality
from hearsee.indexer.ingest.process import Process
process = Process(Limits())
process.send([(Modality.IMAGE, sys.argv[1], Path(sys.argv[2]).read_bytes())])
process.ready(1e12)
print(process._child.pid, flush=True)
process.answer(1e12)
"""


def png(red: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (red, 0, 0)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "evil_preparation.py").write_text(EVIL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "evil_preparation:by_colour"


@pytest.fixture
def pool() -> Iterator[Decoders]:
    decoders = Decoders(1, Limits(decode_seconds=2.0))
    yield decoders
    decoders.close()


def test_pieces_come_back_as_they_were_prepared(pool: Decoders, evil: str) -> None:
    first, second = pool.submit(Modality.IMAGE, evil, png(200)).result()
    assert first.data.tolist() == [[200.0] * 3] * 2
    assert first.span is not None
    assert (first.span.start, first.span.end, first.span.unit) == (0.0, 1.5, "seconds")
    assert (second.data.tolist(), second.data.dtype.str, second.span) == ([0, 1, 2, 3], "<i2", None)


@pytest.mark.parametrize(
    ("red", "said"),
    [
        (1, r"crashed the decoder \(signal SIGSEGV\)"),
        (2, "decoding needed more than 2 GB of memory"),
        (3, "decoding took longer than 2 s"),
        (5, "cannot be prepared for its tower: KeyError"),
        (7, r"crashed the decoder \(exit code 3\)"),
    ],
)
def test_what_kills_a_process_takes_only_itself_along(pool: Decoders, evil: str, red: int, said: str) -> None:
    jobs = [pool.submit(Modality.IMAGE, evil, png(value)) for value in (90, red, 91, 92, 93, 94)]
    with pytest.raises(BadMedia, match=said):
        jobs.pop(1).result(timeout=30)
    assert [int(job.result(timeout=30)[0].data[0, 0]) for job in jobs] == [90, 91, 92, 93, 94]


def test_libraries_that_print_do_not_break_the_answers(pool: Decoders, evil: str) -> None:
    assert pool.submit(Modality.IMAGE, evil, png(4)).result(timeout=30)[0].data[0, 0] == 4


def test_a_worker_never_imports_torch(pool: Decoders, evil: str) -> None:
    assert pool.submit(Modality.IMAGE, evil, png(6)).result(timeout=30)[0].data.tolist() == [False]


def test_a_missing_preparation_is_not_blamed_on_the_media(pool: Decoders) -> None:
    with pytest.raises(BadInput, match="cannot be imported"):
        pool.submit(Modality.IMAGE, "nowhere:prepare", png(1)).result(timeout=30)


def test_a_process_that_cannot_start_is_not_blamed_on_the_media(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "nowhere")
    decoders = Decoders(1, Limits())
    with pytest.raises(HearseeError, match="does not start"):
        decoders.submit(Modality.IMAGE, HASH, png(1)).result(timeout=60)
    decoders.close()


def test_results_that_nobody_takes_hold_the_processes_up() -> None:
    out = io.BytesIO()
    Image.new("RGB", (1000, 1000)).save(out, "PNG")  # 3 MB of pixels
    decoders = Decoders(2, Limits(), max_bytes=10_000_000)
    jobs = [decoders.submit(Modality.IMAGE, HASH, out.getvalue()) for _ in range(30)]
    time.sleep(1.5)
    assert sum(job.done() for job in jobs) <= 6  # 4 fill the room, and each process may add one more
    for job in jobs:
        pieces = job.result(timeout=30)
        assert pieces[0].data.nbytes == 3_000_000
        decoders.release(pieces)
    decoders.close()


def test_large_pieces_and_many_jobs_do_not_lock_up() -> None:
    raw = np.random.default_rng(0).integers(0, 255, (1500, 1500, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(raw).save(out, "BMP")  # 6.7 MB there, 6.7 MB back, with pipes of 1 MB
    decoders = Decoders(1, Limits())
    jobs = [decoders.submit(Modality.IMAGE, HASH, out.getvalue()) for _ in range(8)]
    assert all(np.array_equal(job.result(timeout=60)[0].data, raw) for job in jobs)
    decoders.close()


def test_the_worker_prepares_exactly_as_a_query_does(pool: Decoders) -> None:
    raw = png(77)
    (here,) = prepare(HASH, Modality.IMAGE, raw, Limits())
    (there,) = pool.submit(Modality.IMAGE, HASH, raw).result(timeout=30)
    assert np.array_equal(here.data, there.data)


def test_a_worker_dies_with_its_parent(evil: str, tmp_path: Path) -> None:
    (tmp_path / "sleeper.png").write_bytes(png(3))
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PARENT,
            evil,
            str(tmp_path / "sleeper.png"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    time.sleep(0.3)  # it sleeps in the middle of a job now, and does not read
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 10
    while time.monotonic() < until and _running(worker):
        time.sleep(0.05)
    assert not _running(worker)


def _running(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
