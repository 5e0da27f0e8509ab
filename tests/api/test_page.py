"""The page in a real Chromium, in front of a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.api.world import HOSTILE, World

# As root there is no sandbox; nothing on the page's machine may look for the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        message = "no Chromium for the page's tests: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    home = str(tmp_path_factory.mktemp("home"))  # where Chromium leaves its caches
    with sync_playwright() as playwright:
        env: dict[str, str | float | bool] = {
            **os.environ,
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "XDG_CACHE_HOME": home,
        }
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS, env=env)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """The page as it opens; anything it complains about in the console fails the test."""
    complaints: list[str] = []
    with browser.new_context(base_url=server, viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto("/")
        expect(page.locator("#hits > .card").first).to_be_visible()
        yield page
    assert complaints == []


def shown_uri(page: Page, selector: str = "#hits > .card") -> str | None:
    return page.locator(selector).first.get_attribute("data-uri")


def test_it_opens_with_a_little_of_what_is_here(page: Page) -> None:
    expect(page.locator("#library")).to_contain_text("8 sounds")
    expect(page.locator("#status")).to_have_text("A little of what is here")
    for kind in ("image", "audio", "text"):
        expect(page.locator(f"#hits > .card.{kind}").first).to_be_visible()


def test_words_bring_pictures_that_show(page: Page, world: World) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type(world.row("text")["text"])
    page.get_by_text("Pictures", exact=True).click()
    page.locator("#words").press("Enter")
    expect(page.locator("#status")).to_contain_text("hits in")
    picture = page.locator("#hits > .card img").first
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") == 96
    expect(page.locator("#hits > .card.audio")).to_have_count(0)
    expect(page.locator("#hits .score").first).to_be_visible()


def test_the_question_is_in_the_address_and_comes_back(page: Page, world: World) -> None:
    caption = world.row("text", 1)["text"]
    page.locator("#words").fill(caption)
    page.locator("#without").fill("rain")
    page.get_by_text("Words", exact=True).click()
    expect(page.locator("#hits blockquote").first).to_have_text(caption)
    page.reload()
    expect(page.locator("#words")).to_have_value(caption)
    expect(page.locator("#without")).to_have_value("rain")
    expect(page.locator("#hits blockquote").first).to_have_text(caption)
    page.go_back()
    expect(page.locator("#words")).to_have_value("")
    expect(page.locator("#status")).to_have_text("A little of what is here")


def test_a_dropped_picture_finds_itself(page: Page, world: World) -> None:
    picture = world.file("image", 1)
    raw = picture.read_bytes().hex()
    page.evaluate(
        """hex => {
            const bytes = Uint8Array.from(hex.match(/../g), pair => parseInt(pair, 16));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
            const how = {bubbles: true, cancelable: true, dataTransfer: carried};
            for (const name of ["dragenter", "dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(name, how));
        }""",
        raw,
    )
    chip = page.locator("#parts .part")
    expect(chip).to_contain_text("dropped.png")
    expect(page.locator("#hits .score").first).to_have_text("1.00")
    assert shown_uri(page) == picture.as_uri()
    chip.get_by_role("button").click()
    expect(page.locator("#status")).to_have_text("A little of what is here")


def test_a_chosen_sound_finds_itself_and_plays(page: Page, world: World) -> None:
    sound = world.file("audio", 2)
    page.locator("#files").set_input_files(sound)
    expect(page.locator("#hits > .card").first).to_have_attribute("data-uri", sound.as_uri())
    card = page.locator("#hits > .card.audio").first
    card.get_by_role("button", name="Play").click()
    expect(card.locator(".playing")).to_be_visible()
    page.wait_for_function("() => document.querySelector('.playing audio')?.currentTime > 0.1")
    card.locator(".play").click()
    expect(card.locator(".playing")).to_have_count(0)


def test_more_like_this(page: Page) -> None:
    card = page.locator("#hits > .card.image").first
    uri = card.get_attribute("data-uri")
    card.get_by_role("button", name="More like this").click()
    expect(page.locator("#parts .part")).to_have_count(1)
    expect(page.locator("#status")).to_contain_text("hits in")
    assert uri not in page.locator("#hits > .card").evaluate_all("cards => cards.map(card => card.dataset.uri)")
    assert "like=" in page.url


def test_an_edit_is_asked_for_kept_in_the_address_and_dropped_with_its_thing(page: Page, server: str) -> None:
    """What the page shows is what the service answers to the same words with the same edit."""
    page.locator("#words").fill("bell")
    page.get_by_label("What is to be different").fill("blue")
    page.locator("#edit").press("Enter")
    expect(page.locator("#status")).to_contain_text("hits in")
    asked = {"text": "bell", "edit": "blue", "k": 24}
    hits = httpx.post(f"{server}/v1/search", json=asked).json()["hits"]
    without = httpx.post(f"{server}/v1/search", json={"text": "bell", "k": 24}).json()["hits"]
    shown = page.locator("#hits > .card").evaluate_all("cards => cards.map(card => Number(card.dataset.id))")
    assert shown == [hit["item"]["id"] for hit in hits] != [hit["item"]["id"] for hit in without]
    assert "but=blue" in page.url
    page.reload()
    expect(page.locator("#edit")).to_have_value("blue")
    page.locator("#hits > .card").first.get_by_role("button", name="More like this").click()
    expect(page.locator("#edit")).to_have_value("")
    page.locator("#edit").fill("two")
    page.locator("#edit").press("Enter")
    expect(page.locator("#status")).to_contain_text("hits in")
    assert "like=" in page.url
    assert "but=two" in page.url


def test_an_edit_alone_asks_for_what_it_is_about(page: Page) -> None:
    page.locator("#edit").fill("blue")
    page.locator("#edit").press("Enter")
    expect(page.locator("#status")).to_have_text("Say what to look for, too.")


def test_a_hit_tells_why_it_is_here(page: Page, server: str) -> None:
    """The shares that the page shows are those of the service, and add up to the score."""
    page.locator("#words").fill("bell")
    page.locator("#words").press("Enter")
    expect(page.locator("#status")).to_contain_text("hits in")
    expect(page.locator(".why")).to_have_count(0)  # of one part alone there is nothing to tell
    page.locator("#edit").fill("blue")
    page.locator("#without").fill("rain")
    page.locator("#without").press("Enter")
    card = page.locator("#hits > .card").first
    card.locator(".why").click()
    expect(card.locator(".shares dt")).to_have_text(["'bell'", "but 'blue'", "but not 'rain'"])
    asked = {"text": "bell", "edit": "blue", "without": "rain", "k": 24, "explain": True}
    hit = httpx.post(f"{server}/v1/search", json=asked).json()["hits"][0]
    assert card.get_attribute("data-id") == str(hit["item"]["id"])
    shown = [one.split(",")[0].replace("−", "-") for one in card.locator(".shares dd").all_inner_texts()]
    assert shown == [f"{part['share']:+.2f}" for part in hit["explanation"]["parts"]]
    card.locator(".why").click()
    expect(card.locator(".shares")).to_have_count(0)


def test_a_hostile_caption_stays_text(page: Page) -> None:
    page.locator("#words").fill(HOSTILE)
    page.get_by_text("Words", exact=True).click()
    expect(page.locator("#hits blockquote").first).to_have_text(HOSTILE)
    page.locator("#wanted").get_by_text("Pictures").click()
    page.locator("#wanted").get_by_text("Words").click()
    expect(page.locator("#hits .caption").first).to_have_text(HOSTILE)
    page.wait_for_timeout(200)
    assert page.title() != "owned"
    assert page.locator("img[src='x']").count() == 0


def test_a_bad_picture_says_why(browser: Browser, server: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with browser.new_context(base_url=server) as context:
        page = context.new_page()
        page.goto("/")
        page.locator("#files").set_input_files(broken)
        expect(page.locator("#status.wrong")).to_contain_text("picture")
        expect(page.locator("#hits > .card")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_does_not_scroll_sideways(
    browser: Browser, server: str, scheme: Literal["light", "dark"]
) -> None:
    with browser.new_context(base_url=server, viewport={"width": 360, "height": 740}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto("/?q=bell&but=blue&not=rain&want=image,audio,text")
        expect(page.locator("#hits > .card").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, paper.removeprefix("rgb(").rstrip(")").split(","))) < 384) == (scheme == "dark")
