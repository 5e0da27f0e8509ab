"""Readers of folders, tables and tars: what is listed, how it is named, and what is passed over with a reason."""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hearsee.core.errors import BadInput, BadMedia, NotFound
from hearsee.core.item import local_path
from hearsee.core.media import Limits
from hearsee.core.modality import Modality
from hearsee.indexer.corpus import Entry, Rejected, open_source, read_item
from hearsee.indexer.corpus.rows import csv_rows

LIMITS = Limits()


def png(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(out, "PNG")
    return out.getvalue()


def listed(source: Path | str, **columns: str) -> list[Entry | Rejected]:
    return list(open_source(str(source), LIMITS, **columns).entries)


def entries(found: Iterable[Entry | Rejected]) -> list[Entry]:
    return [one for one in found if isinstance(one, Entry)]


def reasons(found: Iterable[Entry | Rejected]) -> list[str]:
    return [one.reason for one in found if isinstance(one, Rejected)]


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


# Folders


def test_a_folder_is_listed_in_the_order_of_names_and_kinds_are_found(tmp_path: Path) -> None:
    for name, raw in {
        "b.png": png(),
        "a/z.txt": b"last in a",
        "a/y.FLAC": b"fLaC",
        "c/without-an-ending": png(),
        "notes.docx": b"PK\3\4",
        ".hidden/x.png": png(),
        ".also.png": png(),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    found = listed(tmp_path)
    shown = [(one.uri.removeprefix(tmp_path.as_uri() + "/"), one.modality.value) for one in entries(found)]
    assert shown == [("b.png", "image"), ("a/y.FLAC", "audio"), ("a/z.txt", "text"), ("c/without-an-ending", "image")]
    assert reasons(found) == []
    assert entries(found)[2].read() == b"last in a"


@pytest.mark.parametrize(
    "name", [b"new\nline.png", b"quo'te\".png", b"not utf-8 \xff\xfe.png", b"a#b?c%20.png", b" .png"]
)
def test_odd_names_survive_the_way_into_a_uri_and_back(tmp_path: Path, name: bytes) -> None:
    place = tmp_path / os.fsdecode(name)
    place.write_bytes(png())
    (entry,) = entries(listed(tmp_path))
    assert entry.uri.isascii()
    assert entry.uri.isprintable()
    assert local_path(entry.uri) == place
    assert entry.read() == read_item(entry.uri, LIMITS) == png()


def test_pipes_and_devices_are_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "real.png").write_bytes(png())
    table = jsonl(
        tmp_path / "t.jsonl", {"path": "pipe.png"}, {"path": "/dev/zero", "modality": "image"}, {"path": "pipe"}
    )
    began = time.monotonic()
    found = listed(tmp_path)
    assert len(entries(found)) == 1
    assert [reason.split(":")[0] for reason in reasons(found)] == [
        "a named pipe, not a file",
        "a link that leads out of the folder",
    ]
    for entry, said in zip(entries(listed(table)), ("named pipe", "device"), strict=True):
        with pytest.raises(BadMedia, match=said):
            entry.read()
    assert reasons(listed(table)) == ["a named pipe, not a file"]
    assert time.monotonic() - began < 5
    with pytest.raises(BadInput, match="named pipe"):
        listed(tmp_path / "pipe.png")


def test_links_are_followed_only_inside_the_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.png").write_bytes(png())
    (inside / "real.png").write_bytes(png())
    (inside / "ok.png").symlink_to("real.png")
    (inside / "out.png").symlink_to(outside / "secret.png")
    (inside / "loop").symlink_to(inside)
    (inside / "self.png").symlink_to("self.png")
    (inside / "gone.png").symlink_to("nothing.png")
    found = listed(inside)
    assert [one.uri.rpartition("/")[2] for one in entries(found)] == ["ok.png", "real.png"]
    said = {one.uri.rpartition("/")[2]: one.reason for one in found if isinstance(one, Rejected)}
    assert said.keys() == {"out.png", "self.png", "gone.png"}
    assert "out of the folder" in said["out.png"]


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda path: path, NotFound, "there is no such file or folder"),
        (lambda path: path.mkdir() or path, NotFound, "no pictures, sounds or texts in it; nothing was removed"),
        (lambda path: path.write_bytes(b"PK\3\4") and path, BadInput, "not something to index"),
        (lambda _: "https://user:secret@example.org/x.jsonl", BadInput, "a password in it"),
        (lambda _: "nosuch://example.org/x.jsonl", BadInput, "nosuch"),
        (lambda _: "nul\0byte", BadInput, "not the name"),
    ],
)
def test_a_source_that_cannot_be_opened_says_so(tmp_path: Path, make: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        listed(make(tmp_path / "source"))


def test_a_file_larger_than_allowed_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(10 * 2**30)  # sparse: takes no room
    with pytest.raises(BadMedia, match="10,737,418,240 bytes, the limit is 268,435,456"):
        entries(listed(tmp_path))[0].read()


# Tables


def test_a_row_with_a_path_and_a_text_gives_two_items_in_one_group(tmp_path: Path) -> None:
    (tmp_path / "owl.png").write_bytes(png())
    rows = {"path": "owl.png", "text": "an owl", "colour": "brown", "count": 2, "tags": ["night", 1]}
    picture, words = listed(jsonl(tmp_path / "t.jsonl", rows))
    assert isinstance(picture, Entry)
    assert isinstance(words, Entry)
    assert (picture.uri, picture.modality, picture.caption, picture.text) == (
        (tmp_path / "owl.png").as_uri(),
        Modality.IMAGE,
        "an owl",
        None,
    )
    assert (words.uri, words.modality, words.text) == ((tmp_path / "t.jsonl").as_uri() + "#1", Modality.TEXT, "an owl")
    assert picture.group == words.group == picture.uri
    assert picture.metadata == words.metadata == {"colour": "brown", "count": 2, "tags": ["night", 1]}
    assert (picture.read(), words.read()) == (png(), b"an owl")
    assert read_item(words.uri, LIMITS) == b"an owl"


def test_one_path_in_several_rows_is_one_item_with_all_texts_in_its_group(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    rows = [{"image": "a.png", "captions": ["one", "two"]}, {"image": "./a.png", "captions": "three"}]
    picture, *words = entries(listed(jsonl(tmp_path / "t.jsonl", *rows)))
    assert [one.text for one in words] == ["one", "two", "three"]
    assert {one.group for one in words} == {picture.uri}
    assert len({one.uri for one in words}) == 3


def test_ids_name_rows_and_repeated_ids_stay_apart(tmp_path: Path) -> None:
    rows = [{"id": "x/1 é", "text": "a"}, {"id": 7, "text": "b"}, {"id": 7, "text": "c"}, {"text": "d"}]
    table = jsonl(tmp_path / "t.jsonl", *rows)
    found = [one.uri.partition("#")[2] for one in entries(listed(table))]
    assert found == ["x%2F1%20%C3%A9", "7", "7.row-3", "4"]
    assert read_item(table.as_uri() + "#7.row-3", LIMITS) == b"c"
    with pytest.raises(NotFound, match="no such row"):
        read_item(table.as_uri() + "#8", LIMITS)


def test_modality_comes_from_its_column_the_name_or_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(png())
    (tmp_path / "y.bin").write_bytes(b"????")
    table = jsonl(
        tmp_path / "t.jsonl",
        {"path": "x.bin"},
        {"path": "x2.png", "modality": "audio"},
        {"audio_path": "z"},
        {"path": "y.bin"},
        {"path": "q.png", "modality": "smell"},
    )
    found = listed(table)
    assert [one.modality.value for one in entries(found)] == ["image", "audio", "audio"]
    assert reasons(found)[0].startswith("neither its name")
    assert "unknown modality 'smell'" in reasons(found)[1]


def test_bad_rows_are_reasons_and_do_not_stop_the_table(tmp_path: Path) -> None:
    table = jsonl(
        tmp_path / "t.jsonl",
        {"text": "first"},
        "{not json",
        "[1, 2]",
        '{"text": ' + "[" * 100_000,
        {"path": "ftp://example/cat.png"},
        {"path": {"bytes": "x"}},
        {"path": "nul\0.png"},
        {"colour": "red"},
        '{"text": "lone \\ud800 surrogate", "score": NaN}',
        {"text": "last"},
    )
    found = listed(table)
    assert [one.text for one in entries(found)] == ["first", "lone \ufffd surrogate", "last"]
    said = reasons(found)
    assert len(said) == 7
    assert "a table may list web addresses and what lies beside it, not ftp://" in said[3]
    assert "write them to files" in said[4]
    assert [one.partial for one in found if isinstance(one, Rejected)] == [True] * 3 + [False] * 4


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    limits = Limits(max_text_bytes=1000)
    (tmp_path / "t.jsonl").write_bytes(b'{"text": "ok"}\n' + b"x" * 5_000_000 + b'\n{"text": "after"}\n')
    found = list(open_source(str(tmp_path / "t.jsonl"), limits).entries)
    assert [one.text for one in entries(found)] == ["ok", "after"]
    assert "longer than" in reasons(found)[0]


def test_csv_cells_become_what_they_look_like(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    lines = [
        "\ufefftext,count,share,zip,far,empty",
        '"a ""bell"",\ntwice",3,-0.5e1,00123,true,',
        "short,1",
        "a,b,c,d,e,f,g",
    ]
    table.write_bytes("\r\n".join(lines).encode())
    found = listed(table)
    first, second = entries(found)
    assert first.text == 'a "bell",\ntwice'
    assert first.metadata == {"count": 3, "share": -5.0, "zip": "00123", "far": True}
    assert second.metadata == {"count": 1}
    assert "7 cells, but there are 6 columns" in reasons(found)[0]
    (tmp_path / "t.tsv").write_text("caption\tn\nan owl\t1\n")
    assert entries(listed(tmp_path / "t.tsv"))[0].text == "an owl"


def test_a_csv_path_that_is_not_utf_8_leads_to_its_file(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(png())
    (tmp_path / "t.csv").write_bytes(b"path,note\n\xff.png,\xff\n")
    (entry,) = entries(listed(tmp_path / "t.csv"))
    assert entry.read() == png()
    assert entry.metadata == {"note": "\ufffd"}


def test_parquet_rows_become_json_values(tmp_path: Path) -> None:
    table = tmp_path / "t.parquet"
    rows = {
        "caption": ["an owl", "a bell"],
        "n": [1, None],
        "when": pyarrow.array([0, 1], pyarrow.timestamp("s")),
        "raw": [b"x", b"y"],
        "box": [{"w": 1.5}, {"w": float("nan")}],
    }
    pyarrow.parquet.write_table(pyarrow.table(rows), table)
    first, second = entries(listed(table))
    assert (first.text, first.metadata) == ("an owl", {"n": 1, "when": "1970-01-01T00:00:00", "box": {"w": 1.5}})
    assert second.metadata == {"when": "1970-01-01T00:00:01", "box": {"w": None}}
    table.write_bytes(table.read_bytes()[:-10])
    with pytest.raises(BadInput, match="Parquet"):
        listed(table)


def test_columns_can_be_named_and_a_table_without_any_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("wer,was\na.png,an owl\n")
    with pytest.raises(BadInput, match=r"a row with no path and no text: it has was, wer.*--path-column"):
        listed(tmp_path / "t.csv")
    (tmp_path / "wide.csv").write_text(",".join(f"{n:03}" + "x" * 500 for n in range(500)) + "\n" + ",".join("1" * 500))
    with pytest.raises(BadInput, match="a row with no path and no text") as wide:
        listed(tmp_path / "wide.csv")
    assert len(str(wide.value)) < 1000
    picture, words = entries(listed(tmp_path / "t.csv", path_column="wer", text_column="was"))
    assert (picture.modality, words.text) == (Modality.IMAGE, "an owl")


def test_a_folder_with_a_toybox_table_is_read_as_that_table(tmp_path: Path) -> None:
    (tmp_path / "stray.png").write_bytes(png())
    jsonl(tmp_path / "items.jsonl", {"modality": "text", "text": "two bells", "group": "g", "count": 2})
    source = open_source(str(tmp_path), LIMITS)
    (entry,) = entries(source.entries)
    assert source.uri == (tmp_path / "items.jsonl").as_uri()
    assert (entry.text, entry.group, entry.metadata) == ("two bells", "g", {"count": 2})


CELLS = st.text(st.characters(codec="utf-8")).map(lambda text: f"x{text}")


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "text"]), CELLS, min_size=1)))
def test_csv_survives_any_text(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["a", "b", "text"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    assert list(csv_rows(path, LIMITS)) == rows


# Tars


def tar_of(path: Path, *members: tuple[str, bytes | None]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, raw in members:
            info = tarfile.TarInfo(name)
            info.size = len(raw or b"")
            if raw is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(info, io.BytesIO(raw or b""))
    return path


def test_members_of_one_stem_are_one_sample(tmp_path: Path) -> None:
    tar = tar_of(
        tmp_path / "t.tar",
        ("a/001.png", png()),
        ("a/001.txt", b"an owl\n"),
        ("a/001.json", json.dumps({"colour": "brown", "count": 1}).encode()),
        ("a/001.cls", b"7\n"),
        ("b/001.seg.png", png("blue")),
        ("c.json", json.dumps({"caption": "only words", "n": 2}).encode()),
    )
    owl, words, other, only = entries(listed(tar))
    assert owl.uri == tar.as_uri() + "#a/001.png"
    assert owl.caption == "an owl"
    assert owl.metadata == words.metadata == {"colour": "brown", "count": 1, "cls": 7}
    assert owl.group == words.group == tar.as_uri() + "#a/001"
    assert (other.group, other.caption, other.modality) == (None, None, Modality.IMAGE)
    assert (only.text, only.metadata) == ("only words", {"n": 2})
    for one in (owl, words, other, only):
        assert read_item(one.uri, LIMITS) == one.read()
    with pytest.raises(NotFound, match="no member"):
        read_item(tar.as_uri() + "#nothing.png", LIMITS)


def test_names_in_a_tar_are_only_names(tmp_path: Path) -> None:
    names = ["../../escape.png", "/etc/absolute.png", "new\nline.png", "q'uo\"te.png", "caf\udce9.png"]
    tar = tar_of(
        tmp_path / "t.tar", *((name, png()) for name in names), ("link.png", None), ("late.pickle", b"\x80\x04.")
    )
    before = sorted(tmp_path.iterdir())
    found = listed(tar)
    assert [one.uri.partition("#")[2] for one in entries(found)] == ["new%0Aline.png", "q%27uo%22te.png", "caf%E9.png"]
    out, absolute, link = reasons(found)
    assert "leads out of the tar" in out
    assert out == absolute
    assert link == "a link inside a tar is not followed"
    assert sorted(tmp_path.iterdir()) == before
    assert all(read_item(one.uri, LIMITS) == png() for one in entries(found))


def test_a_tar_cut_short_may_not_remove_what_it_no_longer_lists(tmp_path: Path) -> None:
    tar = tar_of(tmp_path / "t.tar", *((f"{n}.png", png()) for n in range(5)))
    whole = tar.read_bytes()
    for end in (512 * 5 + 100, 512 * 4, 512 * 5):
        tar.write_bytes(whole[:end])
        last = listed(tar)[-1]
        assert isinstance(last, Rejected)
        assert last.partial
        assert last.unseen
    flipped = bytearray(whole)
    flipped[512 * 4 + 10] ^= 0xFF  # tarfile takes a damaged header for the end
    tar.write_bytes(flipped)
    assert "breaks off at byte 2,048" in reasons(listed(tar))[-1]
    tar.write_bytes(b"not a tar at all")
    with pytest.raises(BadInput, match="cut short"):
        listed(tar)


def test_a_member_larger_than_allowed_is_passed_over(tmp_path: Path) -> None:
    tar = tar_of(tmp_path / "t.tar", ("big.png", bytes(5000)), ("ok.png", png()))
    found = list(open_source(str(tar), Limits(max_file_bytes=4000)).entries)
    assert [one.uri.partition("#")[2] for one in entries(found)] == ["ok.png"]
    assert "5,000 bytes, the limit is 4,000" in reasons(found)[0]
