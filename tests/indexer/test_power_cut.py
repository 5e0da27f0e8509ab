"""A file system that loses its power keeps every commit that was acknowledged before, and the library is sound."""

from __future__ import annotations

import fcntl
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hearsee.core.errors import NotFound
from hearsee.indexer.library import Library
from hearsee.indexer.sweep import named
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.crasher import State, after, operation
from tests.indexer.stock import SPACE, kept, same
from tests.indexer.test_crash import ROOT, check_search

MKFS = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = struct.pack("I", 2)  # not even the file system's journal is written
IMAGE_BYTES = 256 << 20
ORDERED = "data=ordered"
CARELESS = "data=writeback,noauto_da_alloc"  # ext4 orders nothing by itself: names may last longer than contents
CUTS = int(os.environ.get("TEST_POWER_CUTS", "60"))  # of the campaign


@dataclass(frozen=True)
class Disk:
    image: Path
    folder: Path  # where it is mounted

    def mount(self, options: str = ORDERED) -> None:
        subprocess.run(["mount", "-o", f"loop,{options}", str(self.image), str(self.folder)], check=True)

    def cut(self) -> None:
        """The power goes: what only the page cache holds is lost, and every write from now on fails."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, FS_IOC_SHUTDOWN, NO_LOG_FLUSH)
        finally:
            os.close(descriptor)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)  # frees the loop device, too


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """An empty ext4 in a file, not mounted yet."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk to cut its power takes root")
    if MKFS is None:
        pytest.skip("there is no mkfs.ext4: install e2fsprogs")
    made = Disk(tmp_path / "disk.ext4", tmp_path / "disk")
    made.folder.mkdir()
    with made.image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run([MKFS, "-q", "-F", str(made.image)], check=True)
    try:
        made.mount()
    except subprocess.CalledProcessError:
        pytest.skip("loop mounts are not permitted here")
    made.unmount()
    try:
        yield made
    finally:
        if made.folder.is_mount():
            subprocess.run(["umount", "--lazy", str(made.folder)], check=True)
        made.image.unlink()


@dataclass(frozen=True)
class Said:
    ready: bool  # the library was made or opened before the cut
    before: int  # operations acknowledged before the cut
    ever: int  # operations acknowledged at all


def write_until_cut(disk: Disk, folder: Path, seed: int, start: int, dice: random.Random) -> Said:
    command = [sys.executable, "-m", "tests.indexer.crasher", str(folder), str(seed), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        early = dice.random() < 0.1  # perhaps while the library is made or opened
        if not early:
            select.select([child.stdout], [], [], 120)
        time.sleep(dice.random() * (2.0 if early else 0.5))
        os.set_blocking(child.stdout.fileno(), False)
        heard = child.stdout.read() or b""
        disk.cut()
        os.set_blocking(child.stdout.fileno(), True)
        if dice.random() < 0.5:  # else it finds out for itself
            child.send_signal(signal.SIGKILL)
        rest, errors = child.communicate(timeout=60)
    if child.returncode != -signal.SIGKILL:
        assert child.returncode == 1
        assert errors.decode().splitlines()[-1].startswith("hearsee.core.errors."), errors.decode()
    lines = (heard + rest).split()
    assert lines == [b"ready", *(str(start + n).encode() for n in range(len(lines) - 1))][: len(lines)]
    return Said(b"ready" in heard, heard.count(b"\n") - (b"ready" in heard), max(0, len(lines) - 1))


def settled(folder: Path, said: Said, start: int, state: State, seed: int) -> tuple[int, State] | None:
    """What the library holds after the cut must be what some operation from the last acknowledged on left behind."""
    candidates = {start: state}
    for number in range(start, start + said.ever + 1):  # the last one was acknowledged to nobody
        candidates[number + 1] = after(candidates[number], number, operation(seed, number))
    try:
        with Library.open(folder, space=SPACE) as library:
            held = kept(folder, library.catalog)
    except NotFound:
        assert not said.ready
        assert start == 0
        return None
    for number in range(start + said.before, start + said.ever + 2):
        if same(held, candidates[number]):
            return number, candidates[number]
    lost = [number for number, expected in candidates.items() if same(held, expected)]
    pytest.fail(f"{said} from operation {start} of seed {seed}: {f'lost back to {lost[-1]}' if lost else 'torn'}")


def check_goes_on(folder: Path, state: State) -> None:
    report = verify(folder, space=SPACE)
    assert report.problems == ()
    check_search(folder, state)
    with Writer.open(folder, space=SPACE) as writer:  # orphans go
        files = {p.relative_to(folder).as_posix() for d in ("segments", "shards") for p in (folder / d).iterdir()}
        assert files == named(writer.catalog)
    report = verify(folder, space=SPACE)
    assert (report.problems, report.leftovers) == ((), ())


def cut_power(disk: Disk, cuts: int, seed: int, tell: Callable[[str], None] = lambda _: None) -> None:
    dice = random.Random(seed)
    folder, number, state, acknowledged = disk.folder / "0" / "library", 0, State(), 0
    disk.mount()
    for cut in range(cuts):
        if dice.random() < 0.1:  # a new one, in a folder whose parent is new as well
            folder, number, state = disk.folder / str(cut) / "library", 0, State()
        said = write_until_cut(disk, folder, seed, number, dice)
        acknowledged += said.before
        disk.unmount()
        disk.mount(CARELESS if cut % 2 else ORDERED)
        found = settled(folder, said, number, state, seed)
        if found is not None:
            number, state = found
            check_goes_on(folder, state)
        tell(f"cut {cut}: {said}, operation {number}, {acknowledged} acknowledged")
    disk.unmount()


def test_a_cut_loses_what_was_not_synced_and_nothing_else(disk: Disk) -> None:
    """Else the other tests here would show nothing."""
    disk.mount()
    with (disk.folder / "synced").open("wb") as synced, (disk.folder / "not synced").open("wb") as loose:
        synced.write(b"stays" * 1000)
        synced.flush()
        os.fsync(synced.fileno())
        loose.write(b"goes" * 1000)
        loose.flush()
        disk.cut()
    disk.unmount()
    disk.mount()
    assert (disk.folder / "synced").read_bytes() == b"stays" * 1000
    loose_file = disk.folder / "not synced"
    assert not loose_file.exists() or not loose_file.read_bytes()
    disk.unmount()


def test_three_power_cuts_lose_nothing(disk: Disk) -> None:
    cut_power(disk, 3, seed=random.randrange(2**32))


@pytest.mark.campaign
@pytest.mark.timeout(7200)
def test_many_power_cuts_lose_nothing(disk: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    def tell(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)  # noqa: T201

    cut_power(disk, CUTS, seed=random.randrange(2**32), tell=tell)
