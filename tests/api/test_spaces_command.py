"""`hearsee spaces`: what works offline comes first; what stands behind one is told."""

from __future__ import annotations

import json

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


def test_one_space_tells_licences_figures_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spaces", "clip-clap"]) == 0
    shown = capsys.readouterr().out
    for said in ("MIT", "LAION-2B-en", "66.8", "Retrieval quality per CPU second"):
        assert said in shown


def test_an_unknown_space_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spaces", "clop"]) == 1
    assert "no space is named 'clop': known are toybox" in capsys.readouterr().err
