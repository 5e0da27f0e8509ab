"""The ingest from files to a library: what it adds, leaves, replaces and removes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.errors import NotFound
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.indexer.batch import Commit
from tests.indexer.shop import SETTINGS, CountingEncoder, Shop, counts, flac, png


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    space = hash_space()
    towers = {modality: CountingEncoder(HashEncoder(modality)) for modality in Modality}
    return Shop(tmp_path, replace(space, towers=towers))


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


def test_what_another_source_said_of_an_item_is_not_lost_unsaid(shop: Shop) -> None:
    uri, other = shop.put("a.png", png(1)), shop.put("b.png", png(2))
    table = shop.table({"path": "a.png", "colour": "red"}, {"path": "b.png"})
    assert shop.run(table).losses == []
    lost = shop.run(shop.folder)
    assert shop.items()[uri].metadata == shop.items()[other].metadata == {}
    (said,) = lost.losses
    assert said.startswith("1 item lost the captions, groups and metadata of file:")
    assert said in lost.as_json()["notes"]
    assert shop.run(table).losses == []  # which gives it back
    assert shop.items()[uri].metadata == {"colour": "red"}
    shop.put("a.png", png(3))
    shop.put("b.png", png(4))
    assert len(shop.run(shop.folder).losses) == 1
    assert shop.run(shop.folder).losses == []


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
    assert [commit.items for commit in commits] == [16, 16, 16, 12, 0]  # the last one names the shards
    assert list(shop.items()) == names


def test_progress_is_told_and_ends_at_the_end(shop: Shop) -> None:
    for n in range(50):
        shop.put(f"{n}.png", png(n))
    told: list[tuple[int, int | None]] = []
    shop.run(progress=lambda moment: told.append((moment.done, moment.total)))
    assert told[-1][0] == 50
    assert [done for done, _ in told] == sorted(done for done, _ in told)
