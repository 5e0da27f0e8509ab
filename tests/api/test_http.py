"""The service, asked over a real socket."""

from __future__ import annotations

import json
import socket
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from hearsee.api.http import create_app
from hearsee.api.main import run
from hearsee.core.item import local_path
from hearsee.core.settings import Settings
from tests.api.world import World, await_ready, serve


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=30) as opened:
        yield opened


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert "\n" not in body["detail"]
    return str(body["detail"])


def ask(client: httpx.Client, **query: Any) -> Any:
    answer = client.post("/v1/search", json=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def id_of(client: httpx.Client, uri: str) -> int:
    items = client.get("/v1/items", params={"limit": 200}).json()["items"]
    return int(next(item["id"] for item in items if item["uri"] == uri))


def test_words_find_the_same_words(client: httpx.Client, world: World) -> None:
    caption = world.row("text")["text"]
    answer = ask(client, text=caption, wanted=["text"], k=3)
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    assert answer["hits"][0]["item"]["text"] == caption
    assert answer["hits"][0]["score"] == pytest.approx(1.0, abs=1e-3)
    assert answer["generation"] >= 1


def test_a_dropped_picture_and_sound_find_themselves(client: httpx.Client, world: World) -> None:
    picture, sound = world.file("image", 1), world.file("audio", 1)
    files = [("image", ("a.png", picture.read_bytes())), ("audio", ("b.flac", sound.read_bytes()))]
    answer = client.post("/v1/search", files=files, data={"k": "2", "wanted": "image,audio"})
    assert answer.status_code == 200, answer.text
    assert {hit["item"]["uri"] for hit in answer.json()["hits"]} == {picture.as_uri(), sound.as_uri()}


def test_a_form_has_the_fields_of_the_json(client: httpx.Client, world: World) -> None:
    caption, other = world.row("text", 0)["text"], world.row("text", 1)["text"]
    where = {"colour": {"$exists": True}}
    weights = {"text": 2, "edit": 0.5}
    asked = {"text": caption, "edit": [caption, "blue"], "without": other, "wanted": ["text"], "where": where}
    plain = ask(client, **asked, weights=weights, k=5)
    form = [
        ("text", caption), ("edit", caption), ("edit", "blue"), ("without", other), ("wanted", "text"),
        ("where", json.dumps(where)), ("weights", json.dumps(weights)), ("k", "5"),
    ]  # fmt: skip
    formed = client.post("/v1/search", data=dict(form))
    assert problem(formed, 400).startswith("the body is application/x-www-form-urlencoded")
    formed = client.post("/v1/search", files=[(name, (None, value)) for name, value in form])
    assert formed.status_code == 200, formed.text
    assert [hit["item"]["id"] for hit in formed.json()["hits"]] == [hit["item"]["id"] for hit in plain["hits"]]
    assert "edited by" in formed.json()["plan"]["words"]


def test_an_edit_of_nothing_is_a_problem(client: httpx.Client) -> None:
    assert "nothing to edit" in problem(client.post("/v1/search", json={"edit": "blue"}), 400)
    assert "edit is empty" in problem(client.post("/v1/search", json={"text": "bell", "edit": ""}), 400)


def test_an_item_and_its_media(client: httpx.Client, world: World) -> None:
    picture = world.file("image")
    number = id_of(client, picture.as_uri())
    item = client.get(f"/v1/items/{number}").json()
    assert item["metadata"]["thing"] == world.row("image")["thing"]
    media = client.get(item["media"])
    assert media.content == picture.read_bytes()
    assert media.headers["content-type"] == "image/png"
    assert media.headers["x-content-type-options"] == "nosniff"
    assert media.headers["content-security-policy"].startswith("sandbox")


def test_a_text_is_served_as_text_and_never_as_a_page(client: httpx.Client, world: World) -> None:
    texts = client.get("/v1/items", params={"modality": "text", "limit": 1}).json()["items"]
    media = client.get(texts[0]["media"])
    assert media.text == world.row("text")["text"]
    assert media.headers["content-type"] == "text/plain; charset=utf-8"


RANGES = {
    "bytes=0-9": (206, slice(0, 10)),
    "bytes=10-": (206, slice(10, None)),
    "bytes=-7": (206, slice(-7, None)),
    "bytes=5-99999999": (206, slice(5, None)),
    "bytes=3-1": (200, slice(None)),
    "bytes=0-1,4-5": (200, slice(None)),
    "bytes=99999999-": (416, slice(0, 0)),
    "pages=1-2": (200, slice(None)),
}


@pytest.mark.parametrize("asked", RANGES)
def test_a_sound_comes_in_ranges(client: httpx.Client, world: World, asked: str) -> None:
    sound = world.file("audio")
    raw = sound.read_bytes()
    status, part = RANGES[asked]
    media = client.get(f"/v1/items/{id_of(client, sound.as_uri())}/media", headers={"Range": asked})
    assert media.status_code == status
    assert media.headers["content-type"] == "audio/flac"
    assert media.content == raw[part]
    if status == 206:
        first, last = media.headers["content-range"].removeprefix("bytes ").partition("/")[0].split("-")
        assert raw[int(first) : int(last) + 1] == raw[part]


def test_a_file_that_has_changed_since_is_not_served(own_server: tuple[World, httpx.Client]) -> None:
    world, client = own_server
    picture = world.file("image")
    number = id_of(client, picture.as_uri())
    picture.unlink()
    picture.symlink_to("/etc/passwd")
    answer = client.get(f"/v1/items/{number}/media")
    assert answer.status_code >= 400
    assert b"root:" not in answer.content


BAD = {
    "nothing asked": ({}, 400, "nothing"),
    "no hits": ({"text": "x", "k": 0}, 400, "k is 0"),
    "a billion hits": ({"text": "x", "k": 10**9}, 400, "k is 1000000000"),
    "k as words": ({"text": "x", "k": "ten"}, 400, "k:"),
    "an unknown field": ({"text": "x", "colour": "red"}, 400, "colour"),
    "a path, which only the command line may read": ({"image": "/etc/passwd"}, 400, "image"),
    "a field with half a character": ({"text": "x", "\ud800": 1}, 400, "unicode"),
    "half a character": ({"text": "\ud800"}, 400, "surrogate"),
    "an unknown operator": ({"text": "x", "where": {"a": {"$near": 1}}}, 400, "$near"),
    "an unknown item": ({"like": 10**9}, 404, "1000000000"),
    "an unknown modality": ({"text": "x", "wanted": ["smell"]}, 400, "smell"),
}


@pytest.mark.parametrize(("query", "status", "names"), BAD.values(), ids=BAD)
def test_bad_questions_are_problems(client: httpx.Client, query: dict[str, Any], status: int, names: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert names in problem(client.post("/v1/search", content=json.dumps(query), headers=headers), status)


def test_a_filter_without_a_floor_is_a_problem(client: httpx.Client) -> None:
    deep = '{"text": "x", "where": ' + '{"$not":' * 10_000 + "{}" + "}" * 10_000 + "}"
    answer = client.post("/v1/search", content=deep, headers={"Content-Type": "application/json"})
    assert "deep" in problem(answer, 400)


@pytest.mark.parametrize("raw", [b"", b"\x89PNG\r\n\x1a\n broken", b"no picture"])
def test_a_bad_picture_is_a_problem(client: httpx.Client, raw: bytes) -> None:
    answer = client.post("/v1/search", files={"image": ("x.png", raw)})
    assert 400 <= answer.status_code < 500
    problem(answer, answer.status_code)


def test_a_body_that_is_too_large_is_refused_at_once(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(70):
            yield b"x" * 2**20

    answer = client.post("/v1/search", content=endless(), headers={"Content-Type": "application/json"})
    assert "larger than 64 MB" in problem(answer, 413)


@pytest.mark.parametrize("path", ["/v1/items/0", "/v1/items/999999", f"/v1/items/{10**30}", "/v1/items/999999/media"])
def test_what_is_not_there_is_a_problem(client: httpx.Client, path: str) -> None:
    assert "item" in problem(client.get(path), 404)


def test_another_host_is_not_answered(client: httpx.Client) -> None:
    assert "evil.example" in problem(client.get("/v1/library", headers={"Host": "evil.example"}), 421)


def test_no_other_origin_is_let_in(client: httpx.Client) -> None:
    answer = client.get("/v1/library", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_alive_and_ready(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert await_ready(client)["status"] == "ready"


def test_the_page_allows_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in ("/style.css", "/page.js", "/wave.js", "/mark.svg"):
        assert client.get(path).status_code == 200


def test_readers_see_the_newest_commit(own_server: tuple[World, httpx.Client]) -> None:
    world, client = own_server
    picture = world.file("image")
    number = id_of(client, picture.as_uri())
    assert run(["remove", str(picture), "--library", str(world.library), "--json"]) == 0
    assert "no item" in problem(client.get(f"/v1/items/{number}"), 404)
    found = client.post("/v1/search", files={"image": ("x.png", picture.read_bytes())}, data={"k": "100"}).json()
    assert number not in [hit["item"]["id"] for hit in found["hits"]]


def test_what_is_served_is_what_was_indexed(client: httpx.Client) -> None:
    for item in client.get("/v1/items", params={"limit": 200}).json()["items"]:
        raw = client.get(item["media"]).content
        assert len(raw) == item["bytes"]
        place = local_path(item["uri"])
        if place is not None and "#" not in item["uri"]:
            assert raw == place.read_bytes()


def raw(url: str) -> socket.socket:
    """A request whose body stays away."""
    opened = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30)
    length = b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    opened.sendall(b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\n" + length)
    return opened


def test_a_body_that_does_not_come_is_not_waited_for(world: World) -> None:
    app = create_app(Settings(library=world.library))
    app.user_middleware[0].kwargs["pause_seconds"] = 0.1
    for url in serve(app):
        with raw(url) as slow:
            told = b"".join(iter(lambda: slow.recv(4096), b""))  # to its end: the connection is closed
        assert told.startswith(b"HTTP/1.1 408")
        assert b"nothing more of the body came" in told
        assert httpx.post(f"{url}/v1/search", json={"text": "bell"}, timeout=30).status_code == 200


def test_whoever_leaves_in_the_middle_leaves_no_trace_in_the_log(
    client: httpx.Client, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        raw(server).close()
    assert client.get("/livez").status_code == 200
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


NOT_KNOWN = {
    '{"text": "a", "text": "b"}': "'text' stands twice",
    '{"text": "a", "k": ' + "9" * 5000 + "}": "too many digits",
    '{"text": "a", "colour": "red"}': "colour is not known here",
    "[]": "must be a JSON object",
    "null": "must be a JSON object",
}


@pytest.mark.parametrize("body", NOT_KNOWN)
def test_what_cannot_be_understood_is_told_in_our_words(client: httpx.Client, body: str) -> None:
    told = client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
    assert NOT_KNOWN[body] in problem(told, 400)


def test_what_is_not_there_is_told_so(client: httpx.Client) -> None:
    assert problem(client.get("/v1/items/../../etc/passwd"), 404) == "there is nothing at this address"
    assert problem(client.put("/v1/search"), 405) == "PUT is not done here"


def test_the_description_names_each_address_once(client: httpx.Client, world: World) -> None:
    with warnings.catch_warnings(record=True) as complaints:  # of any thread: the server's too
        warnings.simplefilter("always")
        paths = create_app(Settings(library=world.library)).openapi()["paths"]
    assert [str(complaint.message) for complaint in complaints] == []
    assert list(paths["/v1/items/{item_id}/media"]) == ["get"]
    address = client.get("/v1/items", params={"limit": 1}).json()["items"][0]["media"]
    assert client.head(address).headers["content-length"] == str(len(client.get(address).content))
