"""`hearsee search` in the process: what it finds, and what it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearsee.api.main import run
from tests.api.world import HOSTILE, Said, World


def test_a_picture_finds_itself_first(world: World, say: Said) -> None:
    picture = world.file("image", 2)
    found = say("search", "--image", picture, "--want", "image", "-k", 3)
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3]
    assert found["hits"][0]["item"]["uri"] == picture.as_uri()
    assert found["hits"][0]["score"] == pytest.approx(1.0, abs=1e-3)
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_words_find_the_very_same_words(world: World, say: Said) -> None:
    caption = world.row("text", 1)["text"]
    best = say("search", *caption.split(" "), "--want", "text")["hits"][0]
    assert best["item"]["text"] == caption


def test_several_pictures_share_the_question(world: World, say: Said) -> None:
    first, second = world.file("image", 1), world.file("image", 5)
    found = say("search", "--image", first, "--image", second, "--want", "image", "-k", 2)
    assert {hit["item"]["uri"] for hit in found["hits"]} == {first.as_uri(), second.as_uri()}


def test_the_heavier_part_comes_first(world: World, say: Said) -> None:
    picture, sound = world.file("image", 1), world.file("audio", 1)
    parts = ("search", "--image", picture, "--audio", sound, "--want", "image,audio", "-k", 1)
    assert say(*parts, "--weight", "image=5")["hits"][0]["item"]["modality"] == "image"
    assert say(*parts, "--weight", "audio=5")["hits"][0]["item"]["modality"] == "audio"


def test_not_pushes_what_it_names_to_the_end(world: World, say: Said) -> None:
    wanted, unwanted = world.row("text", 0)["text"], world.row("text", 1)["text"]
    found = say("search", wanted, "--not", unwanted, "--want", "text", "-k", 100)["hits"]
    assert found[0]["item"]["text"] == wanted
    assert found[-1]["item"]["text"] == unwanted


def test_but_pulls_towards_what_it_names(world: World, say: Said) -> None:
    caption, other = world.row("text", 0)["text"], world.row("text", 1)["text"]
    asked = ("search", caption, "--want", "text", "-k", 2)
    found = say(*asked, "--but", other, "--weight", "edit=5", "--explain")
    assert found["hits"][0]["item"]["text"] == other
    assert say(*asked)["hits"][0]["item"]["text"] == caption
    assert "; edited by adding the words" in found["plan"]["words"]  # the space has learned no edits
    parts = found["hits"][0]["explanation"]["parts"]
    assert [part["edit"] for part in parts] == [False, True]
    assert (
        say(*asked, "--edit", other, "--weight", "edit=5")["hits"]
        == say(*asked, "--but", other, "--weight", "edit=5")["hits"]
    )


def test_like_leaves_out_the_item_itself(world: World, say: Said) -> None:
    uri = world.file("image").as_uri()
    found = say("search", "--like", uri, "--want", "image", "-k", 100)["hits"]
    assert uri not in [hit["item"]["uri"] for hit in found]
    assert len(found) == len([row for row in world.rows if row.get("modality", "image") == "image"]) - 1


def test_a_picture_that_is_to_be_different_is_no_answer_wherever_its_bytes_come_from(
    world: World, say: Said, tmp_path: Path
) -> None:
    picture = world.file("image", 2)
    upload = tmp_path / "upload.png"
    upload.write_bytes(picture.read_bytes())
    asked = ("--image", upload, "--want", "image", "-k", 100)
    every = {hit["item"]["uri"] for hit in say("search", *asked)["hits"]}
    changed = say("search", *asked, "--but", "blue")
    assert {hit["item"]["uri"] for hit in changed["hits"]} == every - {picture.as_uri()}
    assert "leaving out the 1 asked with" in changed["plan"]["words"]
    assert picture.as_uri() in every  # asked with alone it finds itself


def test_the_time_to_load_is_called_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--library", str(world.library))
    assert run(["search", "a bell", *at]) == 0
    assert " ms to load and encode, " in capsys.readouterr().out
    assert run(["search", "--like", world.file("image").as_uri(), *at]) == 0
    assert " ms to encode, " in capsys.readouterr().out


def test_a_filter_answers_exactly(world: World, say: Said) -> None:
    colour = world.row("image")["colour"]
    found = say("search", "anything", "--want", "image", "--where", json.dumps({"colour": colour}), "-k", 100)["hits"]
    meant = {world.folder / r["path"] for r in world.rows if r.get("modality") == "image" and r["colour"] == colour}
    assert {hit["item"]["uri"] for hit in found} == {path.as_uri() for path in meant}


def test_a_sound_says_where(world: World, say: Said) -> None:
    best = say("search", "--audio", world.file("audio"), "--want", "audio")["hits"][0]
    assert best["span"]["unit"] == "seconds"
    assert best["span"]["start"] < best["span"]["end"]


def test_the_table_shows_captions_as_they_were_written(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    where = json.dumps({"thing": "trick"})
    args = ["search", "x", "--want", "text", "--where", where, "--library", str(world.library)]
    assert run(args) == 0
    assert HOSTILE in " ".join(capsys.readouterr().out.split())


BAD = {
    "no part at all": ([], "nothing"),
    "no hits wanted": (["x", "-k", "0"], "k is 0"),
    "a billion hits": (["x", "-k", str(10**9)], "k is 1000000000"),
    "no such picture": (["--image", "nowhere.png"], "nowhere.png"),
    "a picture that is none": (["--image", __file__], "test_search_command.py"),
    "a filter that is not JSON": (["x", "--where", "{colour: red}"], "--where is not JSON"),
    "a filter that is a list": (["x", "--where", "[1]"], "--where"),
    "an unknown operator": (["x", "--where", '{"a": {"$near": 1}}'], "$near"),
    "a filter without a floor": (["x", "--where", '{"$not":' * 10_000 + "{}" + "}" * 10_000], "deep"),
    "a weight that is no number": (["x", "--weight", "text=heavy"], "text=heavy"),
    "a weight said twice": (["x", "--weight", "text=1", "--weight", "text=2"], "twice"),
    "a weight for nothing": (["x", "--weight", "image=2"], "image"),
    "an unknown modality": (["x", "--want", "smell"], "smell"),
    "an unknown item": (["--like", "999999"], "999999"),
    "half a character": (["\udcff"], "surrogate"),
}


@pytest.mark.parametrize(("args", "names"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line(world: World, capsys: pytest.CaptureFixture[str], args: list[str], names: str) -> None:
    capsys.readouterr()
    assert run(["search", *args, "--library", str(world.library)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("hearsee: ")
    assert said.err.count("\n") == 1
    assert names in said.err


def test_a_mistyped_command_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "--colour", "red"]) == 2
    said = capsys.readouterr().err
    assert "--colour" in said
    assert said.count("\n") == 1
