"""Where no hub can be reached, that is told within seconds, and a proxy is trusted to reach it."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from hearsee.core import models
from hearsee.core.errors import NotFound
from hearsee.core.models import _out_of_reach, find_model


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_who_listens_is_in_reach_and_who_does_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert _out_of_reach(url) == ""
    assert "127.0.0.1: " in _out_of_reach(url)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert _out_of_reach(url) == ""  # it is the proxy that asks


def test_a_hub_that_says_nothing_is_waited_for_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "REACHED_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as first, socket.socket() as more:
        for waiting in (first, more):  # the queue is full: a further connection hangs
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        began = time.monotonic()
        assert _out_of_reach(f"http://127.0.0.1:{server.getsockname()[1]}") == "127.0.0.1: no answer within 0.2 s"
        assert time.monotonic() - began < 5


def test_a_missing_model_names_the_hub_that_was_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    constants = pytest.importorskip("huggingface_hub").constants
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    with pytest.raises(NotFound, match=r"no hub answers \(127\.0\.0\.1: "):
        find_model("some/model", environ={"HF_HUB_CACHE": str(tmp_path)})
