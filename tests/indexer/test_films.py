"""A film is one item: found by what is seen in it and by what is heard, each with its moment."""

from __future__ import annotations

import numpy as np
import pytest

from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import load_space
from hearsee.search import Searcher, open_library
from tests.films import film
from tests.indexer.shop import Shop, counts, flac, png


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("films"), load_space("toybox"))
    shop.put("red and more.mp4", film())
    shop.put("silent.webm", film("webm", sound=False))
    shop.put("sub/other.mkv", film("matroska", hertz=2_000, colours=((10, 10, 10), (250, 250, 250))))
    shop.put("broken.mp4", film()[:3_000])
    shop.put("still.png", png(3, 64))
    shop.put("hum.flac", flac(3, 0.01))
    report = shop.run()
    assert counts(report) == (5, 0, 0, 0, 1)
    assert "cut short" in report.reasons[0][1]
    return shop


def opened(shop: Shop) -> Searcher:
    return open_library(shop.root / "library", settings=Settings(workers=1))


def test_a_film_is_one_item_with_points_of_two_modalities(shop: Shop) -> None:
    with opened(shop) as searcher:
        seen, heard = (searcher.library.snapshot().parts[m] for m in (Modality.IMAGE, Modality.AUDIO))
        items = {item.uri.rpartition("/")[2]: item for item in searcher.library.catalog.page()}
        both = items["red%20and%20more.mp4"]
        assert (both.modality, len(items)) == (Modality.IMAGE, 5)
        assert (seen.items, heard.items) == (4, 3)
        assert (seen.points, heard.points) == (4 + 4 + 2 + 1, heard.points)


def test_it_is_found_by_both_and_shown_once_with_its_best_moment(shop: Shop) -> None:
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:, 48:] = (20, 20, 230)
    at = np.arange(32_000) / 16_000
    tone = (0.36 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)
    from PIL import Image

    with opened(shop) as searcher:
        by_eye = searcher.search(image=Image.fromarray(frame), wanted=["image"], k=5).hits
        assert by_eye[0].item.uri.endswith((".mp4", ".webm"))
        assert by_eye[0].span is not None
        assert (by_eye[0].span.start, by_eye[0].span.end) == (4.0, 6.0)  # the third colour
        by_ear = searcher.search(audio=(tone, 16_000), wanted=["audio"], k=5).hits
        assert by_ear[0].item.uri.endswith("more.mp4")
        assert by_ear[0].modality is Modality.AUDIO
        assert by_ear[0].span is not None
        assert by_ear[0].span.start >= 3.0  # the tone is in the second half
        mixed = searcher.search(image=Image.fromarray(frame), audio=(tone, 16_000), wanted=["image", "audio"], k=9).hits
        ids = [hit.item.id for hit in mixed]
        assert len(ids) == len(set(ids)) == 5
        explained = searcher.search(audio=(tone, 16_000), wanted=["audio"], k=1, explain=True).hits[0]
        assert explained.explanation is not None


def test_the_same_film_again_costs_nothing_and_a_copy_shares_its_vectors(shop: Shop) -> None:
    assert counts(shop.run()) == (0, 0, 5, 0, 1)
    before = shop.vectors_by_modality()
    shop.put("copy.mp4", film())
    report = shop.run()
    assert counts(report) == (1, 0, 5, 0, 1)
    assert report.encoded == 0
    after = shop.vectors_by_modality()
    assert {modality: len(rows) for modality, rows in after.items()} == {
        Modality.IMAGE: len(before[Modality.IMAGE]) + 4,
        Modality.AUDIO: len(before[Modality.AUDIO]) + 7,
    }
    (shop.folder / "copy.mp4").unlink()
    assert counts(shop.run()) == (0, 0, 5, 1, 1)
    assert {m: len(rows) for m, rows in shop.vectors_by_modality().items()} == {m: len(r) for m, r in before.items()}
