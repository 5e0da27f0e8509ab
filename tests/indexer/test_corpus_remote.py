"""Sources that lie elsewhere: a real web server, fsspec's memory, and addresses that must not be reached."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pytest

from hearsee.core.errors import BadInput, BadMedia, HearseeError, NotFound
from hearsee.core.media import Limits
from hearsee.core.space import hash_space
from hearsee.indexer.corpus import Entry, Rejected, open_source, patience, read_item
from hearsee.indexer.corpus.addresses import shown
from hearsee.indexer.corpus.remote import read_web
from hearsee.indexer.corpus.web import TYPED, Trust, fetch, host_of, is_public
from tests.indexer.shop import Shop, counts, flac, png

LIMITS = Limits()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, and a few answers that wish ill."""

    asked: list[str] = []  # noqa: RUF012  one server for each test

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path == "/endless.png":
            self.send_response(200)
            self.end_headers()
            for _ in range(50):
                self.wfile.write(bytes(100_000))
        elif self.path.startswith("/busy/") and self.asked.count(self.path) < 3:
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.end_headers()
        elif self.path.startswith("/busy/"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(png(3))
        elif self.path == "/drips.png":
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            with contextlib.suppress(OSError):
                for _ in range(200):
                    self.wfile.write(b"X: y\r\n")
                    time.sleep(0.02)
        elif self.path == "/short.png":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(png(1)[:50])
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which a server of this machine gives its files."""
    folder = tmp_path / "web"
    folder.mkdir()
    Handler.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def memory() -> Iterator[str]:
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield "memory://shelf"
    files.store.clear()


def listed(source: str) -> list[Entry | Rejected]:
    return list(open_source(source, LIMITS).entries)


def test_a_table_on_the_web_lists_what_lies_beside_it(web: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = web
    (folder / "deep").mkdir()
    (folder / "deep" / "a.png").write_bytes(png(1))
    (folder / "b.flac").write_bytes(flac(1, 0.1))
    rows = [{"path": "deep/a.png", "text": "a red one"}, {"path": f"{url}/b.flac"}, {"path": "gone.png"}]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shop = Shop(tmp_path, hash_space())
    source = open_source(f"{url}/t.jsonl", LIMITS)
    report = shop.run(source)
    assert counts(report) == (3, 0, 0, 0, 1)
    assert report.reasons == [(f"{url}/gone.png", "cannot be read: its server answers 404 file not found")]
    items = shop.items()
    assert items.keys() == {f"{url}/deep/a.png", f"{url}/b.flac", f"{url}/t.jsonl#1"}
    assert items[f"{url}/deep/a.png"].group == items[f"{url}/t.jsonl#1"].group
    assert counts(shop.run(open_source(f"{url}/t.jsonl", LIMITS))) == (0, 0, 3, 0, 1)
    with pytest.raises(NotFound, match="lies elsewhere"):  # nothing that is shown or asked later is fetched
        read_item(f"{url}/b.flac", LIMITS)


def test_a_tar_and_a_single_file_on_the_web(web: tuple[Path, str]) -> None:
    folder, url = web
    with tarfile.open(folder / "s.tar", "w") as tar:
        for name, raw in (("a/1.png", png(1)), ("a/1.txt", b"red"), ("../x.png", png(2))):
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    (folder / "one.png").write_bytes(png(3))
    picture, words, refused = sorted(listed(f"{url}/s.tar"), key=lambda one: isinstance(one, Rejected))
    assert isinstance(picture, Entry)
    assert isinstance(words, Entry)
    assert (picture.uri, picture.group, picture.read()) == (f"{url}/s.tar#a/1.png", f"{url}/s.tar#a/1", png(1))
    assert refused.uri == f"{url}/s.tar#../x.png"
    (one,) = listed(f"{url}/one.png")
    assert isinstance(one, Entry)
    assert one.read() == png(3)
    for bad in ("nothing.jsonl", "nothing", "page.html"):
        with pytest.raises((BadInput, NotFound)):
            listed(f"{url}/{bad}")


def test_a_table_from_elsewhere_leads_into_no_private_network(web: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = web
    (folder / "secret.png").write_bytes(png(9))
    port = url.rpartition(":")[2]
    table = tmp_path / "downloaded.jsonl"
    own = ("127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]")
    far = ("169.254.169.254", "10.0.0.1", "192.168.0.1", "172.16.0.1", "[fe80::1]", "[2002:7f00:1::]", "100.64.0.1")
    others = ("ftp://127.0.0.1", "gopher://127.0.0.1", "memory://shelf", "simplecache::file://", "local://")
    forms = [
        *(f"http://{host}:{port}/secret.png" for host in (*own, "[64:ff9b::7f00:1]", "user@127.0.0.1")),
        *(f"http://{host}/secret.png" for host in (*far, "224.0.0.1")),
        *(f"{other}/secret.png" for other in others),
    ]
    table.write_text("".join(json.dumps({"path": form}) + "\n" for form in forms))
    found = listed(str(table))
    assert len(found) == len(forms)
    for one in found:
        if isinstance(one, Entry):
            with pytest.raises((BadMedia, OSError), match=r"private network|no address is known"):
                one.read()
    assert Handler.asked == []
    (row,) = [one for one in found if isinstance(one, Entry) and one.uri == forms[0]]
    with pytest.raises(BadMedia, match=r"leads into a private network \(127.0.0.1 is 127.0.0.1\): only you may name"):
        row.read()


def test_redirects_are_looked_at_like_addresses(web: tuple[Path, str]) -> None:
    folder, url = web
    (folder / "a.png").write_bytes(png(1))
    trusted = Trust(host=host_of(url))
    assert fetch(f"{url}/to/{url}/a.png", LIMITS, trusted) == png(1)
    other = url.replace("127.0.0.1", "localhost")
    with pytest.raises(BadMedia, match="private network"):
        fetch(f"{url}/to/{other}/a.png", LIMITS, trusted)
    with pytest.raises(BadMedia, match="private network"):
        fetch(f"{url}/to/http://169.254.169.254/latest", LIMITS, trusted)
    for leads in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(BadMedia, match="instead of http"):
            fetch(f"{url}/to/{leads}", LIMITS, TYPED)
    with pytest.raises(BadMedia, match="more than 3 times"):
        fetch(f"{url}/to//to//to//to//to//a.png".replace("/to//", "/to/" + url + "/"), LIMITS, TYPED)


def test_what_comes_is_counted(web: tuple[Path, str]) -> None:
    folder, url = web
    (folder / "large.png").write_bytes(bytes(2_000_000))
    small = Limits(max_file_bytes=1_000_000)
    with pytest.raises(BadMedia, match="a file of 2,000,000 bytes, the limit is 1,000,000"):
        fetch(f"{url}/large.png", small, TYPED)
    with pytest.raises(BadMedia, match="more than 1,000,000 bytes"):
        fetch(f"{url}/endless.png", small, TYPED)
    with pytest.raises(OSError, match="only 50 of 1,000 bytes came"):
        fetch(f"{url}/short.png", LIMITS, TYPED)
    with pytest.raises(OSError, match="refused"):
        fetch("http://127.0.0.1:9/x.png", LIMITS, TYPED)


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("::1", False), ("0.0.0.0", False),
     ("::ffff:10.0.0.1", False), ("2002:a00:1::", False), ("64:ff9b::a00:1", False), ("fe80::1%eth0", False),
     ("fd00::1", False), ("255.255.255.255", False), ("192.0.2.1", False), ("224.0.0.251", False)],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_folder_wherever_fsspec_has_one(memory: str, tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    for name, raw in {
        "b/2.png": png(2),
        "a.flac": flac(1, 0.1),
        "c.txt": b"owl",
        ".hidden.png": png(4),
        "d.xyz": b"?",
    }.items():
        files.pipe(f"/shelf/{name}", raw)
    shop = Shop(tmp_path, hash_space())
    assert counts(shop.run(open_source(memory, LIMITS))) == (3, 0, 0, 0, 0)
    assert {uri.removeprefix("memory://") for uri in shop.items()} == {
        "/shelf/a.flac",
        "/shelf/b/2.png",
        "/shelf/c.txt",
    }
    files.rm("/shelf/a.flac")
    assert counts(shop.run(open_source(memory, LIMITS))) == (0, 0, 2, 1, 0)
    with pytest.raises(NotFound):
        open_source("memory://nothing/here", LIMITS)


def test_a_table_beside_its_files_in_a_store(memory: str) -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/shelf/sub/1.png", png(1))
    rows = [{"path": "sub/1.png", "text": "one"}, {"path": "../../outside.png"}, {"path": "s3://other/1.png"}]
    files.pipe("/shelf/t.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    picture, words, outside, other = listed(f"{memory}/t.jsonl")
    assert isinstance(picture, Entry)
    assert (picture.uri, picture.read()) == (f"{memory}/sub/1.png", png(1))
    assert words.uri == f"{memory}/t.jsonl#1"
    assert outside.uri == f"{memory}/outside.png"  # nowhere above the table
    assert isinstance(other, Rejected)
    assert "what lies beside it, not s3://" in other.reason


def test_a_busy_server_is_asked_again_and_a_sure_answer_is_believed(
    web: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "WAIT_SECONDS", (0.01, 0.01))
    _, url = web
    assert read_web(f"{url}/busy/a.png", LIMITS, TYPED) == png(3)
    with pytest.raises(OSError, match="404"):
        read_web(f"{url}/gone.png", LIMITS, TYPED)
    with pytest.raises(OSError, match="only 50 of 1,000 bytes"):
        read_web(f"{url}/short.png", LIMITS, TYPED)
    assert [Handler.asked.count(path) for path in ("/busy/a.png", "/gone.png", "/short.png")] == [3, 1, 3]


def test_headers_that_drip_end_in_time(web: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearsee.indexer.corpus.web.TOTAL_SECONDS", 0.2)
    _, url = web
    began = time.monotonic()
    with pytest.raises(OSError, match="not here within"):
        fetch(f"{url}/drips.png", LIMITS, TYPED)
    assert time.monotonic() - began < 3


def test_a_table_on_the_web_is_fetched_several_at_once_and_in_order(web: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = web
    for number in range(60):
        (folder / f"{number}.png").write_bytes(png(number))
    rows = [{"path": f"{number}.png", "text": f"number {number}"} for number in range(60)]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shop = Shop(tmp_path, hash_space())
    report = shop.run(open_source(f"{url}/t.jsonl", LIMITS))
    assert counts(report) == (120, 0, 0, 0, 0)
    items = sorted(shop.items().values(), key=lambda item: item.id)
    assert [item.uri for item in items[::2]] == [f"{url}/{number}.png" for number in range(60)]


def test_keys_and_signatures_stay_out_of_the_library(
    web: tuple[Path, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    folder, url = web
    (folder / "a.png").write_bytes(png(1))
    host = url.partition("://")[2]
    rows = [
        {"path": "a.png?id=7&X-Amz-Signature=HUSH1&X-Amz-Expires=60", "text": "signed"},
        {"path": "gone.png?sv=1&sig=HUSH2"},
        {"path": f"http://user:HUSH3@{host}/a.png"},
        {"path": f"http://user:HUSH4@{host}/a.png", "modality": "smell"},
        {"path": "s3://name:HUSH5@bucket/a.png"},
        {"path": "unknown?token=HUSH6"},
    ]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shop = Shop(tmp_path, hash_space())
    report = shop.run(open_source(f"{url}/t.jsonl?token=HUSH7", LIMITS))
    assert counts(report) == (2, 0, 0, 0, 5)
    assert shop.items().keys() == {f"{url}/a.png?id=7", f"{url}/t.jsonl#1"}
    assert any("HUSH1" in path for path in Handler.asked)  # asked for with all that it needs
    for bad in (f"http://u:HUSH8@{host}/t.jsonl", f"{url}/none.jsonl?sig=HUSH9", "s3://k:HUSH0@bucket/x"):
        with pytest.raises(HearseeError) as refused:
            open_source(bad, LIMITS)
        assert "HUSH" not in str(refused.value)
    said = [text for uri_and_reason in report.reasons for text in uri_and_reason]
    assert not [text for text in (*said, caplog.text) if "HUSH" in text]
    kept = [path for path in (tmp_path / "library").rglob("*") if path.is_file() and b"HUSH" in path.read_bytes()]
    assert kept == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://b.example/x.png?X-Amz-Credential=K%2F1&X-Amz-Signature=a&versionId=3", "?versionId=3"),
        ("https://b.example/x.png?sv=2020&sig=z&se=2021&id=4", "?id=4"),
        ("https://b.example/x.png?Expires=9&Key-Pair-Id=K&Signature=z", ""),
        ("https://b.example/x.png?id=7&st=2&author=me", "?id=7&st=2&author=me"),
        ("https://b.example/x.png?access_token=1#part", "#part"),
        ("https://name:word@b.example/x.png", ""),
    ],
)
def test_what_opens_a_door_is_not_shown(given: str, kept: str) -> None:
    assert shown(given) == f"https://b.example/x.png{kept}"


def test_a_zip_is_a_folder_that_leads_nowhere_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/1.png", png(1))
        archive.writestr("in/2.txt", "owl")
        archive.writestr("../../out.png", png(2))
        archive.writestr("bomb.png", bytes(3_000_000))
    place = (tmp_path / "a.zip").as_uri()
    shop = Shop(tmp_path, hash_space())
    report = shop.run(open_source(f"zip://::{place}", Limits(max_file_bytes=1_000_000)))
    assert {f"zip://in/1.png::{place}", f"zip://in/2.txt::{place}"} <= shop.items().keys()
    assert (f"zip://bomb.png::{place}", "a file of 3,000,000 bytes, the limit is 1,000,000") in report.reasons
    assert list(tmp_path.rglob("out.png")) == []


def test_a_table_of_this_machine_may_name_what_lies_in_a_store(tmp_path: Path) -> None:
    rows = [{"path": "s3://bucket/a.png"}, {"path": "gs://b/c.flac"}, {"path": "s3://b/a.png::file:///etc/x.png"}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    one, two, chained = listed(str(tmp_path / "t.jsonl"))
    assert isinstance(one, Entry)
    assert isinstance(two, Entry)
    assert (one.uri, two.uri) == ("s3://bucket/a.png", "gs://b/c.flac")
    assert isinstance(chained, Rejected)


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(BadInput, match=r"needs the extra `remote`: pip install 'hearsee\[remote\]'"):
        open_source("s3://bucket/folder", LIMITS)


def test_a_local_file_by_its_address(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(png(1))
    (one,) = listed((tmp_path / "a b.png").as_uri())
    assert isinstance(one, Entry)
    assert one.read() == png(1)
