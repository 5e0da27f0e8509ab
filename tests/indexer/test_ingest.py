"""The ingest from files to a library: what it adds, leaves, replaces, removes and refuses; and that it survives."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from hearsee.core.contract import Contract
from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.errors import BadInput, NotFound
from hearsee.core.media import Limits, Piece
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import Space, hash_space
from hearsee.core.vectors import Vectors
from hearsee.indexer.batch import Commit
from hearsee.indexer.corpus import Source
from hearsee.indexer.ingest import Report, ingest
from hearsee.indexer.writer import Writer

SETTINGS = Settings(workers=1, limits=Limits(decode_seconds=5.0))


def png(value: int, size: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (size, size), (value % 256, value // 256 % 256, 7)).save(out, "PNG")
    return out.getvalue()


def flac(seconds: float, level: float) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.full(int(8000 * seconds), level, np.float32), 8000, format="FLAC")
    return out.getvalue()


@dataclass(frozen=True)
class CountingEncoder:
    """The hash tower, remembering how many pieces it was given and in which batches."""

    inner: HashEncoder
    batches: list[int] = field(default_factory=list)
    poison: bytes | None = None  # a piece with these bytes comes back as not a number

    @property
    def contract(self) -> Contract:
        return self.inner.contract

    @property
    def dim(self) -> int:
        return self.inner.dim

    @property
    def preparation(self) -> str:
        return self.inner.preparation

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        self.batches.append(len(pieces))
        rows = self.inner.encode(pieces)
        for row, piece in zip(rows, pieces, strict=True):
            if piece.data.tobytes() == self.poison:
                row[:] = np.nan
        return rows


@dataclass
class Shop:
    """A folder to index and a library to index it into."""

    root: Path
    space: Space
    settings: Settings = SETTINGS

    @property
    def folder(self) -> Path:
        return self.root / "media"

    def put(self, name: str, raw: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        return path.as_uri()

    def table(self, *rows: Any, name: str = "table.jsonl") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def run(self, *sources: Path | Source, **how: Any) -> Report:
        with Writer.open(self.root / "library", space=self.space) as writer:
            given = [one if isinstance(one, Source) else str(one) for one in sources or (self.folder,)]
            return ingest(writer, given, self.space, self.settings, **how)

    def items(self) -> dict[str, Any]:
        with Writer.open(self.root / "library", space=self.space) as writer:
            return {item.uri: item for item in writer.catalog.page(limit=10_000)}

    def vectors(self) -> dict[str, np.ndarray]:
        """URI -> the stored vectors of its points, in order."""
        with Writer.open(self.root / "library", space=self.space) as writer:
            items = writer.catalog.page(limit=10_000)
            placed = writer.catalog.placed([(item.modality, item.content) for item in items])
            return {item.uri: writer.vectors(placed[item.modality, item.content]) for item in items}

    def quarantine(self) -> dict[str, str]:
        with Writer.open(self.root / "library", space=self.space) as writer:
            return {bad.uri: bad.reason for bad in writer.catalog.quarantined(100)}

    def encoded(self) -> int:
        return sum(sum(tower.batches) for tower in self.space.towers.values() if isinstance(tower, CountingEncoder))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    space = hash_space()
    towers = {modality: CountingEncoder(HashEncoder(modality)) for modality in Modality}
    return Shop(tmp_path, replace(space, towers=towers))


def counts(report: Report) -> tuple[int, int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.removed, report.quarantined


# What it does


def test_a_folder_becomes_items_with_their_points(shop: Shop) -> None:
    picture, sound = shop.put("a.png", png(1)), shop.put("b/c.flac", flac(2.5, 0.1))
    words = shop.put("d.txt", b"\xef\xbb\xbfan owl at night")
    report = shop.run()
    assert counts(report) == (3, 0, 0, 0, 0)
    items = shop.items()
    assert {uri: item.modality.value for uri, item in items.items()} == {
        picture: "image",
        sound: "audio",
        words: "text",
    }
    assert items[words].text == "an owl at night"
    assert items[sound].bytes == len(flac(2.5, 0.1))
    assert {uri: len(rows) for uri, rows in shop.vectors().items()} == {picture: 1, sound: 3, words: 1}


def test_the_second_run_changes_nothing_and_encodes_nothing(shop: Shop) -> None:
    for n in range(5):
        shop.put(f"{n}.png", png(n))
    first = shop.run()
    commits: list[Commit] = []
    second = shop.run(on_commit=commits.append)
    assert (counts(first), counts(second)) == ((5, 0, 0, 0, 0), (0, 0, 5, 0, 0))
    assert (commits, second.generation, shop.encoded()) == ([], first.generation, 5)


def test_changed_bytes_replace_under_the_same_id(shop: Shop) -> None:
    uri = shop.put("a.png", png(1))
    shop.put("b.png", png(2))
    shop.run()
    before, old = shop.items()[uri], shop.vectors()[uri]
    shop.put("a.png", png(3))
    assert counts(shop.run()) == (0, 1, 1, 0, 0)
    after = shop.items()[uri]
    assert (after.id, after.content != before.content) == (before.id, True)
    assert not np.allclose(shop.vectors()[uri], old)


def test_changed_fields_need_no_encoding(shop: Shop) -> None:
    uri = shop.put("a.png", png(1))
    table = shop.table({"path": "a.png", "text": "an owl", "colour": "red"})
    shop.run(table)
    encoded = shop.encoded()
    shop.table({"path": "a.png", "text": "an owl", "colour": "blue"})
    assert counts(shop.run(table)) == (0, 2, 0, 0, 0)
    assert shop.items()[uri].metadata == {"colour": "blue"}
    assert shop.encoded() == encoded


def test_what_a_source_lists_no_more_is_removed_and_only_that(shop: Shop) -> None:
    gone = shop.put("gone.png", png(1))
    shop.put("kept.png", png(2))
    other = shop.table({"text": "a text of another source"}, name="../other.jsonl")
    shop.run(shop.folder, other)
    Path(shop.folder / "gone.png").unlink()
    assert counts(shop.run()) == (0, 0, 1, 1, 0)
    assert gone not in shop.items()
    assert len(shop.items()) == 2


def test_an_empty_or_missing_source_removes_nothing(shop: Shop) -> None:
    shop.put("a.png", png(1))
    shop.run()
    (shop.folder / "a.png").unlink()
    with pytest.raises(NotFound, match="nothing was removed"):
        shop.run()
    shop.folder.rmdir()
    with pytest.raises(NotFound, match="no such file or folder"):
        shop.run()
    assert len(shop.items()) == 1


def test_a_scan_that_could_not_see_everything_removes_nothing(shop: Shop) -> None:
    table = shop.table({"id": "a", "text": "first"}, {"id": "b", "text": "second"})
    shop.run(table)
    table.write_text('{"id": "a", "text": "first"}\n{"id": "b", "te')
    report = shop.run(table)
    assert counts(report) == (0, 0, 1, 0, 1)
    assert "could be listed, so nothing of it was removed" in report.notes[0]
    assert len(shop.items()) == 2


def test_an_item_belongs_to_the_source_that_listed_it_last(shop: Shop) -> None:
    shop.put("sub/a.png", png(1))
    sibling = shop.put("b.png", png(2))
    shop.run()
    assert counts(shop.run(shop.folder / "sub")) == (0, 0, 1, 0, 0)
    assert sibling in shop.items()
    (shop.folder / "b.png").unlink()
    assert counts(shop.run()) == (0, 0, 1, 1, 0)
    assert counts(shop.run(shop.folder, shop.folder / "sub", shop.folder)) == (0, 0, 2, 0, 0)


# Equal bytes


def test_equal_bytes_stay_two_items_and_are_encoded_once(shop: Shop) -> None:
    names = [shop.put(f"{n}.flac", flac(1.5, 0.2)) for n in range(4)]
    assert counts(shop.run()) == (4, 0, 0, 0, 0)
    assert shop.encoded() == 2  # two windows of one sound
    late = shop.put("late.flac", flac(1.5, 0.2))
    assert counts(shop.run()) == (1, 0, 4, 0, 0)
    assert shop.encoded() == 2
    vectors = shop.vectors()
    assert all(np.array_equal(vectors[uri], vectors[names[0]]) for uri in [*names, late])


def test_equal_bytes_of_another_modality_are_encoded_for_it(shop: Shop) -> None:
    shop.put("a.txt", b"an owl")
    shop.put("b.txt", b"an owl")
    table = shop.table({"text": "an owl"})
    shop.run(shop.folder, table)
    assert (len(shop.items()), shop.encoded()) == (3, 1)


def test_the_same_bytes_give_the_same_vector_in_any_batch(shop: Shop, tmp_path: Path) -> None:
    for n in range(150):
        shop.put(f"{n:03}.png", png(n))
    shop.run()
    whole = shop.vectors()
    alone = Shop(tmp_path / "alone", shop.space)
    for n in (3, 77, 149):
        uri = alone.put(f"{n:03}.png", png(n))
        alone.run(alone.folder)
        want = whole[(shop.folder / f"{n:03}.png").as_uri()]
        assert float((alone.vectors()[uri] @ want.T).item()) == pytest.approx(1.0, abs=1e-3)


def test_commits_come_in_the_order_of_the_source(shop: Shop) -> None:
    names = [shop.put(f"{n:03}.png", png(n, size=600 if n % 10 == 0 else 4)) for n in range(60)]
    shop.settings = replace(SETTINGS, workers=3)
    commits: list[Commit] = []
    shop.run(commit_items=16, on_commit=commits.append)
    assert [commit.items for commit in commits] == [16, 16, 16, 12]
    assert list(shop.items()) == names


# What it refuses


def test_bad_media_are_quarantined_with_their_reason_and_the_rest_goes_on(shop: Shop) -> None:
    whole = flac(2, 0.3)
    bad = {
        "html.png": (b"<html>not found</html>", "not a picture: it starts like an HTML page"),
        "short.flac": (whole[: len(whole) // 2], "cut short"),
        "empty.png": (b"", "an empty file"),
        "long.txt": (b"x" * 10_485_760, "a text of 10,485,760 bytes"),
        "binary.txt": (b"a\0b", "zero byte"),
    }
    uris = {shop.put(name, raw): said for name, (raw, said) in bad.items()}
    good = [shop.put(f"good{n}.png", png(n)) for n in range(3)]
    report = shop.run()
    assert counts(report) == (3, 0, 0, 0, 5)
    assert list(shop.items()) == good
    for found in (dict(report.reasons), shop.quarantine()):
        assert found.keys() == uris.keys()
        assert all(said in found[uri] for uri, said in uris.items())


def test_bytes_that_became_bad_remove_the_item_and_good_ones_bring_it_back(shop: Shop) -> None:
    uri = shop.put("a.png", png(1))
    shop.put("b.png", png(2))
    shop.run()
    shop.put("a.png", png(1)[:40])
    assert counts(shop.run()) == (0, 0, 1, 1, 1)
    assert uri not in shop.items()
    shop.put("a.png", png(1))
    assert counts(shop.run()) == (1, 0, 1, 0, 0)
    assert shop.quarantine() == {}


def test_quarantine_forgets_what_is_gone(shop: Shop) -> None:
    shop.put("bad.png", b"nothing")
    shop.put("good.png", png(1))
    shop.run()
    (shop.folder / "bad.png").unlink()
    shop.run()
    assert shop.quarantine() == {}


def test_a_file_that_cannot_be_read_for_now_keeps_its_item(shop: Shop) -> None:
    uri = shop.put("a.png", png(1))
    table = shop.table({"path": "a.png"}, {"text": "owl"})
    shop.run(table)
    (shop.folder / "a.png").unlink()
    report = shop.run(table)
    assert counts(report) == (0, 0, 1, 0, 1)
    assert report.reasons == [(uri, "cannot be read: no such file or directory")]
    assert uri in shop.items()
    shop.put("a.png", png(1))
    assert counts(shop.run(table)) == (0, 0, 2, 0, 0)
    assert shop.quarantine() == {}


def test_a_vector_that_is_not_a_number_costs_one_item(shop: Shop) -> None:
    towers = dict(shop.space.towers)
    towers[Modality.TEXT] = CountingEncoder(HashEncoder(Modality.TEXT), poison=b"poison")
    shop.space = replace(shop.space, towers=towers)
    table = shop.table(*({"text": text} for text in ("one", "poison", "two", "three")))
    report = shop.run(table)
    assert counts(report) == (3, 0, 0, 0, 1)
    assert "not a number" in report.reasons[0][1]


def test_reasons_are_capped_and_the_rest_counted(shop: Shop) -> None:
    for n in range(130):
        shop.put(f"{n}.png", b"no picture")
    report = shop.run()
    assert (report.quarantined, len(report.reasons), report.more_reasons) == (130, 100, 30)
    assert report.as_json()["more_reasons"] == 30


def test_metadata_that_cannot_be_kept_costs_one_item(shop: Shop) -> None:
    table = shop.table({"text": "fine"}, {"text": "much", "values": list(range(100_000))})
    assert counts(shop.run(table)) == (1, 0, 0, 0, 1)


def test_a_modality_without_a_tower_is_said(shop: Shop) -> None:
    towers = {Modality.TEXT: shop.space.towers[Modality.TEXT]}
    shop.space = replace(shop.space, towers=towers)
    shop.put("a.png", png(1))
    shop.put("b.txt", b"owl")
    report = shop.run()
    assert counts(report) == (1, 0, 0, 0, 1)
    assert "no tower for image" in report.reasons[0][1]


def test_a_broken_preparation_stops_the_ingest_instead_of_blaming_the_media(shop: Shop) -> None:
    towers = dict(shop.space.towers)
    towers[Modality.IMAGE] = HashEncoder(Modality.IMAGE, preparation="nowhere:prepare")
    shop.space = replace(shop.space, towers=towers)
    shop.put("a.png", png(1))
    with pytest.raises(BadInput, match="cannot be imported"):
        shop.run()


def test_a_source_that_fails_half_way_loses_nothing_committed(shop: Shop) -> None:
    shop.put("a.png", png(1))
    shop.run()

    def breaking(source: Source) -> Iterator[Any]:
        yield from source.entries
        raise OSError("the disk is gone")

    from hearsee.indexer.corpus import open_source

    source = open_source(str(shop.folder), SETTINGS.limits)
    with pytest.raises(OSError, match="the disk is gone"):
        shop.run(Source(source.uri, breaking(source)))
    assert len(shop.items()) == 1


def test_progress_is_told_and_ends_at_the_end(shop: Shop) -> None:
    for n in range(50):
        shop.put(f"{n}.png", png(n))
    told: list[tuple[int, int | None]] = []
    shop.run(progress=lambda done, total, stages: told.append((done, total)))  # noqa: ARG005
    assert told[-1][0] == 50
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# Killed

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
    assert len(shop.items()) % 20 == 0


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
