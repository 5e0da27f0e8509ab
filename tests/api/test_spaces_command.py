"""`hearsee spaces`: what works offline comes first; what stands behind one is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearsee.api.main import run
from hearsee.core.space import load_space


def test_what_needs_no_weights_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spaces", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["spaces"]
    assert [row["name"] for row in rows[:2]] == ["toybox", "hash"]
    assert rows[0]["fingerprint"] == load_space("toybox").fingerprint
    assert {"clip-clap", "siglip2-clap", "backbones"} <= {row["name"] for row in rows}
    assert [row["name"] for row in rows if row["megabytes"] and not row["free"]] == ["small-clap"]


def test_the_list_says_size_licences_languages_and_recall(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spaces"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.split()}
    for said in (
        "(default)",
        "1,219 MB",
        "MIT; Apache-2.0",
        "links under CC-BY-4.0",
        "Flickr30k 66.8, COCO 39.3 (open_clip",
    ):
        assert said in lines["clip-clap"], said
    assert "research only, not commercial (not free)" in lines["small-clap"]
    assert "COCO 53.2 (arXiv 2502.14786)" in lines["siglip2-clap"]
    assert "109, as WebLI" in lines["siglip2-clap"]


def test_one_space_tells_licences_figures_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spaces", "clip-clap"]) == 0
    shown = capsys.readouterr().out
    for said in ("MIT", "LAION-2B-en", "66.8", "Retrieval quality per CPU second"):
        assert said in shown


def test_what_is_not_free_says_so_though_its_weights_are_not_here(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("HF_HUB_CACHE", "HEARSEE_MODELS"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(["spaces", "small-clap"]) == 0
    notice = "timm/MobileCLIP2-S0-OpenCLIP: Apple AMLR: research only, not commercial"
    assert f"its weights are not free for every use: {notice}\n" in capsys.readouterr().out
    (tmp_path / "bell.txt").write_text("a bell")
    at = ("--library", str(tmp_path / "library"))
    assert run(["index", str(tmp_path / "bell.txt"), "--space", "small-clap", *at]) == 1
    assert "no weights of 'laion/clap-htsat-unfused'" in capsys.readouterr().err
    assert notice in caplog.text


def test_an_unknown_space_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spaces", "clop"]) == 1
    assert "no space is named 'clop': known are toybox" in capsys.readouterr().err
