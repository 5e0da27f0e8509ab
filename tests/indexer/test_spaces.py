"""A second space beside the first: filled from the same items, kept right by one rule, switched to, back, dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import Damaged, NotFound, Refused
from hearsee.core.head import Head, Heads
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.indexer.library import Library
from hearsee.indexer.sweep import named
from hearsee.indexer.turning import drop_space, list_spaces, switch_space
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.moved import DIM, Mover, agree, served


@pytest.fixture(params=["sqlite", "postgresql"])
def mover(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mover]:
    made = Mover(tmp_path, None if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    made.put_all(5)
    made.index()
    yield made
    assert verify(made.library, made.database).problems == ()


def files(mover: Mover) -> set[str]:
    return {f"{d}/{p.name}" for d in ("segments", "shards", "heads") for p in (mover.library / d).iterdir()}


def test_filled_switched_switched_back_and_dropped(mover: Mover) -> None:
    first, second = load_space("hash"), load_space(mover.second)
    before = mover.expected(first)
    with mover.open() as reader:
        assert agree(served(reader), before)
        held = reader.snapshot()
        report = mover.add()
        assert (report.added, report.quarantined) == (15, 0)
        assert agree(served(reader), before)  # the first space keeps serving
        assert reader.space.dim == 16
        with mover.open(beside=mover.second) as beside:
            assert agree(served(beside), mover.expected(second))
            assert beside.info.dim == DIM
        assert mover.add().added == 0  # nothing lacks anything
        rows = list_spaces(mover.library, mover.database)
        assert [(row.name, row.live, row.missing, row.points) for row in rows] == [
            ("hash", True, 0, rows[0].points), (mover.second, False, 0, rows[0].points)
        ]  # fmt: skip

        turned = switch_space(mover.library, mover.second, mover.database)
        assert (turned.live, turned.before, turned.missing) == (mover.second, "hash", 0)
        assert agree(served(reader), mover.expected(second))  # the open reader follows
        assert reader.space.fingerprint == second.fingerprint
        assert held.generation < reader.snapshot().generation
        assert held.parts[Modality.IMAGE].dim == 16  # what somebody holds stays as it was

        switch_space(mover.library, "hash", mover.database)
        assert agree(served(reader), before)
        assert reader.space.fingerprint == first.fingerprint
        gone = drop_space(mover.library, mover.second, mover.database)
        assert gone.points > 15
        assert agree(served(reader), before)
    with mover.writer() as writer:
        assert files(mover) == named(writer.catalog)
        assert len(writer.catalog.spaces()) == 1
    with pytest.raises(NotFound, match=r"no space .* lies beside 'hash': there is none"):
        switch_space(mover.library, mover.second, mover.database)


def test_items_that_come_and_go_while_there_are_two(mover: Mover) -> None:
    mover.add()
    (mover.media / "000.png").unlink()
    new = mover.put("new.txt", 9)
    changed = mover.put("001.png", 77)
    report = mover.index()
    assert (report.added, report.updated, report.removed) == (1, 1, 1)
    (row,) = [row for row in list_spaces(mover.library, mover.database) if not row.live]
    assert row.missing == 2
    with mover.open(beside=mover.second) as beside:  # what is removed is removed everywhere, what changed is not found
        held = served(beside)
        assert agree(held, mover.expected(load_space(mover.second), frozenset({new, changed})))
    with pytest.raises(Refused, match=r"lacks vectors of 2 items, such as file://.*: run `hearsee space add"):
        switch_space(mover.library, mover.second, mover.database)
    assert mover.add().added == 2
    switch_space(mover.library, mover.second, mover.database)
    mover.put("later.png", 123)
    assert mover.index().added == 1  # from now on commits serve the second
    with mover.open() as reader:
        assert agree(served(reader), mover.expected(load_space(mover.second)))
    with pytest.raises(Refused, match="lacks vectors of 1 items"):
        switch_space(mover.library, "hash", mover.database)
    mover.add("hash")
    switch_space(mover.library, "hash", mover.database)
    with mover.open() as reader:
        assert agree(served(reader), mover.expected(load_space("hash")))


def test_what_cannot_be_read_again_is_said_and_may_be_left_out(mover: Mover) -> None:
    gone, other = (mover.media / "002.flac"), (mover.media / "003.png")
    gone.unlink()
    other.write_bytes((mover.media / "004.png").read_bytes())
    report = mover.add()
    assert report.added == 13
    assert {uri: reason.partition(":")[0] for uri, reason in report.reasons} == {
        gone.as_uri(): "cannot be read again", other.as_uri(): "its bytes have changed since it was indexed"
    }  # fmt: skip
    with mover.writer() as writer:
        assert writer.catalog.quarantined() == []  # in the live space nothing is wrong with them
    turned = switch_space(mover.library, mover.second, mover.database, leave_out=True)
    assert turned.missing == 2
    with mover.open() as reader:
        assert len(served(reader)) == 13
        assert reader.catalog.by_uri(gone.as_uri()) is not None
    drop_space(mover.library, "hash", mover.database)  # the two had vectors nowhere else
    with mover.open() as reader:
        assert reader.catalog.by_uri(gone.as_uri()) is None
        assert len(served(reader)) == 13


def test_heads_belong_to_their_space(mover: Mover) -> None:
    matrix = np.linalg.qr(np.random.default_rng(1).standard_normal((16, 16)))[0].astype(np.float32)
    with mover.writer() as writer:
        writer.switch_heads(Heads({Modality.IMAGE: Head(matrix)}, 16), "turned")
    mover.add()
    switch_space(mover.library, mover.second, mover.database)
    with mover.open() as reader:
        assert reader.catalog.heads() == ()
        assert agree(served(reader), mover.expected(load_space(mover.second)))
    switch_space(mover.library, "hash", mover.database)
    with mover.open() as reader:
        assert [row.name for row in reader.catalog.heads()] == ["turned", "own"]
        turned = load_space("hash").with_heads({Modality.IMAGE: Head(matrix)})
        assert agree(served(reader), mover.expected(turned))


def test_a_live_space_that_cannot_be_loaded_is_left_behind(mover: Mover) -> None:
    """As after an upgrade that brought other weights under the old name: the same name, another fingerprint."""
    mover.add()
    switch_space(mover.library, mover.second, mover.database)
    drop_space(mover.library, "hash", mover.database)
    path = Path(mover.second) / "space.json"
    held = json.loads(path.read_text())
    for tower in held["towers"].values():
        tower["options"]["dim"] = DIM + 4
    path.write_text(json.dumps(held))
    with pytest.raises(Refused, match=r"image tower \(\w{12} -> \w{12}\): tower: hash-image-8 -> hash-image-12"):
        mover.open()
    assert mover.add().added == 15
    switch_space(mover.library, mover.second, mover.database)
    with mover.open() as reader:
        assert agree(served(reader), mover.expected(load_space(mover.second)))
    path.write_text(path.read_text().replace(str(DIM + 4), str(DIM + 5)))
    with pytest.raises(Refused, match="hash-image-8 -> hash-image-13"):  # the old one, by the same name, does not load
        switch_space(mover.library, mover.second, mover.database)
    drop_space(mover.library, mover.second, mover.database)
    path.write_text(path.read_text().replace(str(DIM + 5), str(DIM + 4)))


def test_a_second_one_of_other_towers_under_one_name_is_refused(mover: Mover) -> None:
    mover.add()
    path = Path(mover.second) / "space.json"
    path.write_text(path.read_text().replace(f'"dim": {DIM}', f'"dim": {DIM + 1}'))
    with pytest.raises(Refused, match="lies beside the live one already"):
        mover.add()
    with pytest.raises(NotFound, match="'hash' is live already"):
        switch_space(mover.library, "hash", mover.database)
    with pytest.raises(NotFound, match="'hash' is live already"):
        drop_space(mover.library, "hash", mover.database)
    with mover.open() as reader:
        assert files(mover) == set(reader.catalog.files())


def test_lost_segments_beside_are_found_and_filled_again(mover: Mover) -> None:
    mover.add()
    with mover.open(beside=mover.second) as beside:
        segment = next(one for one in beside.catalog.segments() if one.modality is Modality.IMAGE)
    (mover.library / segment.path).write_bytes(b"nothing")
    report = verify(mover.library, mover.database)
    assert [segment.path in problem and "which is not live" in problem for problem in report.problems] == [True]
    assert verify(mover.library, mover.database, repair=True).problems == ()
    assert mover.add().added == 5
    switch_space(mover.library, mover.second, mover.database)
    with mover.open() as reader:
        assert agree(served(reader), mover.expected(load_space(mover.second)))


def test_compaction_and_removal_leave_the_other_space_whole(mover: Mover) -> None:
    mover.add(commit_items=4)
    with mover.writer() as writer:
        writer.remove([(mover.media / "000.png").as_uri()])
        writer.compact()
        assert writer.catalog.problems() == []
    with mover.open() as reader:
        assert agree(served(reader), mover.expected(load_space("hash")))
    switch_space(mover.library, mover.second, mover.database)
    with Writer.open(mover.library, space=load_space(mover.second), database=mover.database) as writer:
        writer.compact()
    with mover.open() as reader:
        assert agree(served(reader), mover.expected(load_space(mover.second)))


def test_golden_vectors_are_of_each_space(mover: Mover) -> None:
    mover.add()
    with mover.open() as one, mover.open(beside=mover.second) as other:
        golden, theirs = one.catalog.golden(), other.catalog.golden()
    assert golden.keys() == theirs.keys() == set(Modality)
    assert not set(golden.values()) & set(theirs.values())
    with mover.writer() as writer:
        damaged = writer.catalog._database
        with damaged.writing() as db:
            db.exec_driver_sql("UPDATE towers SET golden = '{}'")
    with Library.open(mover.library, mover.database) as reader, pytest.raises(Damaged, match="golden vectors"):
        reader.space.tower(Modality.TEXT).encode([])
