"""`hearsee index` and what looks after a library, in the process."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from hearsee.api.main import run
from tests.api.world import World, make_world


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def spoken(capsys: pytest.CaptureFixture[str], world: World, *args: object, code: int = 0) -> str:
    capsys.readouterr()
    assert run([*map(str, args), "--library", str(world.library)]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def answered(capsys: pytest.CaptureFixture[str], world: World, *args: object, code: int = 0) -> dict[str, object]:
    capsys.readouterr()
    assert run([*map(str, args), "--library", str(world.library), "--json"]) == code
    last: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return last


def test_every_commit_is_a_line_and_the_totals_come_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    world = make_world(tmp_path)
    *commits, totals = lines(capsys)
    assert commits
    assert all(set(commit) == {"generation", "items"} for commit in commits)
    assert sum(int(str(commit["items"])) for commit in commits) == totals["added"] == 26
    assert totals["generation"] == max(int(str(commit["generation"])) for commit in commits)
    assert totals["quarantine"] == []
    assert totals["library"] == str(world.library)


def test_again_changes_nothing(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    totals = answered(capsys, own_world, "index", own_world.folder)
    assert [totals[name] for name in ("added", "updated", "unchanged", "removed", "encoded")] == [0, 0, 26, 0, 0]


def test_a_bad_file_is_quarantined_with_its_reason(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    picture = own_world.file("image", 3)
    picture.write_bytes(picture.read_bytes()[:100])
    totals = answered(capsys, own_world, "index", own_world.folder)
    assert totals["quarantined"] == 1
    assert totals["quarantine"][0]["uri"] == picture.as_uri()  # type: ignore[index]
    assert picture.name in spoken(capsys, own_world, "list", "--quarantined")


def test_the_table_says_why(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    own_world.file("audio", 1).write_bytes(b"fLaC and nothing else")
    said = spoken(capsys, own_world, "index", own_world.folder)
    assert "quarantined" in said
    assert own_world.file("audio", 1).name in said


def test_what_was_passed_over_is_said_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path / "mixed", tmp_path / "library")
    world.folder.mkdir()
    (world.folder / "words.txt").write_text("a bell")
    (world.folder / "one.heic").write_bytes(b"\0nothing known")
    (world.folder / "two.pdf").write_bytes(b"\0nothing known")
    totals = answered(capsys, world, "index", world.folder, "--space", "hash")
    assert totals["passed_over"] == {".heic": 1, ".pdf": 1}
    again = spoken(capsys, world, "index", world.folder)
    assert "2 files of other kinds passed over (.heic 1, .pdf 1)." in again


def test_a_library_of_another_space_is_refused(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    said = spoken(capsys, own_world, "index", own_world.folder, "--space", "smell", code=1)
    assert "smell" in said
    assert "hash" in said


@pytest.mark.parametrize("source", ["nowhere", "empty"])
def test_a_source_with_nothing_in_it_removes_nothing(
    own_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    (tmp_path / "empty").mkdir()
    before = answered(capsys, own_world, "stats")["items"]
    assert source in spoken(capsys, own_world, "index", tmp_path / source, code=1)
    assert answered(capsys, own_world, "stats")["items"] == before


def test_removed_by_path_by_uri_and_by_id(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    page = answered(capsys, own_world, "list", "--kind", "image", "--limit", 1)
    number = page["items"][0]["id"]  # type: ignore[index]
    gone = [own_world.file("image", 4), own_world.file("audio", 2).as_uri(), number]
    assert answered(capsys, own_world, "remove", *gone)["removed"] == 3
    left = answered(capsys, own_world, "list", "--limit", 100)["items"]
    assert len(left) == 23  # type: ignore[arg-type]
    assert own_world.file("image", 4).exists()


def test_removing_what_is_not_there_removes_nothing(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    said = spoken(capsys, own_world, "remove", own_world.file("image"), "999999", code=1)
    assert "999999" in said
    assert len(answered(capsys, own_world, "list", "--limit", 100)["items"]) == 26  # type: ignore[arg-type]


def test_pages_follow_each_other(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []
    after: object = 0
    while after is not None:
        page = answered(capsys, world, "list", "--limit", 10, "--after", after)
        seen += [item["id"] for item in page["items"]]  # type: ignore[attr-defined]
        after = page["next"]
    assert seen == sorted(set(seen))
    assert len(seen) == 26


def test_compaction_gives_back_room_and_changes_no_answer(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    answered(capsys, own_world, "remove", own_world.file("image", 0), own_world.file("audio", 0))
    question = ("search", "--image", own_world.file("image", 1), "-k", 100)
    before = answered(capsys, own_world, *question)["hits"]
    answered(capsys, own_world, "compact")
    assert answered(capsys, own_world, *question)["hits"] == before
    assert answered(capsys, own_world, "stats")["removed_points"] == 0
    assert spoken(capsys, own_world, "compact")


def test_a_flipped_byte_is_found_and_repaired(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    spoken(capsys, own_world, "verify")
    segment = max((own_world.library / "segments").rglob("*.npy"), key=lambda path: path.stat().st_size)
    raw = bytearray(segment.read_bytes())
    raw[-5] ^= 1
    segment.write_bytes(raw)
    capsys.readouterr()
    assert run(["verify", "--library", str(own_world.library)]) == 1
    assert segment.name in capsys.readouterr().out
    run(["verify", "--repair", "--library", str(own_world.library)])
    spoken(capsys, own_world, "verify")
    answered(capsys, own_world, "index", own_world.folder)
    assert len(answered(capsys, own_world, "list", "--limit", 100)["items"]) == 26  # type: ignore[arg-type]


def test_figures_in_every_direction(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    report = answered(capsys, world, "eval")
    assert set(report["directions"]) == {  # type: ignore[call-overload]
        f"{a}->{b}" for a in ("text", "image", "audio") for b in ("text", "image", "audio") if a != b
    }
    figure = report["directions"]["image->audio"]["recall@10"]  # type: ignore[index]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert figure["queries"] == 8
    assert "text → image" in spoken(capsys, world, "eval") or "text->image" in spoken(capsys, world, "eval")


def test_names_cannot_move_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "notes"
    source.mkdir()
    (source / "a\x1b[2J\u202eb.txt").write_text("a \x1b[31mred\x07 [bold]bell[/bold]\u2028end")
    world = World(source, tmp_path / "library")
    assert run(["index", str(source), "--library", str(world.library), "--space", "hash", "--json"]) == 0
    for said in (spoken(capsys, world, "list"), spoken(capsys, world, "search", "x")):
        assert not {"\x1b", "\x07", "\u202e", "\u2028"} & set(said)
        assert "[bold]bell[/bold]" in said


@pytest.mark.parametrize(
    "args", [["stats"], ["list"], ["search", "x"], ["remove", "1"], ["compact"], ["verify"], ["eval"], ["serve"]]
)
def test_a_wrong_library_path_is_one_line(args: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*args, "--library", str(tmp_path / "nowhere")]) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "nowhere" in said.err
    assert said.out == ""
    assert not (tmp_path / "nowhere").exists()


def test_an_unknown_setting_is_one_line(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARSEE_COLOUR", "red")
    assert "HEARSEE_COLOUR" in spoken(capsys, world, "stats", code=1)


def test_the_environment_names_the_library(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARSEE_LIBRARY", str(world.library))
    capsys.readouterr()
    assert run(["stats", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == {"audio": 8, "image": 9, "text": 9}


def test_a_run_that_could_read_nothing_fails_and_names_the_first_thing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    args = ("index", str(tmp_path / "torn.png"), "--space", "hash", "--library", str(tmp_path / "library"))
    assert run([*args, "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["quarantined"] == 1
    assert said.err.count("\n") == 1
    assert "torn.png" in said.err


def test_an_item_named_twice_is_removed_once(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    uri = own_world.file("image", 2).as_uri()
    assert answered(capsys, own_world, "remove", uri, uri)["removed"] == 1


def test_empty_lists_say_so(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert spoken(capsys, own_world, "list", "--where", '{"colour": "none"}').startswith("Nothing to show")
    assert spoken(capsys, own_world, "list", "--quarantined").startswith("Nothing is quarantined")


def test_recall_fits_a_terminal_of_80_columns(world: World) -> None:
    here, there = pty.openpty()
    command = [sys.executable, "-m", "hearsee.api.main", "eval", "--library", str(world.library)]
    with subprocess.Popen(
        command, stdout=there, stderr=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    ) as asked:
        os.close(there)
        said = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end was closed
            while more := os.read(here, 65536):
                said += more
    os.close(here)
    assert asked.returncode == 0
    shown = said.decode().splitlines()
    assert max(map(len, shown)) <= 80
    assert any("text->image" in line and "recall" not in line for line in shown)
    assert any("recall@10" in line for line in shown)


def test_a_recall_is_proved_kept_and_shown(own_world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = answered(capsys, own_world, "stats")["searched"]
    assert {row["kind"] for row in before} == {"exact"}  # type: ignore[attr-defined]
    built = answered(capsys, own_world, "index", own_world.folder, "--recall", "0.9", "--shards", "hnsw")
    assert built["searched"] == answered(capsys, own_world, "stats")["searched"]
    assert "search text: " in spoken(capsys, own_world, "index", own_world.folder)
    (own_world.folder / "new.txt").write_text("a bell on the left")
    answered(capsys, own_world, "index", own_world.folder)  # says nothing of recall: what was asked for stays
    rows: list[dict[str, object]] = answered(capsys, own_world, "stats")["searched"]  # type: ignore[assignment]
    assert {row["kind"] for row in rows} <= {"hnsw", "exact"}
    assert all("asked for by name" in str(row["reason"]) or "no effort reached" in str(row["reason"]) for row in rows)
    assert "search text" in spoken(capsys, own_world, "stats")
    assert "kind 'round': choose one of exact, ivf-pq4" in spoken(
        capsys, own_world, "index", own_world.folder, "--shards", "round", code=1
    )
