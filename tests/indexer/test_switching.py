"""Heads are switched in one transaction, with no media; readers keep what they hold, and there is a way back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput, HearseeError, NotFound, Refused
from hearsee.core.head import Head, Heads
from hearsee.core.modality import Modality
from hearsee.core.space import Space
from hearsee.indexer.batch import Batch
from hearsee.indexer.library import Library
from hearsee.indexer.sweep import named
from hearsee.indexer.switching import found_heads
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.stock import DIM, SPACE, add, vectors

ROOT = Path(__file__).parents[2]
IMAGE, AUDIO, TEXT = Modality.IMAGE, Modality.AUDIO, Modality.TEXT
URIS = {f"file:///stock/{n}": IMAGE if n % 3 else AUDIO for n in range(40)}


def turned(seed: int) -> Heads:
    """Heads that turn every picture and leave sounds as they are."""
    matrix = np.linalg.qr(np.random.default_rng(seed).standard_normal((DIM, DIM)))[0].astype(np.float32)
    more = {"centre": np.full(DIM, 0.01, np.float32), "bias": np.full(DIM, 0.02, np.float32)}
    return Heads({IMAGE: Head(matrix, more)}, DIM, about={"seed": seed})


def fill(folder: Path) -> None:
    with Writer.open(folder, space=SPACE) as writer:
        writer.commit(Batch([add(uri, modality=modality) for uri, modality in URIS.items()]))
        writer.build_shards()
        writer.commit(Batch([add("file:///stock/late")]))  # in no shard yet
        writer.remove(["file:///stock/4"])


def check(library: Library, heads: Heads | None) -> None:
    """Every vector of a snapshot is where its live heads put it."""
    space = SPACE if heads is None else SPACE.with_heads(heads.by_modality)
    snapshot = library.snapshot()
    assert snapshot.space.fingerprint == library.space.fingerprint == space.fingerprint
    for uri, modality in {**URIS, "file:///stock/late": IMAGE}.items():
        near = snapshot.parts[modality].nearest(space.project(modality, vectors(uri, 0, 1)), 1)[0][0]
        if uri == "file:///stock/4":
            assert near[0] < 0.99
        else:
            assert near[0] == pytest.approx(1, abs=1e-3)
            assert library.catalog.items([near[1]])[near[1]].uri == uri


def test_a_library_switches_and_switches_back_without_its_media(tmp_path: Path) -> None:
    fill(tmp_path)  # none of these files ever existed: nothing but the segments can be read
    with Library.open(tmp_path, space=SPACE) as reader:
        check(reader, None)
        held = reader.snapshot()
        with Writer.open(tmp_path, space=SPACE) as writer:
            done = writer.switch_heads(turned(1), "first")
            assert (done.points, done.name) == (40, "first")
            assert writer.space.fingerprint == SPACE.with_heads(turned(1).by_modality).fingerprint
            check(reader, turned(1))
            with Library.open(tmp_path) as another:  # by the space's name alone
                check(another, turned(1))
            rows = held.parts[IMAGE].nearest(vectors("file:///stock/1", 0, 1), 1)[0][0]
            assert rows[0] == pytest.approx(1, abs=1e-3)  # what a reader holds stays as it was
            writer.switch_heads(turned(2), "second")
            check(reader, turned(2))
            assert [row.name for row in writer.catalog.heads()] == ["first", "own", "second"]
            for name, heads in {"previous": turned(1), "second": turned(2), "own": None, "1": turned(1)}.items():
                known = {row.name: row.id for row in writer.catalog.heads()}
                wanted = known["first"] if name == "1" else found_heads(writer.catalog, name)
                writer.switch_heads(wanted, "")
                check(reader, heads)
                assert verify(tmp_path).problems == ()
            assert writer.build_shards() is None  # the shards are those of the live heads
            writer.commit(Batch([add("file:///stock/4", modality=IMAGE)]))
            writer.remove(["file:///stock/4"])
            writer.compact()
            check(reader, turned(1))
    with Writer.open(tmp_path, space=SPACE) as writer:  # opening for writing finds the live heads, too
        assert writer.space.fingerprint == SPACE.with_heads(turned(1).by_modality).fingerprint
        files = {f"{d}/{p.name}" for d in ("segments", "shards", "heads") for p in (tmp_path / d).iterdir()}
        assert files == named(writer.catalog)
    assert verify(tmp_path).problems == ()


def test_heads_that_do_not_fit_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    fill(tmp_path)
    with Writer.open(tmp_path, space=SPACE) as writer:
        generation = writer.catalog.generation()
        with pytest.raises(Refused, match="the image head does not fit space 'hash': its matrix is"):
            writer.switch_heads(Heads({IMAGE: Head(np.eye(DIM - 1, dtype=np.float32))}, DIM), "small")
        with pytest.raises(Refused, match="was trained over another tower"):
            writer.switch_heads(Heads(turned(1).by_modality, DIM, {IMAGE: "another"}), "other")
        with pytest.raises(BadInput, match="are live already"):
            writer.switch_heads(Heads({IMAGE: Head()}, DIM), "same")
        with pytest.raises(NotFound, match="has only the heads of its space"):
            found_heads(writer.catalog, "previous")
        writer.switch_heads(turned(1), "first")
        with pytest.raises(NotFound, match=r"no heads are called 'last': there are \d+ \(first\), \d+ \(own\)"):
            found_heads(writer.catalog, "last")
        assert writer.catalog.generation() == generation + 1


def test_a_space_of_other_towers_is_still_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    with Writer.open(tmp_path, space=SPACE) as writer:
        writer.switch_heads(turned(1), "first")
    other = Space("hash", DIM, {IMAGE: SPACE.towers[TEXT], AUDIO: SPACE.towers[AUDIO], TEXT: SPACE.towers[TEXT]})
    with pytest.raises(Refused, match="image tower"):
        Library.open(tmp_path, space=other)


def test_a_disk_that_is_full_at_the_switch_leaves_the_old_heads(tmp_path: Path) -> None:
    fill(tmp_path)
    script = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))\n"
    )
    command = [sys.executable, "-c", script + SWITCHING, str(tmp_path), "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "hearsee.core.errors.HearseeError" in done.stderr
    with Library.open(tmp_path, space=SPACE) as reader:
        check(reader, None)
    with Writer.open(tmp_path, space=SPACE) as writer:
        writer.switch_heads(turned(1), "first")
    assert verify(tmp_path).problems == ()


SWITCHING = """
import sys
from itertools import count
from pathlib import Path
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE
from tests.indexer.test_switching import turned
with Writer.open(Path(sys.argv[1]), space=SPACE) as writer:
    print("ready", flush=True)
    for seed in count(int(sys.argv[2])):
        writer.switch_heads(turned(seed), str(seed))
        print(seed, flush=True)
