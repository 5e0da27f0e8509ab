"""What a search shows of the points it found, on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.indexer.catalog import Catalog, Change, NewItem, NewPoint, NewSegment

BELL, OWL = "file:///w/bell.flac", "file:///w/owl.flac"


def segment(name: str, rows: int) -> NewSegment:
    tower = load_space("hash").tower(Modality.AUDIO).contract.fingerprint
    return NewSegment(Modality.AUDIO, tower, f"segments/{name}.npy", "ab" * 32, 100 * rows, rows, 16)


def sound(uri: str, *points: NewPoint, content: str = "c0") -> NewItem:
    return NewItem(uri, Modality.AUDIO, content, 10, "file:///w", points, metadata={"loud": True})


def point_ids(catalog: Catalog) -> list[int]:
    ids: list[int] = catalog.points_of([segment.id for segment in catalog.view().segments]).point_ids.tolist()
    return ids


def test_live_points_show_their_item_and_span(catalog: Catalog) -> None:
    windows = [NewPoint(0, 0, Span(0, 1, "seconds")), NewPoint(0, 1, Span(1, 1.5, "seconds"))]
    catalog.commit(Change([segment("one", 3)], [sound(BELL, *windows), sound(OWL, NewPoint(0, 2))]))
    bell, owl = catalog.by_uri(BELL), catalog.by_uri(OWL)
    first, second, third = point_ids(catalog)
    assert catalog.shown([first, third, second, first, 10**12]) == {
        first: (bell, Span(0, 1, "seconds"), Modality.AUDIO),
        second: (bell, Span(1, 1.5, "seconds"), Modality.AUDIO),
        third: (owl, None, Modality.AUDIO),
    }
    assert catalog.shown([]) == {}


def test_points_that_were_replaced_or_removed_show_nothing(catalog: Catalog) -> None:
    catalog.commit(Change([segment("one", 2)], [sound(BELL, NewPoint(0, 0)), sound(OWL, NewPoint(0, 1))]))
    bell, owl = point_ids(catalog)
    catalog.commit(Change([segment("two", 1)], [sound(BELL, NewPoint(0, 0), content="c1")]))
    assert list(catalog.shown([bell, owl])) == [owl]
    known = catalog.find([OWL])[OWL]
    catalog.commit(Change(remove=[known.id]))
    assert catalog.shown([bell, owl]) == {}
