"""Files that are neither pictures nor sounds nor texts are counted, wherever they lie."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from hearsee.core.errors import NotFound
from hearsee.core.media import Limits
from hearsee.indexer.corpus import open_source
from hearsee.indexer.corpus.passed import MOST_ENDINGS, Passed, said_of

LIMITS = Limits()


def test_files_of_other_kinds_are_counted_by_their_endings(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "words.txt").write_text("a bell")
    for name in ("one.HEIC", "a/two.heic", "a/paper.pdf", ".hidden.pdf", "LICENCE", f"x.{'y' * 50}"):
        (tmp_path / name).write_bytes(b"\0nothing known")
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        for name in ("a/words.txt", "a/paper.pdf"):
            tar.add(tmp_path / name, name)
    found = open_source(str(tmp_path), LIMITS)
    assert [one.uri.rpartition("/")[2] for one in found.entries] == ["words.txt"]
    assert found.passed == {".heic": 2, ".pdf": 1, ".tar": 1, "no ending": 1, "other": 1}
    assert said_of(found.passed).startswith("6 files of other kinds passed over (.heic 2, .pdf 1, ")
    inside = open_source(str(tmp_path / "all.tar"), LIMITS)
    assert (len(list(inside.entries)), inside.passed) == (1, {".pdf": 1})
    (tmp_path / "a" / "words.txt").unlink()
    with pytest.raises(NotFound, match=r"no pictures.*; 2 files of other kinds passed over \(\.heic 1, \.pdf 1\)"):
        open_source(str(tmp_path / "a"), LIMITS)


def test_endings_told_apart_are_bounded() -> None:
    passed = Passed()
    for number in range(2 * MOST_ENDINGS):
        passed.note(f"part.{number:03d}")
    assert passed.total() == 2 * MOST_ENDINGS
    assert len(passed) == MOST_ENDINGS + 1
    assert said_of(passed).endswith(f"others {2 * MOST_ENDINGS - passed['other'] - 4:,})")
    assert said_of(Passed()) == ""
