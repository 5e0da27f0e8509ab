"""A published file is whole; a failed one was never there."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import Damaged, HearseeError
from hearsee.indexer.arrays import publish_array, read_array
from hearsee.indexer.files import TEMPORARY, Sink, check, damage, make_folder, publish


def write_words(sink: Sink) -> None:
    sink.write(b"two bells, ")
    sink.write(b"far away")


def test_what_is_published_is_what_was_written(tmp_path: Path) -> None:
    published = publish(tmp_path, "words", write_words)
    assert (tmp_path / "words").read_bytes() == b"two bells, far away"
    assert published.sha256 == hashlib.sha256(b"two bells, far away").hexdigest()
    assert (published.path, published.bytes) == ("words", 19)
    check(tmp_path / "words", published.sha256, published.bytes)


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(sink: Sink) -> None:
        sink.write(b"half")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        publish(tmp_path, "words", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    publish(tmp_path, "words", write_words)
    (tmp_path / f"words{TEMPORARY}").mkdir()  # in the way
    with pytest.raises(HearseeError, match="nothing was published"):
        publish(tmp_path, "words", write_words)
    assert (tmp_path / "words").read_bytes() == b"two bells, far away"


LIMITED = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from hearsee.core.errors import HearseeError
from hearsee.indexer.arrays import publish_array
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    publish_array(Path(sys.argv[1]), "rows.npy", (1000, 8), "<f4", [np.ones((1000, 8), np.float32)])
except HearseeError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [0, 1, 127, 128, 129, 4096, 32_127, 32_128])
def test_a_full_disk_publishes_all_or_nothing(tmp_path: Path, limit: int) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(limit)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if limit < 32_128:  # 128 bytes of header and 32,000 of numbers
        assert "free some space" in said
        assert list(tmp_path.iterdir()) == []
    else:
        assert said == ""
        assert (tmp_path / "rows.npy").stat().st_size == 32_128


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    published = publish_array(tmp_path, "rows.npy", (3, 4), "<f4", [rows[:1], rows[1:]])
    path = tmp_path / "rows.npy"
    whole = path.read_bytes()
    into = np.empty((3, 4), np.float32)
    read_array(path, published.sha256, (3, 4), "<f4", into)
    assert np.array_equal(into, rows)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Damaged, match=r"rows\.npy"):
            read_array(path, published.sha256, (3, 4), "<f4", into)
        with pytest.raises(Damaged, match=r"rows\.npy"):
            check(path, published.sha256, published.bytes)
    for changed in (whole[:-1], whole + b"\0", b""):
        path.write_bytes(changed)
        with pytest.raises(Damaged, match=r"rows\.npy"):
            read_array(path, published.sha256, (3, 4), "<f4", into)


def test_what_numpy_reads_is_the_same_array(tmp_path: Path) -> None:
    rows = np.arange(12, dtype=np.float16).reshape(3, 4)
    publish_array(tmp_path, "rows.npy", (3, 4), "<f2", [rows])
    assert np.array_equal(np.load(tmp_path / "rows.npy", allow_pickle=False), rows)


@pytest.mark.parametrize("blocks", [[2], [4], [1, 1]])
def test_fewer_or_more_rows_than_promised_are_refused(tmp_path: Path, blocks: list[int]) -> None:
    with pytest.raises(ValueError, match="rows"):
        publish_array(tmp_path, "rows.npy", (3, 4), "<f4", [np.ones((n, 4), np.float32) for n in blocks])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="is missing"):
        check(tmp_path / "gone", "0" * 64, 1)
    with pytest.raises(Damaged, match="is missing"):
        read_array(tmp_path / "gone", "0" * 64, (1, 1), "<f4", np.empty((1, 1), np.float32))


def test_what_there_is_no_memory_for_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(MemoryError, match="no memory to read it into"), damage(tmp_path / "large"):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(HearseeError, match="cannot be written"):
        make_folder(tmp_path / "a")
