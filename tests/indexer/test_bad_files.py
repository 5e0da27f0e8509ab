"""Hundreds of bad files through the real command: none stops it, each is named with a reason, good ones get in."""

from __future__ import annotations

import inspect
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from hearsee.core.space import load_space
from hearsee.indexer.ingest.decoders import Decoders
from hearsee.indexer.ingest.pipeline import FLYING_BYTES
from hearsee.indexer.ingest.reading import AHEAD_BYTES
from hearsee.indexer.writer import Writer
from tests.indexer import hazards
from tests.indexer.hazards import Hazard
from tests.indexer.shop import flac, png

HEARSEE = Path(sys.executable).with_name("hearsee")
WORKER_KIB = 2 * 2**20  # the address space that a decoding process may have: see Limits.worker_bytes
PREPARED_BYTES: int = inspect.signature(Decoders).parameters["max_bytes"].default
CACHE_BYTES = 16_000 * 2**10  # of the catalog's pages, as `indexer/catalog/connect.py` sets it
# What any number of bad files may add to a run over three good ones: what is read ahead, what is planned, what is
# prepared, what the catalog caches; and half as much again, which the allocator keeps of what was given back.
MORE_KIB = 3 * (AHEAD_BYTES + FLYING_BYTES + PREPARED_BYTES + CACHE_BYTES) // 2 // 2**10
# What would mean nothing to somebody who has only a folder of photos.
JARGON = re.compile(r"Traceback|Error\b|Exception|object at 0x|<[a-z_.]+>|errno|NoneType|\.py\b|b'", re.IGNORECASE)


@dataclass
class Memory:
    """The most memory that a process and its children had, while it ran."""

    root: int
    workers: dict[int, int] = field(default_factory=dict)  # KiB by process
    itself: int = 0

    def watch(self) -> threading.Thread:
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        return thread

    def _watch(self) -> None:
        while (now := _peak(self.root)) is not None:
            self.itself = max(self.itself, now)
            for child in _children(self.root):
                self.workers[child] = max(self.workers.get(child, 0), _peak(child) or 0)
            time.sleep(0.02)


def _peak(pid: int) -> int | None:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) if found else None
    return None


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(one) for task in tasks for one in (task / "children").read_text().split()]
    return []


def index(root: Path, *sources: Path, space: str) -> tuple[dict[str, Any], Memory]:
    """What `hearsee index` reports, and the memory that it took."""
    library: list[str | Path] = ["--space", space, "--library", root / "library", "--json"]
    arguments = [HEARSEE, "index", *sources, *library]
    environment = {**os.environ, "HEARSEE_WORKERS": "2", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as child:
        memory = Memory(child.pid)
        watching = memory.watch()
        out, err = child.communicate(timeout=1_500)
        watching.join(5)
    assert child.returncode == 0, err.decode()[-2_000:]
    found: dict[str, Any] = json.loads(out.splitlines()[-1])  # the lines before it are commits
    return found, memory


def held(root: Path, space: str) -> tuple[set[bytes], dict[bytes, str]]:
    """The names of the items, and of what is in quarantine, with its reason."""
    with Writer.open(root / "library", space=load_space(space)) as writer:
        items = {_name(item.uri) for item in writer.catalog.page(limit=100_000)}
        return items, {_name(bad.uri): bad.reason for bad in writer.catalog.quarantined(100_000)}


def _name(uri: str) -> bytes:
    return unquote_to_bytes(uri.rpartition("/")[2])


def put(folder: Path, files: Iterable[tuple[bytes, bytes]]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, raw in files:
        (folder / os.fsdecode(name)).write_bytes(raw)
        count += 1
    return count


def put_no_files(folder: Path) -> dict[bytes, str]:
    """Things in a folder that are no files, with a part of the reason that they must be given."""
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket may have 107 bytes
        listening.bind("socket.wav")
        os.chdir(here)
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "round").mkdir()
    (folder / "round" / "again").symlink_to(folder)
    (folder / "folder.png").mkdir()
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "passwords.txt").symlink_to("/etc/passwd")
    (folder / "nowhere.png").symlink_to("nothing-here")
    reasons = {
        b"pipe.png": "a named pipe, not a file",
        b"socket.wav": "a socket, not a file",
        b"loop.png": "too many levels of symbolic links",
        b"zero.png": "leads out of the folder",
        b"passwords.txt": "leads out of the folder",
        b"nowhere.png": "no such file",
    }
    with suppress(PermissionError):  # only root may
        os.mknod(folder / "device.png", 0o20666, os.makedev(1, 5))
        reasons[b"device.png"] = "a device, not a file"
    return reasons


