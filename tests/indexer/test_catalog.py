"""The catalog's contract, the same on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from hearsee.core.errors import BadInput, Damaged, HearseeError, NotFound, Refused
from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.core.where import parse_where
from hearsee.indexer.catalog import (
    Catalog,
    Change,
    Compaction,
    MovedPoint,
    NewFields,
    NewItem,
    NewPoint,
    NewQuarantine,
    NewSegment,
    NewShard,
    Placed,
    fields_hash,
)

SPACE = load_space("hash")
OWL, BELL, RAIN = "file:///w/owl.png", "file:///w/bell.png", "file:///w/rain.flac"


def segment(name: str, rows: int, modality: Modality = Modality.IMAGE) -> NewSegment:
    tower = SPACE.tower(modality).contract.fingerprint
    return NewSegment(modality, tower, f"segments/{name}.npy", "ab" * 32, 100 * rows, rows, 16)


def picture(uri: str, points: Sequence[NewPoint] = (), content: str = "c0", **fields: Any) -> NewItem:
    return NewItem(uri, Modality.IMAGE, content, 10, "file:///w", points, **fields)


def shard(name: str, segments: Sequence[int], fresh: Sequence[int] = ()) -> NewShard:
    path, rows = f"shards/{name}.faiss", f"shards/{name}.npy"
    return NewShard(Modality.IMAGE, path, "cd" * 32, 1, rows, "ef" * 32, 2, 3, 16, "identity", segments, fresh)


def two_pictures(catalog: Catalog) -> tuple[int, int]:
    """An owl in row 0 and a bell in row 1 of the first segment."""
    owl = picture(OWL, [NewPoint(0, 0)], "c1", caption="an owl", group="g1", metadata={"colour": "brown", "count": 1})
    bell = picture(BELL, [NewPoint(0, 1)], "c2", metadata={"colour": "gold", "count": 2})
    catalog.commit(Change([segment("one", 2)], [owl, bell]))
    known = catalog.find([OWL, BELL])
    return known[OWL].id, known[BELL].id


def test_a_new_catalog_knows_its_space(database_url: str) -> None:
    with Catalog.create(database_url, SPACE) as made:
        info = made.info()
    with Catalog.open(database_url, writable=False) as catalog:
        assert catalog.info() == info
        assert (info.space, info.space_fingerprint, info.dim) == ("hash", SPACE.fingerprint, 16)
        assert (info.generation, catalog.generation(), info.format) == (0, 0, 1)
        assert catalog.towers() == {modality: SPACE.tower(modality).contract for modality in Modality}
        assert len(info.library_id) == 32


def test_a_second_library_in_one_place_is_refused(catalog: Catalog, database_url: str) -> None:
    with pytest.raises(Refused, match="already holds a library"):
        Catalog.create(database_url, SPACE)
    assert catalog.generation() == 0


def test_an_item_comes_back_as_it_was_committed(catalog: Catalog) -> None:
    metadata = {"colour": "brown", "nested": {"list": [1, "two", None, True, 0.5]}, "big": 2**70, "": "é🐝"}
    points = [NewPoint(0, 1, Span(0.0, 2.5, "seconds")), NewPoint(0, 0, Span(2.5, 5.0, "seconds")), NewPoint(0, 2)]
    owl = picture(OWL, points, "c1", caption="an owl", text="hoo", group="g", metadata=metadata)
    assert catalog.commit(Change([segment("one", 3)], [owl])) == 1
    known = catalog.find([OWL, BELL])
    assert list(known) == [OWL]
    assert (known[OWL].content, known[OWL].modality, known[OWL].source) == ("c1", Modality.IMAGE, "file:///w")
    assert known[OWL].fields_hash == fields_hash("an owl", "hoo", "g", metadata)
    item = catalog.items([known[OWL].id, 999])[known[OWL].id]
    assert (item.uri, item.modality, item.content, item.bytes) == (OWL, Modality.IMAGE, "c1", 10)
    assert (item.caption, item.text, item.group, item.metadata) == ("an owl", "hoo", "g", metadata)
    assert catalog.by_uri(OWL) == item
    assert catalog.by_uri(BELL) is None
    placed = catalog.points_of([catalog.view().segments[0].id])
    assert placed.rows.tolist() == [0, 1, 2]
    assert [catalog.spans(placed.point_ids.tolist()).get(int(id_)) for id_ in placed.point_ids] == [
        Span(2.5, 5.0, "seconds"),
        Span(0.0, 2.5, "seconds"),
        None,
    ]


def test_the_order_of_keys_is_no_change_of_fields() -> None:
    assert fields_hash(None, "a", None, {"x": 1, "y": 2}) == fields_hash(None, "a", None, {"y": 2, "x": 1})
    assert fields_hash(None, "a", None, {}) != fields_hash("a", None, None, {})


def test_equal_bytes_stay_two_items_and_are_found_where_they_lie(catalog: Catalog) -> None:
    points = [NewPoint(0, 0, Span(0, 1, "seconds")), NewPoint(0, 1, Span(1, 2, "seconds"))]
    catalog.commit(Change([segment("one", 2)], [picture(OWL, points, "same")]))
    first = catalog.view().segments[0].id
    expected = [Placed(first, 0, Span(0, 1, "seconds")), Placed(first, 1, Span(1, 2, "seconds"))]
    wanted = [(Modality.IMAGE, "same"), (Modality.AUDIO, "same"), (Modality.IMAGE, "other")]
    assert catalog.placed(wanted) == {(Modality.IMAGE, "same"): expected}
    catalog.commit(Change([segment("two", 2)], [picture(BELL, [NewPoint(0, 0), NewPoint(0, 1)], "same")]))
    assert len({known.id for known in catalog.find([OWL, BELL]).values()}) == 2
    assert catalog.placed(wanted) == {(Modality.IMAGE, "same"): expected}
    catalog.commit(Change(remove=[catalog.find([OWL])[OWL].id]))
    second = catalog.view().segments[1].id
    assert [(place.segment_id, place.row) for place in catalog.placed(wanted)[Modality.IMAGE, "same"]] == [
        (second, 0),
        (second, 1),
    ]


def test_changed_bytes_replace_in_place(catalog: Catalog) -> None:
    owl, bell = two_pictures(catalog)
    before = catalog.view()
    new = picture(OWL, [NewPoint(0, 0)], "c9", caption="another owl", metadata={"colour": "white"})
    assert catalog.commit(Change([segment("two", 1)], [new])) == 2
    assert catalog.find([OWL])[OWL].id == owl
    assert catalog.items([owl])[owl].caption == "another owl"
    view = catalog.view()
    assert view.dead.tolist() == [before.fresh.point_ids[0]]
    assert view.fresh.item_ids.tolist() == [bell, owl]
    assert catalog.allowed(parse_where({"colour": {"$in": ["brown", "white"]}})).tolist() == [owl]
    assert catalog.allowed(parse_where({"colour": "brown"})).tolist() == []


def test_changed_fields_keep_the_points(catalog: Catalog) -> None:
    owl, _ = two_pictures(catalog)
    fresh = catalog.view().fresh
    catalog.commit(Change(fields=[NewFields(OWL, "elsewhere", caption="o", group="g2", metadata={"colour": "red"})]))
    view = catalog.view()
    assert (view.generation, view.dead.tolist()) == (2, [])
    assert view.fresh.point_ids.tolist() == fresh.point_ids.tolist()
    item = catalog.items([owl])[owl]
    assert (item.caption, item.group, item.metadata, item.content) == ("o", "g2", {"colour": "red"}, "c1")
    assert catalog.find([OWL])[OWL].source == "elsewhere"
    assert catalog.allowed(parse_where({"colour": "red"})).tolist() == [owl]
    assert catalog.allowed(parse_where({"count": 1})).tolist() == []


def test_removed_items_are_gone_but_answer_to_their_id(catalog: Catalog) -> None:
    owl, bell = two_pictures(catalog)
    assert catalog.commit(Change(remove=[owl, 12345])) == 2
    assert catalog.find([OWL]) == {}
    assert catalog.by_uri(OWL) is None
    assert [item.id for item in catalog.page()] == [bell]
    assert list(catalog.uris_of("file:///w")) == [(bell, BELL)]
    assert list(catalog.groups()) == []
    assert catalog.allowed(parse_where({})).tolist() == [bell]
    assert catalog.allowed(parse_where({"colour": "brown"})).tolist() == []
    assert catalog.items([owl])[owl].uri == OWL  # an older snapshot may still hold it
    view = catalog.view()
    assert (len(view.dead), view.fresh.item_ids.tolist()) == (1, [bell])
    catalog.commit(Change([segment("two", 1)], [picture(OWL, [NewPoint(0, 0)])]))
    assert catalog.find([OWL])[OWL].id > max(owl, bell)


def test_ids_are_never_used_again(catalog: Catalog) -> None:
    _, bell = two_pictures(catalog)
    first = catalog.view()
    catalog.commit(Change(remove=[bell]))
    moved = [MovedPoint(int(first.fresh.point_ids[0]), 0, 0)]
    catalog.commit(Change([segment("compact", 1)], compaction=Compaction([first.segments[0].id], moved)))
    assert catalog.items([bell]) == {}
    catalog.commit(Change([segment("two", 1)], [picture(BELL, [NewPoint(0, 0)])]))
    assert catalog.find([BELL])[BELL].id > bell
    view = catalog.view()
    assert view.fresh.point_ids.max() > first.fresh.point_ids.max()
    assert min(held.id for held in view.segments) > first.segments[0].id


def test_compaction_keeps_the_live_and_drops_the_dead(catalog: Catalog) -> None:
    owl, bell = two_pictures(catalog)
    catalog.commit(Change([segment("two", 1)], [picture(RAIN, [NewPoint(0, 0)], "c3")]))
    catalog.commit(Change(remove=[bell], shards=[shard("a", [catalog.view().segments[0].id])]))
    before = catalog.view()
    old = [held.id for held in before.segments]
    live = catalog.points_of(old)
    assert (before.uncovered, before.fresh.item_ids.tolist()) == ((old[1],), [live.item_ids[1]])
    moved = [MovedPoint(int(id_), 0, row) for row, id_ in enumerate(live.point_ids)]
    compaction = Compaction(old, moved)
    assert catalog.commit(Change([segment("all", 2)], compaction=compaction, shards=[shard("b", [], fresh=[0])])) == 4
    view = catalog.view()
    (held,) = view.segments
    assert (held.path, held.rows, held.generation) == ("segments/all.npy", 2, 4)
    assert [(s.path, s.segments) for s in view.shards] == [("shards/b.faiss", (held.id,))]
    assert (view.dead.tolist(), view.uncovered, len(view.fresh)) == ([], (), 0)
    after = catalog.points_of([held.id])
    assert after.point_ids.tolist() == live.point_ids.tolist()
    assert after.item_ids.tolist() == live.item_ids.tolist()
    assert catalog.stats()["removed_items"] == 0
    assert catalog.items([owl, bell]).keys() == {owl}


def test_shards_over_dropped_segments_go_too(catalog: Catalog) -> None:
    two_pictures(catalog)
    (old,) = (held.id for held in catalog.view().segments)
    catalog.commit(Change(shards=[shard("a", [old])]))
    assert catalog.view().uncovered == ()
    moved = [MovedPoint(int(id_), 0, row) for row, id_ in enumerate(catalog.points_of([old]).point_ids)]
    catalog.commit(Change([segment("new", 2)], compaction=Compaction([old], moved)))
    assert catalog.view().shards == ()
    assert len(catalog.view().fresh) == 2


def test_a_commit_that_fails_changes_nothing(catalog: Catalog) -> None:
    two_pictures(catalog)
    before, stats = catalog.view(), catalog.stats()
    one, new = segment("two", 1), picture(RAIN, [NewPoint(0, 0)])
    failing = [
        (Change([one], [new], compaction=Compaction([before.segments[0].id], [])), Damaged, "live and has not moved"),
        (Change([one], [new, new]), BadInput, "same URI twice"),
        (Change([one], [new], fields=[NewFields("file:///w/none", "x")]), NotFound, "file:///w/none"),
        (Change([segment("one", 1)], [new]), HearseeError, "failed"),  # its path is taken
        (Change([one], [picture(RAIN, [NewPoint(0, 0), NewPoint(0, 0)])]), HearseeError, "failed"),
        (
            Change([one], [picture(RAIN, metadata={"at": object()})]),
            BadInput,
            f"{RAIN}: metadata holds a value of type",
        ),
    ]
    for change, kind, said in failing:
        with pytest.raises(kind, match=said):
            catalog.commit(change)
        assert catalog.stats() == stats
        assert catalog.find([RAIN]) == {}
    assert catalog.commit(Change([one], [new])) == before.generation + 1


def test_quarantine_counts_and_forgives(catalog: Catalog) -> None:
    catalog.commit(
        Change(quarantine=[NewQuarantine(OWL, "file:///w", "truncated"), NewQuarantine(BELL, "w", "empty", "c1")])
    )
    catalog.commit(Change(quarantine=[NewQuarantine(OWL, "file:///w", "not a\0 picture")]))
    first, second = catalog.quarantined()
    assert (first.uri, first.reason, first.count, first.generation) == (OWL, "not a\ufffd picture", 2, 2)
    assert (second.uri, second.content, second.count) == (BELL, "c1", 1)
    assert [one.uri for one in catalog.quarantined(limit=1)] == [OWL]
    catalog.commit(Change(unquarantine=[OWL, "file:///w/never"]))
    assert [one.uri for one in catalog.quarantined()] == [BELL]
    assert catalog.stats()["quarantined"] == 1


def test_any_text_is_kept_as_far_as_both_databases_can(catalog: Catalog) -> None:
    long = "file:///" + "é" * 5_000
    metadata = {"k\0": "v\ud800", "x" * 3_000: "y" * 10_000, "nan": float("nan"), "list": ("a", "\0")}
    catalog.commit(Change(items=[picture(long, caption="a\0b\udfff🐝", group="g" * 5_000, metadata=metadata)]))
    item = catalog.by_uri(long)
    assert item is not None
    assert item.caption == "a\ufffdb\ufffd🐝"
    assert item.metadata == {"k\ufffd": "v\ufffd", "x" * 3_000: "y" * 10_000, "nan": None, "list": ["a", "\ufffd"]}
    for where in ({"x" * 3_000: "y" * 10_000}, {"k\0": "v\ud800"}, {"nan": None}, {"@group": {"$prefix": "g" * 4_000}}):
        assert catalog.allowed(parse_where(where)).tolist() == [item.id]
    assert catalog.allowed(parse_where({"x" * 3_000: "y" * 9_999})).tolist() == []
    catalog.commit(Change(quarantine=[NewQuarantine(long, "s", "r")]))
    assert catalog.quarantined()[0].uri == long


def test_metadata_that_is_no_json_is_refused(catalog: Catalog) -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    for metadata, said in (
        ({1: 2}, "keys must be strings"),
        ({"a": {b"x"}}, "type set"),
        ({"a": deep}, "nested deeper than 32"),
        ({"a": 1 << 9_999}, "digits"),
        ({"a": list(range(10_001))}, "10,000 at the most"),
    ):
        with pytest.raises(BadInput, match=said):
            catalog.commit(Change(items=[picture(OWL, metadata=metadata)]))
    assert catalog.generation() == 0


def test_pages_follow_each_other(catalog: Catalog) -> None:
    items = [picture(f"test:{n}", metadata={"n": n}) for n in range(10)]
    items.append(NewItem("test:sound", Modality.AUDIO, "c", 1, "test", [], metadata={"n": 4}))
    catalog.commit(Change(items=items))
    first = catalog.page(limit=4)
    second = catalog.page(limit=4, after=first[-1].id)
    assert [item.uri for item in first + second] == [f"test:{n}" for n in range(8)]
    small = parse_where({"n": {"$lt": 5}})
    assert [item.uri for item in catalog.page(after=first[2].id, where=small)] == ["test:3", "test:4", "test:sound"]
    assert [item.uri for item in catalog.page(where=small, modality=Modality.AUDIO)] == ["test:sound"]


def test_groups_come_in_order_of_code_points(catalog: Catalog) -> None:
    names = ["b", "B", "é", "a", "\uffff", "🐝", "a"]
    catalog.commit(Change(items=[picture(f"test:{n}", group=name) for n, name in enumerate(names)]))
    catalog.commit(Change(items=[picture("test:alone")]))
    found = list(catalog.groups())
    assert [group for group, _, _ in found] == sorted(names)
    assert found[1][2] < found[2][2]  # within a group by id


def test_numpy_integers_are_ids_too(catalog: Catalog) -> None:
    two_pictures(catalog)
    fresh = catalog.view().fresh
    assert [item.uri for item in catalog.items(fresh.item_ids).values()] == [OWL, BELL]  # type: ignore[arg-type]
    assert catalog.spans(fresh.point_ids) == {}  # type: ignore[arg-type]
    catalog.commit(Change(remove=fresh.item_ids[:1]))  # type: ignore[arg-type]
    assert catalog.find([OWL]) == {}


def test_readers_see_whole_commits_while_one_writes(catalog: Catalog, database_url: str) -> None:
    """Commit n adds two items and removes one of commit n - 1: no view may show a state in between."""
    done, problems = threading.Event(), []

    def read() -> None:
        with Catalog.open(database_url, writable=False) as mine:
            last = 0
            while not done.is_set():
                view = mine.view()
                n = view.generation
                if n < last or (n and (len(view.fresh), len(view.dead)) != (n + 1, n - 1)):
                    problems.append(f"{last} -> {n}: {len(view.fresh)} live, {len(view.dead)} dead")
                if mine.generation() < n or len(mine.items(view.fresh.item_ids.tolist())) != len(view.fresh):
                    problems.append(f"{n}: an item is missing")
                last = n

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    previous: list[int] = []
    for n in range(25):
        two = [picture(f"test:{n}-{side}", [NewPoint(0, side)]) for side in range(2)]
        catalog.commit(Change([segment(f"s{n}", 2)], two, remove=previous))
        previous = [catalog.find([two[0].uri])[two[0].uri].id]
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
