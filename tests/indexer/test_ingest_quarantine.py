"""What the ingest refuses, with its reason; the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.errors import BadInput
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space
from hearsee.indexer.corpus import Source
from tests.indexer.shop import SETTINGS, CountingEncoder, Shop, counts, flac, png


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    space = hash_space()
    towers = {modality: CountingEncoder(HashEncoder(modality)) for modality in Modality}
    return Shop(tmp_path, replace(space, towers=towers))


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


def test_a_row_whose_path_names_no_file_keeps_its_words_and_is_said_every_time(shop: Shop) -> None:
    table = shop.table({"image": {"bytes": "x", "path": "a.png"}, "caption": "owl"})
    shop.run(table)
    for _ in range(2):
        assert counts(shop.run(table)) == (0, 0, 1, 0, 1)
        assert [row.text for row in shop.items().values()] == ["owl"]
        assert all("bytes inside the table" in reason for reason in shop.quarantine().values())
        assert len(shop.quarantine()) == 1


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