def bad_tar(path: Path) -> set[bytes]:
    """A tar whose members wish to be elsewhere, and one good picture; the names that must be refused."""
    with tarfile.open(path, "w") as tar:
        for number, name in enumerate(["../../out.png", "/etc/absolute.png", "deep/../../up.png", "fine.png"]):
            member = tarfile.TarInfo(name)
            raw = png(200 + number)
            member.size = len(raw)
            tar.addfile(member, BytesIO(raw))
        for name, kind, leads in (
            ("link.png", tarfile.SYMTYPE, "/etc/passwd"),
            ("hard.png", tarfile.LNKTYPE, "../../etc/passwd"),
            ("pipe-in-a-tar.png", tarfile.FIFOTYPE, ""),
            ("device-in-a-tar.png", tarfile.CHRTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, leads
            tar.addfile(member)
    return {
        b"out.png",
        b"absolute.png",
        b"up.png",
        b"link.png",
        b"hard.png",
        b"pipe-in-a-tar.png",
        b"device-in-a-tar.png",
    }


def run_all(root: Path, bad: list[Hazard], space: str) -> tuple[dict[bytes, str], Memory, Memory]:
    """Index bad files among good ones and check all that holds for any number of them."""
    folder = root / "media"
    put(folder / "bad", ((hazard.name, hazard.raw) for hazard in bad))
    odd = hazards.names()
    good = [
        *((name + b".png", png(n)) for n, name in enumerate(odd)),
        (b"good.flac", flac(1, 0.2)),
        (b"good.txt", b"owl"),
    ]
    put(folder / "odd names", good)
    put(folder / "odd and bad", ((name + b".jpg", b"nothing") for name in odd))
    elsewhere = put_no_files(folder)
    refused = bad_tar(root / "samples.tar")
    (root / "usual").mkdir()
    put(root / "plain", good[-3:])  # one of each modality
    _, usual = index(root / "usual", root / "plain", space=space)
    report, memory = index(root, folder, root / "samples.tar", space=space)
    items, reasons = held(root, space)

    assert {name for name, _ in good} <= items
    assert b"fine.png" in {name.rpartition(b"#")[2] for name in items}
    assert {hazard.name for hazard in bad if hazard.refused} <= reasons.keys()
    assert {hazard.name for hazard in bad} <= reasons.keys() | items
    assert {name + b".jpg" for name in odd} <= reasons.keys()
    assert all(said in reasons[name] for name, said in elsewhere.items())
    assert refused <= {name.rpartition(b"#")[2].rpartition(b"/")[2] for name in reasons}
    assert report["quarantined"] == len(reasons)
    for name, reason in reasons.items():
        assert 8 < len(reason) < 300, (name, reason)
        assert not JARGON.search(reason), (name, reason)
    assert memory.workers
    assert max(memory.workers.values()) < WORKER_KIB
    assert memory.itself < usual.itself + MORE_KIB
    return reasons, memory, usual


def test_a_sample_of_bad_files(tmp_path: Path) -> None:
    canary = tmp_path / "opened-by-a-pickle"
    bad = [*hazards.damaged(14), *hazards.disguised(str(canary)), *hazards.bombs(), *hazards.texts()]
    assert len(bad) > 500
    run_all(tmp_path, bad, "hash")
    assert not canary.exists()


@pytest.mark.campaign
@pytest.mark.timeout(1_500)  # on a busy machine
@pytest.mark.parametrize("space", ["toybox", "hash"])  # one that is waited for, and one that never is
def test_thousands_of_bad_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], space: str) -> None:
    canary = tmp_path / "opened-by-a-pickle"
    bad = [*hazards.damaged(150, seed=7), *hazards.disguised(str(canary)), *hazards.bombs(), *hazards.texts()]
    reasons, memory, usual = run_all(tmp_path, bad, space)
    assert not canary.exists()
    plain = {re.sub(r"\d[\d,.:]*", "N", reason) for reason in reasons.values()}
    lines = [
        f"{len(bad):,} bad files, {len(reasons):,} in quarantine, {len(plain)} distinct reasons",
        f"peak memory: {max(memory.workers.values()) >> 10} MiB of a worker, {memory.itself >> 10} MiB of the run",
        f"{usual.itself >> 10} MiB of a run over three good files",
        f"{len(memory.workers)} decoding processes were started",
        *sorted(plain),
    ]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