"""


def killed(folder: Path, start: int, dice: random.Random) -> int:
    """Switch again and again from a number on, until killed; the last number that was acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-c", SWITCHING, str(folder), str(start)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(dice.random() * 0.2)
        os.kill(child.pid, signal.SIGKILL)
        said = [int(line) for line in child.stdout.read().split()]
    return said[-1] if said else start - 1


def test_killed_at_any_moment_one_set_of_heads_is_live_and_whole(tmp_path: Path) -> None:
    fill(tmp_path)
    dice, last = random.Random(), 0
    for _ in range(4):
        acknowledged = killed(tmp_path, last + 1, dice)
        with Library.open(tmp_path, space=SPACE) as reader:
            live = {row.id: row.name for row in reader.catalog.heads()}.get(reader.info.heads or -1)
            number = 0 if live is None else int(live)
            assert number in (acknowledged, acknowledged + 1)
            check(reader, turned(number) if number else None)
        assert verify(tmp_path).problems == ()
        last = number


def test_lost_heads_are_found_and_said(tmp_path: Path) -> None:
    fill(tmp_path)
    with Writer.open(tmp_path, space=SPACE) as writer:
        writer.switch_heads(turned(1), "first")
        row = next(row for row in writer.catalog.heads() if row.name == "first")
    (tmp_path / row.path).write_bytes(b"nothing")
    with pytest.raises(HearseeError, match="hearsee verify --repair"):
        Library.open(tmp_path)
    report = verify(tmp_path)
    assert len(report.problems) == 1
    assert row.path in report.problems[0]
    mended = verify(tmp_path, repair=True)
    assert mended.problems == ()
    assert "switched to heads own" in mended.repaired[0]
    assert mended.repaired[1] == "forgot heads first, whose files are lost"
    with Library.open(tmp_path) as reader:
        check(reader, None)
        assert [row.name for row in reader.catalog.heads()] == ["own"]
