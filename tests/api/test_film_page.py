"""A film over HTTP and on the page: one item, played from the moment where it was found."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from hearsee.api.http import create_app
from hearsee.core.settings import Settings
from hearsee.core.space import load_space
from tests.api.test_page import ARGUMENTS
from tests.api.world import serve
from tests.films import film
from tests.indexer.shop import Shop, png


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    shop = Shop(tmp_path_factory.mktemp("films"), load_space("hash"))
    shop.put("red & <b>.webm", film("webm"))
    shop.put("still.png", png(3, 64))
    shop.run()
    yield from serve(create_app(Settings(library=shop.root / "library")))


def test_a_film_is_served_in_ranges_as_what_it_is(films: str) -> None:
    with httpx.Client(base_url=films, timeout=30) as client:
        listed = client.get("/v1/items?modality=image").json()["items"]
        (found,) = [item for item in listed if item["uri"].endswith(".webm")]
        assert client.get(f"/v1/items/{found['id']}").json() == found
        whole = client.get(found["media"])
        assert (whole.status_code, whole.headers["content-type"]) == (200, "video/webm")
        assert whole.content == film("webm") or len(whole.content) == found["bytes"]
        part = client.get(found["media"], headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, whole.content[100:200])
        hit = client.post("/v1/search", json={"like": found["id"], "wanted": ["audio"], "k": 3}).json()
        assert hit["hits"] == [] or hit["hits"][0]["span"]["unit"] == "seconds"


def test_the_page_plays_it(films: str, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium for the page's tests: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(base_url=films)
        page.goto("/")
        video = page.locator("video")
        expect(video).to_be_visible()
        assert (video.get_attribute("src") or "").endswith("/media#t=0")
        expect(video).to_have_js_property("readyState", 4)
        assert page.locator("#hits b").count() == 0  # the name is text, whatever it holds
        page.screenshot(path=tmp_path / "film.png")
        browser.close()
