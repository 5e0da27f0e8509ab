"""Whatever happens to a stored byte: it is noticed, and no answer is ever wrong."""

from __future__ import annotations

import logging
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from hearsee.core.errors import Damaged, HearseeError, Refused
from hearsee.core.modality import Modality
from hearsee.indexer.batch import Batch
from hearsee.indexer.gallery import Near
from hearsee.indexer.library import Library
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add, vectors

QUERIES = vectors("a question", 0, 8)
BLOCK = 4096
Answers = dict[Modality, list[list[Near]]]


@dataclass(frozen=True)
class Sound:
    """A library that nothing has happened to yet, and what it answers."""

    folder: Path
    answers: Answers


def answers(library: Library) -> Answers:
    return {modality: part.nearest(QUERIES, 12) for modality, part in library.snapshot().parts.items()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    folder = tmp_path_factory.mktemp("sound") / "library"
    with Writer.open(folder, space=SPACE) as writer:
        for batch in range(3):
            pictures = [add(f"file:///p{batch}/{i}", batch) for i in range(150)]
            writer.commit(Batch(pictures + [add(f"file:///s{batch}/{i}", batch, 3, Modality.AUDIO) for i in range(40)]))
        writer.remove([f"file:///p1/{i}" for i in range(30)])
        writer.build_shards()
        writer.commit(Batch([add(f"file:///fresh/{i}", 9) for i in range(40)]))  # in no shard
        writer.remove(["file:///p0/1", "file:///fresh/3"])
    with Library.open(folder, space=SPACE) as library:
        return Sound(folder, answers(library))


def harm(path: Path, dice: random.Random) -> str:
    """Flip a bit, cut the end off, add to it, zero a block, exchange two blocks, or lose the file."""
    raw = bytearray(path.read_bytes())
    kind = dice.choice(["flip", "flip", "truncate", "append", "zero", "exchange", "lose"])
    at = dice.randrange(len(raw))
    if kind == "flip":
        raw[at] ^= 1 << dice.randrange(8)
    elif kind == "truncate":
        del raw[at:]
    elif kind == "append":
        raw += bytes([dice.randrange(256)])
    elif kind == "zero":
        raw[at : at + BLOCK] = bytes(min(BLOCK, len(raw) - at))
    elif kind == "exchange":
        half = len(raw) // 2
        raw = raw[half:] + raw[:half]
    changed = bytes(raw) != path.read_bytes()
    if kind == "lose":
        path.unlink()
    else:
        path.write_bytes(raw)
    return kind if changed or kind == "lose" else ""


def damage(sound: Sound, scratch: Path, dice: random.Random, caplog: pytest.LogCaptureFixture) -> None:
    folder = sound.folder
    files = [*sorted((folder / "segments").iterdir()), *sorted((folder / "shards").iterdir()), folder / "library.json"]
    path = dice.choice(files)
    before = path.read_bytes()
    kind = harm(path, dice)
    said = f"{kind} in {path.name}"
    caplog.clear()
    try:
        if kind:
            assert verify(folder, space=SPACE).problems, said
        with Library.open(folder, space=SPACE) as library:
            assert answers(library) == sound.answers, said
            assert not kind or path.parent.name != "shards" or path.name in caplog.text, said
    except HearseeError as error:
        named = path.name in str(error) or isinstance(error, Refused)  # another id: whose is the catalog?
        if not (kind and named):
            raise
    else:
        if dice.random() < 0.1:
            shutil.copytree(folder, scratch / "library")
            repaired(scratch / "library", sound)
            shutil.rmtree(scratch / "library")
    path.write_bytes(before)


def repaired(folder: Path, sound: Sound) -> None:
    """After a repair, what is left answers rightly: hits are those of before, less the items that were lost."""
    report = verify(folder, repair=True, space=SPACE)
    assert report.problems == ()
    with Library.open(folder, space=SPACE) as library:
        live = {item.id for item in library.catalog.page(limit=10_000)}
        for modality, before in sound.answers.items():
            now = answers(library).get(modality, [[] for _ in QUERIES])
            for old, new in zip(before, now, strict=True):
                left = [near for near in old if near[1] in live]
                assert new[: len(left)] == left


def test_damages_are_all_noticed(sound: Sound, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    dice = random.Random(2026)
    for _ in range(250):
        damage(sound, tmp_path, dice, caplog)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_damages_are_all_noticed(
    sound: Sound, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    caplog.set_level(logging.WARNING)
    dice = random.Random(seed)
    for _ in range(250):
        damage(sound, tmp_path, dice, caplog)


def test_a_reader_that_needs_no_segment_does_not_miss_it(sound: Sound, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    shutil.copytree(sound.folder, folder)
    with Library.open(folder, space=SPACE) as library:
        view = library.catalog.view()
        covered = {id_ for shard in view.shards for id_ in shard.segments}
        for segment in view.segments:
            if segment.id in covered:
                (folder / segment.path).unlink()
        assert answers(library) == sound.answers
        for shard in view.shards:
            (folder / shard.path).unlink()
    with Library.open(folder, space=SPACE) as library, pytest.raises(Damaged, match=r"segments/.*\.npy is missing"):
        library.snapshot()


def test_a_database_cut_in_half_is_noticed(sound: Sound, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    shutil.copytree(sound.folder, folder)
    path = folder / "catalog.sqlite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert verify(folder, space=SPACE).problems


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.9])
def test_a_zeroed_page_of_the_database_is_noticed(sound: Sound, tmp_path: Path, where: float) -> None:
    """SQLite keeps no checksums, so a changed letter inside a row passes; a page that is no page does not."""
    folder = tmp_path / "library"
    shutil.copytree(sound.folder, folder)
    path = folder / "catalog.sqlite"
    raw = bytearray(path.read_bytes())
    at = int(where * len(raw)) // BLOCK * BLOCK
    raw[at : at + BLOCK] = bytes(BLOCK)
    path.write_bytes(raw)
    assert verify(folder, space=SPACE).problems
