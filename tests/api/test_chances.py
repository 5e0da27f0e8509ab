"""Chances, explanations and tokens from the terminal and over HTTP, on a library whose truth is known."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hearsee.api.http import create_app
from hearsee.api.main import run
from hearsee.core.settings import Settings
from tests.api.world import serve
from tests.search.worlds import clustered_library

LIKE = "test:text-3"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clustered_library(tmp_path_factory.mktemp("world") / "library", 120)


@pytest.fixture(scope="module")
def calibrated(library: Path) -> Path:
    assert run(["calibrate", "--library", str(library), "--json"]) == 0
    return library


@pytest.fixture(scope="module")
def client(calibrated: Path) -> Iterator[httpx.Client]:
    for url in serve(create_app(Settings(library=calibrated))):
        with httpx.Client(base_url=url, timeout=30) as opened:
            yield opened


def said(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    capsys.readouterr()
    code = run([str(arg) for arg in args])
    taken = capsys.readouterr()
    assert code == 0, taken.err
    return taken.out


def test_calibrating_tells_how_far_to_trust_it(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "calibrate", "--library", library, "--limit", 80, "--json"))
    pair = found["pairs"]["text->image"]
    assert pair["questions"] == 80
    assert 0 <= pair["error"] < 0.05
    assert sum(row["hits"] for row in pair["table"]) == pair["hits"]
    assert all({"low", "high", "said", "true"} <= row.keys() for row in pair["table"])
    assert "each asked once as it is and once with everything relevant taken away" in found["population"]
    shown = said(capsys, "calibrate", "--library", library, "--relevant-by", "text->image=number")
    assert "text->image" in shown
    assert "the same number" in shown
    assert "90-100 %" in shown
    file = library.parent / "pairs.tsv"
    file.write_text("".join(f"test:text-{n}\ttest:image-{n}\n" for n in range(70)))
    assert "the same pair" in said(capsys, "calibrate", "--library", library, "--pairs", file)


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["--limit", "3"], "limit is 3"),
        (["--seed", "-1"], "--seed is -1"),
        (["--pairs", __file__], "line 1 must be two URIs"),
        (["--pairs", "nowhere.tsv"], "nowhere.tsv: No such file"),
        (["--relevant-by", "nothing"], "fewer than 50 items agree"),
        (["--relevant-by", "text>image=number"], "write it like text->image"),
        (["--relevant-by", "number", "--relevant-by", "kind"], "name a direction in each"),
    ],
)
def test_what_cannot_be_calibrated_is_one_line(
    library: Path, args: list[str], names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["calibrate", "--library", str(library), *args]) == 1
    error = capsys.readouterr().err
    assert names in error
    assert error.strip().count("\n") == 0


def test_the_terminal_shows_chances_and_says_nothing_close(
    calibrated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["search", "--like", LIKE, "--want", "image,audio", "--library", calibrated]
    shown = said(capsys, *ask, "--explain")
    for word in ("chance", "calibrated at generation", "share of score", "nothing left to ask"):
        assert word in shown
    none = said(capsys, *ask, "--min-chance", 1)
    assert "Nothing close" in none
    answer = json.loads(said(capsys, *ask, "--min-chance", 1, "--json"))
    assert (answer["hits"], answer["nothing_close"]) == ([], True)
    answer = json.loads(said(capsys, *ask, "--json"))
    chances = [hit["chance"] for hit in answer["hits"]]
    assert chances == sorted(chances, reverse=True)
    assert answer["calibration"]["calibrated"]


def test_an_uncalibrated_library_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = clustered_library(tmp_path / "library", 3)
    answer = json.loads(said(capsys, "search", "--like", LIKE[:-1] + "1", "--library", other, "--json"))
    assert answer["nothing_close"] is None
    assert answer["hits"][0]["chance"] is None
    assert not answer["calibration"]["calibrated"]
    assert run(["search", "bell", "--min-chance", "0.5", "--library", str(other)]) == 1
    assert "run `hearsee calibrate`" in capsys.readouterr().err


def test_a_bad_part_is_left_out_when_told_to(
    calibrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    ask = ["search", "bell", "--image", str(bad), "--library", str(calibrated)]
    assert run(ask) == 1
    assert "bad.png" in capsys.readouterr().err
    answer = json.loads(said(capsys, *ask, "--skip-bad-parts", "--json"))
    assert "bad.png" in answer["skipped"][0]
    assert answer["hits"]
    assert "Left out:" in said(capsys, *ask, "--skip-bad-parts")


def asked(client: httpx.Client, **query: Any) -> Any:
    answer = client.post("/v1/search", json=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_http_gives_chances_explanations_and_a_token(client: httpx.Client) -> None:
    query = {"like": [LIKE, "test:image-3"], "wanted": ["audio"], "explain": True, "keep": True}
    first = asked(client, **query)
    assert first["calibration"]["calibrated"]
    for hit in first["hits"]:
        assert 0 < hit["chance"] < 1
        shares = [part["share"] for part in hit["explanation"]["parts"]]
        assert math.fsum(shares) == hit["score"]
    again = asked(client, token=first["token"], wanted=["audio"])
    assert [hit["score"] for hit in again["hits"]] == [hit["score"] for hit in first["hits"]]
    assert again["hits"][0]["explanation"] is None
    other = asked(client, token=first["token"], wanted=["image"], k=3, weights={"like": 2})
    assert {hit["item"]["modality"] for hit in other["hits"]} == {"image"}
    assert asked(client, like=LIKE)["token"] is None


def test_http_gives_no_chance_where_something_is_steered_away(client: httpx.Client) -> None:
    answer = asked(client, like=LIKE, without="rain", wanted=["image"])
    assert (answer["calibration"]["calibrated"], answer["nothing_close"]) == (False, None)
    assert "steered away" in answer["calibration"]["words"]
    assert {hit["chance"] for hit in answer["hits"]} == {None}


def test_http_says_nothing_close(client: httpx.Client) -> None:
    answer = asked(client, like=LIKE, wanted=["image"], min_chance=1)
    assert (answer["hits"], answer["nothing_close"]) == ([], True)
    form = client.post("/v1/search", files={"like": (None, LIKE), "wanted": (None, "image"), "min_chance": (None, "1")})
    assert form.json()["nothing_close"] is True


@pytest.mark.parametrize(
    ("query", "status", "names"),
    [
        ({"token": "unknown"}, 404, "expired"),
        ({"token": "unknown", "text": "bell"}, 400, "both a token and parts"),
        ({"token": "x" * 1000}, 400, "token"),
        ({"text": "bell", "min_chance": 2}, 400, "min_chance is 2"),
        ({"text": "bell", "explain": "perhaps"}, 400, "explain"),
    ],
)
def test_bad_questions_are_problems(client: httpx.Client, query: dict[str, Any], status: int, names: str) -> None:
    answer = client.post("/v1/search", json=query)
    assert answer.status_code == status
    assert names in answer.json()["detail"]
