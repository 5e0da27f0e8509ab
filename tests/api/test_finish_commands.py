"""Words, duplicates, diversity, names and captions from the terminal and over HTTP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from hearsee.api.http import create_app
from hearsee.api.main import run
from hearsee.core.settings import Settings
from tests.api.world import World


@pytest.fixture(scope="module")
def library(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toybox, and a picture under two names."""
    folder = tmp_path_factory.mktemp("finish")
    pictures = folder / "pictures"
    pictures.mkdir()
    for name in ("IMG_2041.png", "invoice 7731.png"):
        shutil.copy(world.file("image", 2), pictures / name)
    home = folder / "library"
    for source in (world.folder, pictures):
        assert run(["index", str(source), "--library", str(home), "--space", "hash", "--json"]) == 0
    return home


@pytest.fixture(autouse=True)
def quiet(library: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    capsys.readouterr()


@pytest.fixture
def client(library: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(library=library)), base_url="http://localhost") as opened:
        yield opened


def asked(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    assert run([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_exact_name_is_found(library: Path, capsys: pytest.CaptureFixture[str], client: TestClient) -> None:
    found = asked(capsys, "search", "img_2041", "--lexical", "--library", str(library))
    assert found["hits"][0]["item"]["uri"].endswith("/IMG_2041.png")
    assert found["hits"][0]["words"] == ["img 2041"]
    same = client.post("/v1/search", json={"text": "img_2041", "lexical": True}).json()
    assert [hit["item"]["id"] for hit in same["hits"]] == [hit["item"]["id"] for hit in found["hits"]]
    assert same["hits"][0]["words"] == ["img 2041"]
    form = client.post("/v1/search", files={"text": (None, "invoice 7731"), "lexical": (None, "true")}).json()
    assert form["hits"][0]["item"]["uri"].endswith("/invoice%207731.png")


def test_exact_names_are_looked_for_unasked(
    library: Path, capsys: pytest.CaptureFixture[str], client: TestClient
) -> None:
    args = ("search", "the owl of img_2041", "-k", "5", "--library", str(library))
    assert asked(capsys, *args)["hits"][0]["item"]["uri"].endswith("/IMG_2041.png")
    assert run(list(args)) == 0
    assert "exact words: img 2041" in capsys.readouterr().out
    off = client.post("/v1/search", json={"text": "the owl of img_2041", "lexical": False}).json()
    assert not any(hit["words"] for hit in off["hits"])
    assert client.post("/v1/search", json={"text": "img_2041"}).json()["hits"][0]["words"] == ["img 2041"]


def test_lists_are_merged_when_asked(library: Path, capsys: pytest.CaptureFixture[str], client: TestClient) -> None:
    args = ("search", "a", "--like", "1", "--want", "image", "--library", str(library))
    late = asked(capsys, *args, "--fusion", "late")
    assert "2 lists merged by reciprocal rank" in late["plan"]["words"]
    same = client.post("/v1/search", json={"text": "a", "like": 1, "wanted": ["image"], "fusion": "late"}).json()
    assert [hit["item"]["id"] for hit in same["hits"]] == [hit["item"]["id"] for hit in late["hits"]]
    assert run([*args, "--fusion", "best"]) == 1
    assert "fusion is 'best': use one of mean, fixed" in capsys.readouterr().err
    assert client.post("/v1/search", json={"text": "a", "fusion": "dot"}).status_code == 400


def test_a_second_look_is_asked_for_by_name(
    library: Path, capsys: pytest.CaptureFixture[str], client: TestClient
) -> None:
    """The library's space needs no model and brings none; the toybox's reads any picture."""
    args = ("search", "a bell", "--want", "image", "-k", "3", "--library", str(library))
    assert run([*args, "--rerank"]) == 1
    assert "space 'hash' brings no reranker: name one, such as toybox or blip" in capsys.readouterr().err
    found = asked(capsys, *args, "--reranker", "toybox", "--rerank-first", "6")
    assert "the first 6 looked at again by toybox: 6 read" in found["plan"]["words"]
    matches = [hit["match"] for hit in found["hits"]]
    assert matches == sorted(matches, reverse=True)
    query = {"text": "a bell", "wanted": ["image"], "k": 3, "rerank": "toybox", "rerank_first": 6}
    assert [hit["match"] for hit in client.post("/v1/search", json=query).json()["hits"]] == matches
    form = {"text": (None, "a bell"), "wanted": (None, "image"), "rerank": (None, '"toybox"'), "k": (None, "3")}
    assert client.post("/v1/search", files=form).json()["hits"][0]["match"] is not None
    for name in (str(library), "owner/model", "nobody"):
        refused = client.post("/v1/search", json={"text": "a", "rerank": name})
        assert (refused.status_code, "over HTTP it is true, or one of" in refused.text) == (400, True)


def test_copies_are_folded(library: Path, capsys: pytest.CaptureFixture[str], client: TestClient) -> None:
    args = ("--want", "image", "-k", "50", "--library", str(library))
    every = asked(capsys, "search", "a", *args)
    folded = asked(capsys, "search", "a", *args, "--fold-duplicates")
    gone = {hit["item"]["id"] for hit in every["hits"]} - {hit["item"]["id"] for hit in folded["hits"]}
    assert gone == {twin["id"] for hit in folded["hits"] for twin in hit["stands_for"]}
    assert len(gone) == 3  # two more files of the same bytes, and the world has a picture in two files
    assert run(["search", "a", *args, "--fold-duplicates"]) == 0
    assert "(and 2 like it)" in capsys.readouterr().out
    query = {"text": "a", "wanted": ["image"], "k": 50, "fold_duplicates": 0.99}
    same = client.post("/v1/search", json=query).json()
    assert [hit["item"]["id"] for hit in same["hits"]] == [hit["item"]["id"] for hit in folded["hits"]]
    spread = client.post("/v1/search", json={"text": "a", "diverse": 1.0, "k": 3}).json()
    assert spread["hits"][0] == client.post("/v1/search", json={"text": "a", "k": 1}).json()["hits"][0]


def test_wrong_options_are_problems(library: Path, capsys: pytest.CaptureFixture[str], client: TestClient) -> None:
    assert run(["search", "a", "--diverse", "3", "--library", str(library)]) == 1
    assert "diverse is 3.0: it must be from 0" in capsys.readouterr().err
    answer = client.post("/v1/search", json={"text": "a", "diverse": 3})
    assert (answer.status_code, "diverse is 3" in answer.text) == (400, True)
    assert client.post("/v1/search", json={"text": "a", "fold_duplicates": 7}).status_code == 400


def test_items_are_named(library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = tmp_path / "names.txt"
    names.write_text("owl\nbell\n\nrain\n")
    found = asked(capsys, "label", "--names", str(names), "--where", '{"thing": "trick"}', "--library", str(library))
    assert [item["modality"] for item in found["items"]] == ["image"]
    assert found["items"][0]["names"][0]["name"] in {"owl", "bell", "rain"}
    assert found["calibration"].startswith("not calibrated")
    pictures = library.parent / "pictures"
    of_folder = asked(capsys, "label", str(pictures), "--names", "owl,bell", "--top", "2", "--library", str(library))
    assert len(of_folder["items"]) == 2
    assert all(sum(name["share"] for name in item["names"]) == pytest.approx(1) for item in of_folder["items"])
    assert run(["label", str(pictures), "--names", "owl,bell", "--library", str(library)]) == 0
    assert "softmax over the 2 names" in capsys.readouterr().out
    assert run(["label", str(tmp_path), "--names", "owl,bell", "--library", str(library)]) == 0
    assert "Nothing to name" in capsys.readouterr().out
    assert run(["label", "--names", "owl", "--library", str(library)]) == 1
    assert "1 different names" in capsys.readouterr().err


def test_a_picture_is_captioned(library: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("image", "audio"):
        found = asked(capsys, "caption", str(world.file(kind)), "-k", "3", "--library", str(library))
        assert len({one["text"] for one in found["captions"]}) == 3
        assert found["nothing_close"] is None
    assert run(["caption", str(world.file("image")), "--library", str(library)]) == 0
    assert "not calibrated" in capsys.readouterr().out
    assert run(["caption", str(world.folder / "items.jsonl"), "--library", str(library)]) == 1
    assert "neither a picture nor a sound" in capsys.readouterr().err
